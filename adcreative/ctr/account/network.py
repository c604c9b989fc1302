"""QIN as a member of an account's model: the shipped network with vocabularies extended by the account's own values, or a
network fitted to the account alone.

    logit = wide(fields) + QIN(fields, target)         of one ad, without a history (see `ctr.creative_network`)

The wide path starts as the best linear unbiased prediction of the account's results, with a random effect per group; a few
epochs refine all weights, with early stopping on a tenth of the groups. Inputs are pictures, faces, look, words and the columns
of CATEGORICAL_FIELDS; other columns are left to other members. One network per member, not an ensemble: the stack averages.
"""

from __future__ import annotations

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
from adcreative.ctr.predictor import BLOCK_ROWS, Predictor
from adcreative.ctr.saved_model import with_prefix
from adcreative.ctr.training.loop import train_model
from adcreative.ctr.training.warm_start import fit_wide_path
from adcreative.features.batch import CATEGORICAL_FIELDS, FeatureBatch
from adcreative.features.builder import MIN_CATEGORY_ROWS, FeatureBuilder
from adcreative.features.outcomes import Counts, fold

NAME = "qin"
NUM_EPOCHS, PATIENCE = 12, 2
PRIOR_SCALE = 3.0  # of the warm start's deviations: effects inside one account are larger than effects between many
GROUP_VARIANCE, AD_VARIANCE = 0.2, 0.02  # variances of the random effects of a new group, and of a single ad
MAX_ROWS = 1_500  # training ads of one network
STOPPING_SHARE = 0.1  # of the groups
SLOWER = 0.3  # factor on the learning rates when training starts from the shipped network
_TABLES = tuple(f".{key}.weight" for name in CATEGORICAL_FIELDS for key in (f"tables.{name}", f"by_field.{field_key(name)}"))


@dataclass(frozen=True, eq=False)
class AccountNetwork:
    """A fitted network with its own encoding of ads. sizes: of the network as built."""

    blocks: ClassVar[Sequence[str]] = EVERYTHING
    builder: FeatureBuilder
    network: CreativeNetwork
    sizes: CTRModelConfig

    def log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return log-odds [N]; bit-equal for an ad in any batch, since blocks of one size are computed."""
        if encoded.ads is None:
            raise ValueError("the network reads ads and features, which this encoding does not hold")
        ads = encoded.ads
        num_spare = -len(ads) % BLOCK_ROWS
        filled = ads.rows(np.r_[np.arange(len(ads)), np.zeros(num_spare, np.int64)])
        return self.network.log_odds(_encode(self.builder, filled), BLOCK_ROWS)[: len(ads)]

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return plain notes and arrays."""
        notes, tensors = self.builder.state()
        tensors = {f"builder.{name}": values for name, values in tensors.items()}
        tensors |= {f"network.{name}": values.half().numpy() for name, values in self.network.state_dict().items()}
        return {"builder": notes, "sizes": config_as_dict(self.sizes)}, tensors

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> AccountNetwork:
        """Rebuild a network from its `state`; predicts bit-equally."""
        builder = FeatureBuilder.from_state(notes["builder"], with_prefix(tensors, "builder."))
        sizes = build_config(CTRModelConfig, notes["sizes"], where="a model of an account")
        return cls(builder, restore_ctr_model(NAME, builder.spec, sizes, with_prefix(tensors, "network.")).fold(), sizes)


def fit_network(
    ads: Ads,
    clicks: np.ndarray,
    impressions: np.ndarray,
    group: np.ndarray,
    *,
    seed: int,
    shipped: Predictor | None = None,
    ignored: Sequence[str] = (),
) -> AccountNetwork | None:
    """Fit the network; None where no ad has a picture, or there are too few groups.

    On words and columns alone the network earned a weight of 0.013 at most besides the other members (1,126 Dutch search ads,
    out of fold, before such accounts were left out here).

    Args:
        group: [N] int64, groups that no split may cut.
        shipped: start from its first network and its encoding; None: from scratch.
        ignored: columns whose values are not learnt; if given, ads of one group share a random effect.
    """
    if not any(one.image is not None for one in ads.features):
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
    builder, network, sizes = _start(known, shipped, ignored, seed)
    batch = _encode(builder, ads)
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
    training = TrainingConfig(num_epochs=NUM_EPOCHS, patience=PATIENCE)
    if shipped is not None:
        rates = ("learning_rate", "embedding_learning_rate", "wide_learning_rate")
        training = replace(training, **{name: SLOWER * getattr(training, name) for name in rates})
    train_model(network, batch, counts, (rows[~is_stopping], rows[is_stopping]), config=training, seed=seed)
    return AccountNetwork(builder, network.round_weights().fold(), sizes)


def _start(
    ads: Ads, shipped: Predictor | None, ignored: Sequence[str], seed: int
) -> tuple[FeatureBuilder, CreativeNetwork, CTRModelConfig]:
    """Return encoding and network before training, in eval mode."""
    if shipped is None:
        builder = FeatureBuilder.fit(ads.creatives, ads.features, np.arange(len(ads)), ignored_categories=ignored)
        sizes = CTRModelConfig()
        return builder, _build(builder, sizes, seed=seed), sizes
    builder = extend_builder(shipped.builder, ads.creatives, ignored=ignored)
    network = _build(builder, shipped.config.model, seed=seed)
    network.load_state_dict(extend_state(shipped.members[0].state_dict(), network.state_dict()))
    return builder, network, shipped.config.model


def _build(builder: FeatureBuilder, sizes: CTRModelConfig, *, seed: int) -> CreativeNetwork:
    return build_ctr_model(NAME, builder.spec, sizes, generator=torch.Generator().manual_seed(seed)).eval()


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
