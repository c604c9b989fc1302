"""AdSEE's comparison tables on any creatives with results: models, inputs, face pooling, and the gain of each modality.

Every row is one network on some of the inputs, fitted anew for each seed like a predictor, starting from the best linear
prediction. A seed sets a split by group and the initial weights; a split by row would put near-copies of a creative on both
sides and is refused (`catalog.splits.check_split`).
Figures are means over seeds (and markets) with 95 % intervals from a bootstrap that draws whole groups, the same draws for
every row, so that differences to the row with all inputs are paired. The rows of the paper come last, on AutoInt, with the
published figures (`adsee_tables`).
Source:
    Jiang et al., AdSEE, KDD 2023, tables 2 and 3: MAE, MAPE, NDCG@10, NDCG@50, Spearman, Kendall of destandardised rates.
    Differs: grouped splits, seeds and intervals (the paper has neither), start and loss of our own training for every
    network, FC dense, all ads and not only those with one to five faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau

from adcreative.benchmarks import adsee_published as adsee_tables
from adcreative.benchmarks.adsee_inputs import attach_codes, attach_labels, fit_labels, pool_by_attention, widen_spec
from adcreative.catalog.splits import check_split, group_key, split_groups
from adcreative.creative import Creative
from adcreative.ctr.config import CTRModelConfig, PredictorConfig, TrainingConfig
from adcreative.ctr.creative_network import CreativeNetwork, build_ctr_model
from adcreative.ctr.trainable import check_trainable
from adcreative.ctr.training.loop import Callbacks, train_model
from adcreative.ctr.training.warm_start import fit_wide_path
from adcreative.errors import ConfigError, TrainingError
from adcreative.features.batch import FIELDS, MODALITIES, CreativeFeatures, FeatureBatch
from adcreative.features.builder import FeatureBuilder
from adcreative.features.outcomes import count_outcomes
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval
from adcreative.metrics.ranking import ndcg, spearman_correlation
from adcreative.progress import Count, ShouldStop

METRICS = ("mae", "mape", "ndcg_at_10", "ndcg_at_50", "spearman", "kendall")
FRACTIONS = (0.6, 0.15, 0.25)
NUM_DRAWS = 200
MIN_GROUPS = 12
TRAINING = TrainingConfig(batch_size=64, num_epochs=30, patience=5)
POOLINGS = {"max": ("face_mean",), "mean": ("face_max",), "attention": ("face_max",)}  # fields left out
LATENTS = ("face_mean", "face_max")
INPUTS = {
    "words": MODALITIES["words"],
    "picture": MODALITIES["picture"] + MODALITIES["look"],
    "faces": MODALITIES["faces"],
    "context": MODALITIES["context"],
}

Table = tuple[Sequence[Creative], Sequence[CreativeFeatures]]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the table: a network of the registry, its fields, and its pooling of face codes.

    labels: whether class labels are inputs too. against: the row it is compared with; "": the same network on FIELDS.
    published: METRICS of the same row in the paper, on other data.
    """

    name: str
    model: str
    fields: tuple[str, ...] = FIELDS
    pooling: str = "max"
    history: bool = False
    labels: bool = False
    against: str = ""
    published: tuple[float, ...] | None = None


def _without(*fields: str) -> tuple[str, ...]:
    return tuple(name for name in FIELDS if name not in fields)


def _published(number: str) -> Variant:
    """Return a row of AdSEE's tables, on AutoInt as in the paper."""
    inputs = adsee_tables.LINES[number].split()
    fields = {field for name in inputs for field in adsee_tables.INPUT_FIELDS[name]}
    return Variant(
        name=adsee_tables.name_line(number),
        model="autoint",
        fields=tuple(name for name in FIELDS if name in fields),
        labels="CL" in inputs,
        against=adsee_tables.name_line(adsee_tables.FULL_LINES[number[0]]),
        published=adsee_tables.FIGURES.get(number),
    )


VARIANTS = (
    Variant(name="mean rate", model="mean_rate"),
    *(
        Variant(name=f"{model}, {inputs}", model=model, fields=fields)
        for model in ("linear", "autoint", "qin")
        for inputs, fields in (("all", FIELDS), ("no face latents", _without(*LATENTS)))
    ),
    *(Variant(name=f"qin, faces by {pooling}", model="qin", pooling=pooling) for pooling in ("mean", "attention")),
    *(Variant(name=f"qin, only {name}", model="qin", fields=fields) for name, fields in INPUTS.items()),
    *(Variant(name=f"qin, without {name}", model="qin", fields=_without(*fields)) for name, fields in INPUTS.items()),
    Variant(name="qin, all and history", model="qin", history=True),
    *(Variant(name=f"{model}, all and labels", model=model, labels=True) for model in ("linear", "autoint", "qin")),
    Variant(name="qin, only labels", model="qin", fields=(), labels=True),
    *map(_published, adsee_tables.LINES),
)


@dataclass(frozen=True)
class Judged:
    """Held-out predictions of one seed and table: predicted and observed rates, group number of each row, [N] each."""

    predicted: np.ndarray
    observed: np.ndarray
    group: np.ndarray


