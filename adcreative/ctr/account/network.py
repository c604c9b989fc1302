"""Networks as members of an account's model: the shipped QIN with vocabularies extended by the account's own values, or a
network of the registry fitted to the account alone.

    logit = wide(fields) + network(fields, target, past)         of one ad (see `ctr.creative_network`)

past: for a network that reads histories, the account's best known ads of other words, pictures and tests, with their rates; the
two QIN that are tried by themselves read none.

The wide path starts as the best linear unbiased prediction of the account's results, with a random effect per group; a few
epochs refine all weights, with early stopping on a tenth of the groups. Inputs are pictures, faces, look, words and the columns
of CATEGORICAL_FIELDS; other columns are left to other members. One network per member, not an ensemble: the stack averages.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from adcreative.config import build_config, config_as_dict
from adcreative.creative import Creative
from adcreative.ctr.account.encoder import Encoded
from adcreative.ctr.account.stacking import bounded_share
from adcreative.ctr.account.table import EVERYTHING, Ads
from adcreative.ctr.config import CTRModelConfig, TrainingConfig
from adcreative.ctr.creative_network import CreativeNetwork, build_ctr_model, restore_ctr_model
from adcreative.ctr.inputs.embedding_tables import field_key
from adcreative.ctr.networks.registry import NETWORKS
from adcreative.ctr.predictor import BLOCK_ROWS, Predictor
from adcreative.ctr.saved_model import with_prefix
from adcreative.ctr.training.loop import train_model
from adcreative.ctr.training.warm_start import fit_wide_path
from adcreative.features.batch import CATEGORICAL_FIELDS, DENSE_FIELDS, FeatureBatch, HistoryBatch
from adcreative.features.builder import MIN_CATEGORY_ROWS, AccountHistory, FeatureBuilder
from adcreative.features.outcomes import Counts, fold

QIN = "qin"
NUM_EPOCHS, PATIENCE = 12, 2
# Of networks asked for by name. Sixty groups of like pictures, 500 ads: correlation of DIN with unseen ads' true log-odds 0.94;
# with the settings of QIN, which is refined for a few epochs only, 0.57.
NAMED_TRAINING = TrainingConfig(num_epochs=100, patience=10, batch_size=64, learning_rate=3e-3)
PRIOR_SCALE = 3.0  # of the warm start's deviations: effects inside one account are larger than effects between many
GROUP_VARIANCE, AD_VARIANCE = 0.2, 0.02  # variances of the random effects of a new group, and of a single ad
MAX_ROWS = 1_500  # training ads of one network
STOPPING_SHARE = 0.1  # of the groups
SLOWER = 0.3  # factor on the learning rates when training starts from the shipped network
MAX_PAST = 64  # ads of the account that an ad is compared with
_TABLES = tuple(f".{key}.weight" for name in CATEGORICAL_FIELDS for key in (f"tables.{name}", f"by_field.{field_key(name)}"))


@dataclass(frozen=True, eq=False)
class Past:
    """M ads of the account as the history of all others, oldest first: encoded, with their log rates [M, 1].

    keys [M, 3] int64: hashes of name, words and test, 0 where an ad has none; an ad never reads an item with a hash of its own.
    """

    items: FeatureBatch
    log_rate: Tensor
    keys: np.ndarray

    @classmethod
    def of(cls, ads: Ads, builder: FeatureBuilder) -> Past:
        """Return the ads as history, rounded to the saved precision."""
        items, log_rate = builder.encode_history(AccountHistory(ads.creatives, ads.features))
        dense = {name: values.half().float() for name, values in items.dense.items()}
        return cls(replace(items, dense=dense), log_rate, _hash_names(ads.creatives))

    def attach(self, batch: FeatureBatch, is_own: np.ndarray) -> FeatureBatch:
        """Return the batch of N rows with this history; is_own [N, M]: items that a row may not read."""
        idx = torch.arange(len(self.items)).expand(len(batch), -1)
        mask = torch.from_numpy((~is_own).astype(np.float32))
        return replace(batch, history=HistoryBatch(items=self.items, log_rate=self.log_rate, idx=idx, mask=mask))

    def find_own(self, creatives: Sequence[Creative]) -> np.ndarray:
        """Return [N, M] whether an ad and an item share their name, words or test."""
        keys = _hash_names(creatives)
        found: np.ndarray = ((keys[:, None] == self.keys) & (self.keys != 0)).any(axis=2)
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """Return plain arrays."""
        dense = {f"dense.{name}": values.half().numpy() for name, values in self.items.dense.items()}
        others = {"categories": self.items.categories, "present": self.items.present, "log_rate": self.log_rate}
        return dense | {name: values.numpy() for name, values in others.items()} | {"keys": self.keys}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> Past:
        """Rebuild a history from its `tensors`."""
        dense = {name: torch.from_numpy(tensors[f"dense.{name}"]).float() for name in DENSE_FIELDS}
        categories, present, log_rate = (torch.from_numpy(tensors[name]) for name in ("categories", "present", "log_rate"))
        return cls(FeatureBatch(dense=dense, categories=categories, present=present), log_rate, tensors["keys"])


def _hash_names(creatives: Sequence[Creative]) -> np.ndarray:
    named = [(one.ad_name or one.file_name, fold(one.text), one.test_id) for one in creatives]
    hashes = [[zlib.crc32(text.encode()) if text else 0 for text in row] for row in named]
    return np.array(hashes, np.int64).reshape(len(creatives), 3)


@dataclass(frozen=True, eq=False)
class AccountNetwork:
    """A fitted network with its own encoding of ads. sizes: of the network as built. past: None where it reads no history."""

    blocks: ClassVar[Sequence[str]] = EVERYTHING
    builder: FeatureBuilder
    network: CreativeNetwork
    sizes: CTRModelConfig
    name: str = QIN
    past: Past | None = None

    def log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return log-odds [N]; bit-equal for an ad in any batch, since blocks of one size are computed."""
        if encoded.ads is None:
            raise ValueError("the network reads ads and features, which this encoding does not hold")
        ads = encoded.ads
        num_spare = -len(ads) % BLOCK_ROWS
        filled = ads.rows(np.r_[np.arange(len(ads)), np.zeros(num_spare, np.int64)])
        batch = _encode(self.builder, filled)
        if self.past is not None:
            batch = self.past.attach(batch, self.past.find_own(filled.creatives))
        return self.network.log_odds(batch, BLOCK_ROWS)[: len(ads)]

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return plain notes and arrays."""
        notes, tensors = self.builder.state()
        tensors = {f"builder.{name}": values for name, values in tensors.items()}
        tensors |= {f"network.{name}": values.half().numpy() for name, values in self.network.state_dict().items()}
        if self.past is not None:
            tensors |= {f"past.{name}": values for name, values in self.past.tensors().items()}
        return {"builder": notes, "sizes": config_as_dict(self.sizes), "network": self.name}, tensors

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> AccountNetwork:
        """Rebuild a network from its `state`; predicts bit-equally."""
        builder = FeatureBuilder.from_state(notes["builder"], with_prefix(tensors, "builder."))
        sizes = build_config(CTRModelConfig, notes["sizes"], where="a model of an account")
        name = notes.get("network", QIN)  # the only one of earlier versions
        network = restore_ctr_model(name, builder.spec, sizes, with_prefix(tensors, "network.")).fold()
        past = with_prefix(tensors, "past.")
        return cls(builder, network, sizes, name, Past.from_tensors(past) if past else None)


def fit_network(
    ads: Ads,
    clicks: np.ndarray,
    impressions: np.ndarray,
    group: np.ndarray,
    *,
    seed: int,
    shipped: Predictor | None = None,
    ignored: Sequence[str] = (),
    name: str = "",
) -> AccountNetwork | None:
    """Fit the network; None where there are too few groups, or where none is named and no ad has a picture.

    On words and columns alone QIN earned a weight of 0.013 at most besides the other members (1,126 Dutch search ads, out of
    fold, before such accounts were left out here).

    Args:
        group: [N] int64, groups that no split may cut.
        shipped: start from its first network and its encoding; None: from scratch.
        ignored: columns whose values are not learnt; if given, ads of one group share a random effect.
        name: of the registry, fitted from scratch, with the account's ads as history where it reads one; "": QIN without.
    """
    if not name and not any(one.image is not None for one in ads.features):
        return None
    rng = np.random.default_rng([seed, 29])
    share = bounded_share(clicks, impressions)
    rows = np.arange(len(ads))
    if len(rows) > MAX_ROWS:
        rows = np.sort(rng.choice(rows, MAX_ROWS, replace=False))
    names = np.unique(group[rows])
    stopping = rng.choice(names, max(int(STOPPING_SHARE * len(names)), 1), replace=False)
    is_stopping = np.isin(group[rows], stopping)
    counts = Counts(share * impressions, share * clicks, group, np.zeros(len(ads), bool))
    if len(names) < 4 or counts.clicks[rows[is_stopping]].sum() <= 0 or counts.clicks[rows[~is_stopping]].sum() <= 0:
        return None
    known = ads.rows(rows[~is_stopping])
    builder, network, sizes = _start(known, shipped, ignored, seed, name or QIN)
    batch, past = _encode(builder, ads), None
    if name and NETWORKS[name].reads_history:
        chosen = choose_past(rows[~is_stopping], share * impressions, group, [one.date_start for one in ads.creatives])
        past = Past.of(ads.rows(chosen), builder)
        batch = past.attach(batch, group[:, None] == group[chosen])
    fit_wide_path(
        network,
        batch,
        counts,
        rows[~is_stopping],
        rng=rng,
        scale=PRIOR_SCALE,
        is_bagged=False,
        group_variance=GROUP_VARIANCE if ignored else AD_VARIANCE,
    )
    training = NAMED_TRAINING if name else TrainingConfig(num_epochs=NUM_EPOCHS, patience=PATIENCE)
    if shipped is not None:
        rates = ("learning_rate", "embedding_learning_rate", "wide_learning_rate")
        training = replace(training, **{name: SLOWER * getattr(training, name) for name in rates})
    train_model(network, batch, counts, (rows[~is_stopping], rows[is_stopping]), config=training, seed=seed)
    return AccountNetwork(builder, network.round_weights().fold(), sizes, name or QIN, past)


def choose_past(rows: np.ndarray, counted: np.ndarray, group: np.ndarray, dates: Sequence[str]) -> np.ndarray:
    """Return at most MAX_PAST of the rows, one of a group: those of the most counted impressions, oldest first."""
    best = rows[np.argsort(-counted[rows], kind="stable")]
    _, first = np.unique(group[best], return_index=True)
    chosen = best[np.sort(first)][:MAX_PAST]
    return np.array(sorted(chosen.tolist(), key=lambda row: (dates[row], row)), np.int64)


def _start(
    ads: Ads, shipped: Predictor | None, ignored: Sequence[str], seed: int, name: str
) -> tuple[FeatureBuilder, CreativeNetwork, CTRModelConfig]:
    """Return encoding and network before training, in eval mode."""
    if shipped is None:
        builder = FeatureBuilder.fit(ads.creatives, ads.features, np.arange(len(ads)), ignored_categories=ignored)
        sizes = CTRModelConfig()
        return builder, _build(name, builder, sizes, seed=seed), sizes
    builder = extend_builder(shipped.builder, ads.creatives, ignored=ignored)
    network = _build(name, builder, shipped.config.model, seed=seed)
    network.load_state_dict(extend_state(shipped.members[0].state_dict(), network.state_dict()))
    return builder, network, shipped.config.model


def _build(name: str, builder: FeatureBuilder, sizes: CTRModelConfig, *, seed: int) -> CreativeNetwork:
    return build_ctr_model(name, builder.spec, sizes, generator=torch.Generator().manual_seed(seed)).eval()


def _encode(builder: FeatureBuilder, ads: Ads) -> FeatureBatch:
    batch = builder.encode(ads.creatives, ads.features)
    for part in ads.blank:
        batch = batch.without(part)
    return batch


def extend_builder(builder: FeatureBuilder, creatives: Sequence[Creative], *, ignored: Sequence[str] = ()) -> FeatureBuilder:
    """Return the same encoding with the account's own values appended to each vocabulary.

    Args:
        ignored: columns without new values. A value must have MIN_CATEGORY_ROWS ads.
    """
    vocabularies = {}
    for name, known in builder.vocabularies.items():
        counts = Counter(fold(getattr(creative, name)) for creative in creatives if name not in ignored)
        new = sorted(
            value for value, count in counts.items() if value and count >= MIN_CATEGORY_ROWS and value not in set(known)
        )
        vocabularies[name] = (*known, *new)
    spec = replace(builder.spec, vocab_sizes={name: len(values) + 1 for name, values in vocabularies.items()})
    return replace(builder, spec=spec, vocabularies=vocabularies, _ids={})


def extend_state(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a network for larger vocabularies.

    Rows of new values are 0, so that predictions are unchanged at first: a field that was always empty in training has
    untrained weights, and the quadratic network would amplify small random vectors.
    """
    extended = {}
    for name, tensor in state.items():
        num_new = len(wanted[name]) - len(tensor) if name.endswith(_TABLES) else 0
        extended[name] = torch.cat([tensor, tensor.new_zeros((num_new, tensor.shape[1]))]) if num_new else tensor
    return extended
