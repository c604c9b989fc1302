"""AdSEE's table on a planted world: figures against independent formulas, pooling, ablation, leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_percentage_error, ndcg_score

from adcreative.benchmarks import adsee as benchmark
from adcreative.benchmarks.adsee import (
    METRICS,
    VARIANTS,
    Judged,
    Variant,
    compare_inputs,
    measure_rates,
    render_table,
    summarise,
)
from adcreative.benchmarks.adsee_inputs import FaceAttention, attach_codes, pool_by_attention
from adcreative.catalog.splits import check_split, group_key
from adcreative.creative import Creative
from adcreative.ctr.config import CTRModelConfig, TrainingConfig
from adcreative.ctr.creative_network import build_ctr_model
from adcreative.errors import CatalogError, ConfigError, TrainingError
from adcreative.features.batch import FIELDS, CreativeFeatures
from adcreative.features.builder import FeatureBuilder
from tests.ctr.planted import PlantedWorld, plant_market

QUICK = TrainingConfig(num_epochs=12, batch_size=64, learning_rate=3e-3, embedding_learning_rate=1e-3)


@pytest.fixture(scope="module")
def market() -> PlantedWorld:
    return plant_market(360, seed=4, num_brands=30)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "NUM_DRAWS", 40)


def lines_of(world: PlantedWorld, *variants: Variant, seeds: tuple[int, ...] = (0, 1)) -> dict[str, dict[str, object]]:
    found = compare_inputs([(world.creatives, world.features)], seeds=seeds, variants=variants, training=QUICK)
    return {str(line["name"]): line for line in found}


def test_figures_agree_with_scikit_learn_and_scipy() -> None:
    rng = np.random.default_rng(0)
    observed, predicted = rng.uniform(0.005, 0.05, 120), rng.uniform(0.005, 0.05, 120)
    found = dict(zip(METRICS, measure_rates(predicted, observed), strict=True))
    assert found["mae"] == pytest.approx(np.abs(predicted - observed).mean())
    assert found["mape"] == pytest.approx(mean_absolute_percentage_error(observed, predicted))
    for depth in (10, 50):
        assert found[f"ndcg_at_{depth}"] == pytest.approx(ndcg_score(observed[None], predicted[None], k=depth))
    assert found["spearman"] == pytest.approx(spearmanr(predicted, observed).statistic)
    pairs = [np.sign((predicted[a] - predicted[b]) * (observed[a] - observed[b])) for a in range(120) for b in range(a)]
    assert found["kendall"] == pytest.approx(np.mean(pairs))
    zero = measure_rates(np.array([0.02, 0.01]), np.array([0.0, 0.02]))
    assert zero[METRICS.index("mape")] == pytest.approx(0.5)  # a rate of zero has no relative error
    assert measure_rates(np.full(9, 0.02), observed[:9])[4:].tolist() == [0.0, 0.0]  # one rate for all knows no order
    assert np.isnan(measure_rates(predicted[:9], np.full(9, 0.02))[4:]).all()


def test_planted_inputs_help(market: PlantedWorld) -> None:
    """Clicks that follow the appeal of the words and nothing else: without the words the order is lost."""
    rng = np.random.default_rng(0)
    chances = 1 / (1 + np.exp(3.5 - 2.0 * np.array([one.appeal for one in market.features])))
    clicks = [int(rng.binomial(8000, chance)) for chance in chances]
    creatives = [replace(c, impressions=8000, clicks=k) for c, k in zip(market.creatives, clicks, strict=True)]
    variants = [
        Variant(name="mean rate", model="mean_rate"),
        Variant(name="linear, all", model="linear"),
        Variant(name="linear, without words", model="linear", fields=benchmark._without(*benchmark.INPUTS["words"])),
    ]
    lines = lines_of(replace(market, creatives=creatives), *variants, seeds=(0,))
    assert lines["mean rate"]["spearman"]["value"] == 0.0  # type: ignore[index]
    assert lines["linear, all"]["spearman"]["low"] > 0.5  # type: ignore[index]
    assert lines["linear, without words"]["added"]["spearman"]["high"] < -0.3  # type: ignore[index]
    assert lines["linear, all"]["added"]["mae"] == {"value": 0.0, "low": 0.0, "high": 0.0}  # type: ignore[index]
    text = render_table(list(lines.values()))
    assert text.count("\n") == len(variants)
    assert "linear, without words" in text


def test_every_variant_runs_and_the_same_seed_gives_the_same_table(market: PlantedWorld) -> None:
    small = market.rows(np.arange(100))
    quick = TrainingConfig(num_epochs=1, batch_size=64)
    num_published = sum(variant.published is not None for variant in VARIANTS)
    first, again = (
        compare_inputs([(small.creatives, small.features)], seeds=(3,), variants=variants, training=quick)
        for variants in (VARIANTS, VARIANTS[-8:])
    )
    assert [line["name"] for line in first] == [variant.name for variant in VARIANTS]
    assert render_table(first).count("published, other data") == num_published == 8
    assert [line["spearman"] for line in first[-8:]] == [line["spearman"] for line in again]


@pytest.mark.slow
def test_planted_labels_help_where_they_are_read_and_nowhere_else(market: PlantedWorld) -> None:
    """Clicks that follow one class of the picture and nothing else: only networks that read labels find the order."""
    rng = np.random.default_rng(0)
    has_cup = rng.random(360) < 0.5
    chances = 1 / (1 + np.exp(3.5 - 1.0 * has_cup))
    creatives = [
        replace(c, impressions=8000, clicks=int(rng.binomial(8000, p))) for c, p in zip(market.creatives, chances, strict=True)
    ]
    ids = [np.array([7, 967] if cup else [7]) for cup in has_cup]
    features = [replace(f, labels=found) for f, found in zip(market.features, ids, strict=True)]
    variants = [Variant(name=f"{m}, {on}", model=m, labels=on) for m in ("linear", "autoint", "qin") for on in (False, True)]
    lines = lines_of(PlantedWorld(creatives, features, np.zeros(360)), *variants, seeds=(0,))
    print({name: line["spearman"] for name, line in lines.items()})
    for model in ("linear", "autoint", "qin"):
        assert lines[f"{model}, True"]["spearman"]["value"] > 0.6  # type: ignore[index]
        assert lines[f"{model}, False"]["spearman"]["value"] < 0.4  # type: ignore[index]
        assert lines[f"{model}, True"]["against"] == f"{model}, False"
        assert lines[f"{model}, True"]["added"]["spearman"]["low"] > 0.2  # type: ignore[index]


def test_labels_of_held_out_rows_are_not_learnt(market: PlantedWorld) -> None:
    """A class that only held-out pictures have is unknown: the table is the one without it."""
    parts = benchmark.split_by_group(market.creatives, 0)
    plain = [replace(f, labels=np.array([5 + row % 2])) for row, f in enumerate(market.features)]
    held_out = set(parts[1].tolist() + parts[2].tolist())
    changed = [replace(f, labels=np.array([5 + row % 2, 9])) if row in held_out else f for row, f in enumerate(plain)]
    variant = Variant(name="v", model="autoint", labels=True)
    lines = [lines_of(replace(market, features=found), variant, seeds=(0,)) for found in (plain, changed)]
    assert lines[0] == lines[1]


def test_left_out_inputs_are_not_read(market: PlantedWorld) -> None:
    """Other words for every creative change nothing for a variant without words, its history included."""
    small = market.rows(np.arange(150))
    other = [replace(f, text=-f.text, body=f.text, appeal=-f.appeal) for f in small.features]  # type: ignore[operator]
    changed = replace(small, features=other)
    variant = Variant(name="v", model="qin", fields=benchmark._without(*benchmark.INPUTS["words"]), history=True)
    assert lines_of(small, variant, seeds=(0,)) == lines_of(changed, variant, seeds=(0,))
    encoded = benchmark._Encoded(small.creatives, small.features, benchmark.split_by_group(small.creatives, 0))
    words = [FIELDS.index(name) for name in benchmark.INPUTS["words"]]
    for batch, is_there in ((encoded.with_history, True), (encoded._inputs(variant), False)):
        assert batch.history is not None
        assert bool(batch.history.items.present[:, words].any()) == is_there
        assert bool(batch.present[:, words].any()) == is_there
    full = Variant(name="v", model="qin", history=True)
    assert lines_of(small, full, seeds=(0,)) != lines_of(changed, full, seeds=(0,))


def test_intervals_draw_whole_groups() -> None:
    """Twenty copies of each creative of a group tell no more than one: the interval must stay as wide."""
    rng = np.random.default_rng(1)
    observed = rng.uniform(0.01, 0.05, 40)
    predicted = observed + rng.normal(0, 0.02, 40)
    widths = []
    for copies in (1, 20):
        one = Judged(np.repeat(predicted, copies), np.repeat(observed, copies), np.repeat(np.arange(40), copies))
        line = summarise({"v": [[one]]}, [Variant(name="v", model="qin")])[0]
        widths.append(line["mae"]["high"] - line["mae"]["low"])
    assert widths[1] == pytest.approx(widths[0], rel=1e-6)
    assert widths[0] > 0.003


class TestFacePooling:
    def test_attention_starts_as_the_mean_and_then_chooses(self) -> None:
        attention = FaceAttention(2)
        codes = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 1.0], [9.0, 9.0]], [[9.0, 9.0], [9.0, 9.0]]])
        mask = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
        assert attention.weights(codes, mask).tolist() == [[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]]
        with torch.no_grad():
            attention.query.copy_(torch.tensor([0.0, 1.0]))
        chosen = float(attention.weights(codes, mask)[0, 1].detach())
        assert chosen == pytest.approx(np.exp(2) / (1 + np.exp(2)))

    def test_untrained_attention_equals_the_builders_mean(self, market: PlantedWorld) -> None:
        builder = FeatureBuilder.fit(market.creatives, market.features, np.arange(360))
        features = [
            *market.features[:50],
            CreativeFeatures(image=market.features[0].image, face_codes=np.full((1, 512), np.nan)),
        ]
        creatives = [*market.creatives[:50], Creative(ad_name="refused face")]
        batch = attach_codes(builder.encode(creatives, features), features, builder)
        model = build_ctr_model("qin", builder.spec, CTRModelConfig(), generator=torch.Generator().manual_seed(0)).eval()
        with torch.no_grad():
            model.network.head.weight.fill_(0.1)  # type: ignore[union-attr,operator]
            model.wide.weights["face_mean"].normal_(generator=torch.Generator().manual_seed(1))  # type: ignore[union-attr,index]
        plain = model(batch)
        pooled = pool_by_attention(model, 512)(batch)
        torch.testing.assert_close(pooled, plain, rtol=1e-4, atol=1e-4)
        with torch.no_grad():
            model.face_attention.query.fill_(0.5)  # type: ignore[union-attr,operator]
        assert float((model(batch) - plain).abs().max().detach()) > 1e-2

    def test_attention_finds_the_face_that_counts(self) -> None:
        """Only the face with a high first number counts: attention ranks better than the mean of all faces."""
        rng = np.random.default_rng(0)
        creatives, features = [], []
        for row in range(400):
            codes = rng.normal(0, 1, (4, 512)).astype(np.float32)
            codes[:, 0], codes[:, 1] = -2.0, 3.0 * codes[:, 1]
            codes[rng.integers(4), 0] = 6.0
            truth = -3.5 + 0.3 * codes[codes[:, 0] > 0, 1].sum()
            clicks = int(rng.binomial(5000, 1 / (1 + np.exp(-truth))))
            creatives.append(Creative(ad_name=f"a{row}", impressions=5000, clicks=clicks))
            features.append(
                CreativeFeatures(face_codes=codes[:, :8].repeat(64, axis=1), face_shares=np.full(4, 0.1, np.float32))
            )
        training = TrainingConfig(num_epochs=40, batch_size=64, learning_rate=3e-2, embedding_learning_rate=3e-3, patience=10)
        variants = [Variant(name=p, model="linear", pooling=p) for p in ("mean", "attention")]
        found = compare_inputs([(creatives, features)], seeds=(0,), variants=variants, training=training)
        assert found[1]["spearman"]["value"] > found[0]["spearman"]["value"] + 0.1


def test_too_few_groups_and_nothing_to_compare_are_refused(market: PlantedWorld) -> None:
    creatives = [replace(creative, brand="one" if row % 2 else "two") for row, creative in enumerate(market.creatives)]
    with pytest.raises(TrainingError, match=r"form 2 groups .* at least 12 are needed, so that some can be held out"):
        compare_inputs([(creatives, market.features)], seeds=(0,))
    with pytest.raises(ConfigError, match=r"at least one seed and one model, got 0 and 31\."):
        compare_inputs([(market.creatives, market.features)], seeds=())


def test_a_stopped_benchmark_says_so(market: PlantedWorld) -> None:
    with pytest.raises(TrainingError, match="stopped after 0 fits; nothing was written"):
        compare_inputs([(market.creatives, market.features)], seeds=(0,), should_stop=lambda: True)


def test_a_split_by_row_flatters_and_is_refused(market: PlantedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near-copies: four versions of each ad share luck that no feature explains but that their picture gives away."""
    rng = np.random.default_rng(0)
    creatives, features = [], []
    for ad in range(60):
        luck, image = rng.normal(0, 0.6), market.features[ad].image
        assert image is not None
        for _ in range(4):
            clicks = int(rng.binomial(8000, 1 / (1 + np.exp(3.5 - luck))))
            creatives.append(Creative(ad_name=f"ad {len(creatives)}", brand=f"b{ad}", impressions=8000, clicks=clicks))
            features.append(CreativeFeatures(image=image + rng.normal(0, 0.01, image.shape).astype(np.float32)))
    variant = Variant(name="linear", model="linear", fields=("image",))
    world = PlantedWorld(creatives, features, np.zeros(240))
    honest = lines_of(world, variant, seeds=(0, 1))["linear"]["spearman"]["value"]  # type: ignore[index]
    order = np.random.default_rng(1).permutation(240)
    by_row = [order[:140], order[140:180], order[180:]]
    with pytest.raises(CatalogError, match=r"brand b\d+ is on two sides of the split, so what is judged was learnt from"):
        check_split(creatives, by_row)
    monkeypatch.setattr(benchmark, "split_groups", lambda *_: by_row)
    with pytest.raises(CatalogError, match="split by group with split_groups, never by row"):
        lines_of(world, variant)
    monkeypatch.setattr(benchmark, "check_split", lambda *_: None)
    flattered = lines_of(world, variant, seeds=(0, 1))["linear"]["spearman"]["value"]  # type: ignore[index]
    assert flattered > honest + 0.2
    assert len(set(map(group_key, creatives))) == 60