def compare_inputs(
    tables: Sequence[Table],
    *,
    seeds: Sequence[int],
    variants: Sequence[Variant] = VARIANTS,
    training: TrainingConfig = TRAINING,
    progress: Count | None = None,
    should_stop: ShouldStop | None = None,
) -> list[dict[str, Any]]:
    """Fit and measure every variant; return one row each.

    Args:
        tables: creatives with results and their features; several when several markets are averaged.
        progress: called with (finished fits, all fits).
    Returns:
        name, model, pooling, num_fields, history, labels, against, published (METRICS of the paper, or None), and for each of
        METRICS value, low, high (95 %), seed_std;
        `added` holds the same for Spearman and MAE minus those of the row `against`: the same network on FIELDS, or the
        published row with all inputs; of the row itself where neither is requested. None where a figure is undefined.
    Raises:
        TrainingError: a table has too few creatives, clicks or groups, or nothing to learn (`check_trainable`), or stopped.
        FeatureError: a feature holds NaN. ConfigError: no seed, or no variant.
    """
    if not seeds or not variants:
        raise ConfigError(f"a benchmark needs at least one seed and one model, got {len(seeds)} and {len(variants)}.")
    for creatives, _ in tables:
        check_trainable(creatives, PredictorConfig())
    judged: dict[str, list[list[Judged]]] = {variant.name: [[] for _ in tables] for variant in variants}
    num_done = 0
    for number, (creatives, features) in enumerate(tables):
        groups = _number_groups(creatives)
        for seed in seeds:
            parts = split_by_group(creatives, seed)
            fitted = _Encoded(creatives, features, parts)
            for variant in variants:
                if should_stop is not None and should_stop():
                    raise TrainingError(f"the benchmark was stopped after {num_done} fits; nothing was written")
                predicted = fitted.predict(variant, training, seed)
                judged[variant.name][number].append(Judged(predicted, fitted.observed, groups[parts[2]]))
                num_done += 1
                if progress is not None:
                    progress(num_done, len(tables) * len(seeds) * len(variants))
    return summarise(judged, variants)


def split_by_group(creatives: Sequence[Creative], seed: int) -> list[np.ndarray]:
    """Return training, validation and test rows without common groups. Raises TrainingError with fewer than MIN_GROUPS."""
    num_groups = len(set(map(group_key, creatives)))
    if num_groups < MIN_GROUPS:
        raise TrainingError(
            f"the creatives form {num_groups} groups (test_id, else brand, else name); at least {MIN_GROUPS} are needed, "
            "so that some can be held out"
        )
    parts = split_groups(creatives, FRACTIONS, seed)
    check_split(creatives, parts)
    return parts


class _Encoded:
    """One table under one split: the encoding fitted to its training rows, and the fits on this encoding."""

    def __init__(
        self, creatives: Sequence[Creative], features: Sequence[CreativeFeatures], parts: Sequence[np.ndarray]
    ) -> None:
        self.parts, self.counts = parts, count_outcomes(creatives)
        self.builder = FeatureBuilder.fit(creatives, features, parts[0])
        self.known_labels = fit_labels(features, parts[0])
        is_training = np.isin(np.arange(len(creatives)), parts[0])
        table = self.builder.encode_table(creatives, features, is_training)
        self.with_history = attach_labels(table, features, self.known_labels)
        self.plain = attach_codes(replace(self.with_history, history=None), features, self.builder)
        self.observed = (self.counts.clicks / self.counts.impressions)[parts[2]]

    def predict(self, variant: Variant, training: TrainingConfig, seed: int) -> np.ndarray:
        """Fit the variant and return its rates [N] for the test rows."""
        model = self._build(variant, seed)
        batch = self._inputs(variant)
        parts = (self.parts[0], self.parts[1])
        if model.wide is not None:
            fit_wide_path(model.eval(), batch, self.counts, parts[0], rng=np.random.default_rng(seed))
        train_model(model, batch, self.counts, parts, config=training, seed=seed, callbacks=Callbacks())
        with torch.no_grad():
            return torch.sigmoid(model.eval()(batch.index_select(torch.from_numpy(self.parts[2])))).double().numpy()

    def _build(self, variant: Variant, seed: int) -> CreativeNetwork:
        generator = torch.Generator().manual_seed(seed)
        spec = widen_spec(self.builder.spec, self.known_labels) if variant.labels else self.builder.spec
        model = build_ctr_model(variant.model, spec, CTRModelConfig(), generator=generator)
        code_dim = spec.widths["face_mean"]
        return pool_by_attention(model, code_dim) if variant.pooling == "attention" and code_dim else model

    def _inputs(self, variant: Variant) -> FeatureBatch:
        left_out = POOLINGS[variant.pooling]
        keep = torch.tensor([float(name in variant.fields and name not in left_out) for name in FIELDS])
        batch = (self.with_history if variant.history else self.plain).masked(keep)
        if batch.history is None:
            return batch
        return replace(batch, history=replace(batch.history, items=batch.history.items.masked(keep)))


def measure_rates(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return METRICS as [6] float64, NaN where undefined.

    MAPE is over rows with a click; NDCG is of one list, gain = observed rate. The correlations of a constant prediction, as of
    a network that learnt nothing, are 0.
    """
    error = np.abs(predicted - observed)
    clicked = observed > 0
    correlation = spearman_correlation(predicted, observed)
    is_ranked = correlation is not None
    if not is_ranked and np.ptp(observed) > 0:
        correlation = 0.0
    found = [
        float(error.mean()),
        float((error[clicked] / observed[clicked]).mean()) if clicked.any() else None,
        ndcg(predicted, observed, 10),
        ndcg(predicted, observed, 50),
        correlation,
        float(kendalltau(predicted, observed).statistic) if is_ranked else correlation,
    ]
    return np.array([np.nan if value is None else value for value in found])


def summarise(judged: dict[str, list[list[Judged]]], variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """Return the rows of `compare_inputs` from held-out predictions: name -> table -> seed."""
    num_tables = len(next(iter(judged.values())))
    rng = np.random.default_rng(0)
    num_groups = [1 + max(int(one.group.max()) for one in next(iter(judged.values()))[t]) for t in range(num_tables)]
    draws = [draw_group_counts(size, NUM_DRAWS, rng=rng) for size in num_groups]
    per_seed = {
        name: np.array([measure_rates(one.predicted, one.observed) for table in tables for one in table])
        for name, tables in judged.items()
    }  # [tables * seeds, 6]
    drawn = {
        name: np.array([_measure_draw(tables, [counts[d] for counts in draws]) for d in range(NUM_DRAWS)])
        for name, tables in judged.items()
    }  # [draws, 6]
    plain = [v for v in variants if v.fields == FIELDS and v.pooling == "max" and not (v.history or v.labels)]
    whole = {v.model: v.name for v in reversed(plain)}
    lines = []
    for variant in variants:
        name = variant.name
        full = variant.against if variant.against in per_seed else whole.get(variant.model, name)
        line: dict[str, Any] = {
            "name": name,
            "model": variant.model,
            "pooling": variant.pooling,
            "num_fields": len(variant.fields),
            "history": variant.history,
            "labels": variant.labels,
            "against": full,
            "published": None if variant.published is None else dict(zip(METRICS, variant.published, strict=True)),
        }
        for k, metric in enumerate(METRICS):
            seed_std = float(per_seed[name][:, k].std())
            line[metric] = {**_interval(per_seed[name][:, k].mean(), drawn[name][:, k]), "seed_std": _or_none(seed_std)}
        difference, drawn_difference = per_seed[name] - per_seed[full], drawn[name] - drawn[full]
        line["added"] = {
            metric: _interval(difference[:, k].mean(), drawn_difference[:, k])
            for k, metric in enumerate(METRICS)
            if metric in ("mae", "spearman")
        }
        lines.append(line)
    return lines


def _measure_draw(tables: Sequence[Sequence[Judged]], counts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean over tables and seeds of METRICS [6], each row weighed by the draws of its group."""
    found = []
    for table, times in zip(tables, counts, strict=True):
        for one in table:
            rows = np.repeat(np.arange(len(one.group)), times[one.group])
            if len(rows) > 1:
                found.append(measure_rates(one.predicted[rows], one.observed[rows]))
    return np.mean(found, axis=0) if found else np.full(len(METRICS), np.nan)


def _interval(value: float, draws: np.ndarray) -> dict[str, float | None]:
    low, high = percentile_interval(draws, 0.95) or (None, None)
    return {"value": _or_none(value), "low": low, "high": high}


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number_groups(creatives: Sequence[Creative]) -> np.ndarray:
    _, number = np.unique([group_key(creative) for creative in creatives], return_inverse=True)
    return number.astype(np.int64)


def render_table(lines: Sequence[dict[str, Any]]) -> str:
    """Return the rows as plain text: figures, the 95 % interval of Spearman, and the loss of Spearman without an input."""
    head = ("MAE", "MAPE", "NDCG@10", "NDCG@50", "Spearman", "Kendall")
    width = max(len("model and inputs"), *(len(line["name"]) for line in lines)) + 2
    title = "".join(f"{name:>9}" for name in head) + "   Spearman 95 %     against all inputs (Q: Q3, C: C5)"
    rows = [f"{'model and inputs':<{width}}{title}"]
    for line in lines:
        values = "".join(f"{_text(line[name]['value'], 5 if name == 'mae' else 4):>9}" for name in METRICS)
        spearman, added = line["spearman"], line["added"]["spearman"]
        interval = f"{_text(spearman['low'], 3)} to {_text(spearman['high'], 3)}"
        change = f"{_text(added['value'], 3)} ({_text(added['low'], 3)} to {_text(added['high'], 3)})"
        rows.append(f"{line['name']:<{width}}{values}   {interval:<18}{change}")
        if (paper := line["published"]) is not None:
            values = "".join(f"{_text(paper[name], 4):>9}" for name in METRICS)
            rows.append(f"{'  published, other data':<{width}}{values}")
    return "\n".join(rows)


def _text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
