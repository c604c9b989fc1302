"""The members of an account's model by name, with inputs, fit and restoration. Floors are simple on purpose.

mean rate; columns alone (effects of every categorical column, pooled partially); words alone and words and columns (capped
logistic regression on n-grams); meaning and columns (the same on an encoder's vectors, for new groups); boosted trees on both;
shipped model (the general predictor's score, rescaled to the account); mixed effects (all of these at once, with pictures and
parts of the shipped model); the same without group columns; QIN, from the shipped network and from scratch; and, where they are
asked for by name, networks of the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import special

from adcreative.ctr.account.encoder import Encoded
from adcreative.ctr.account.kernels import list_blocks
from adcreative.ctr.account.linear import INVERSE_PENALTY, CappedLogistic, fit_capped_logistic
from adcreative.ctr.account.mixed_model import MixedModel, fit_mixed_model
from adcreative.ctr.account.network import QIN, AccountNetwork, fit_network
from adcreative.ctr.account.table import SHIPPED_BLOCKS
from adcreative.ctr.account.trees import BoostedTrees, fit_trees
from adcreative.ctr.networks import registry
from adcreative.ctr.predictor import Predictor
from adcreative.errors import ConfigError

MEAN, COLUMNS, WORDS, BOTH, TREES = "mean rate", "columns alone", "words alone", "words and columns", "boosted trees"
MEANING = "meaning and columns"
SHIPPED, MIXED, UNGROUPED = "shipped model", "mixed effects", "mixed effects without groups"
QIN_SHIPPED, QIN_OWN = "QIN from the shipped model", "QIN from nothing"
NAMED = {name: f"network {name}" for name, entry in registry.NETWORKS.items() if entry.is_for_creatives}
NETWORKS = (QIN_SHIPPED, QIN_OWN)  # tried by themselves; those of NAMED where they are asked for
BLIND = (MEAN, COLUMNS)  # read neither words nor pictures
FLOORS = (MEAN, COLUMNS, WORDS, BOTH, TREES, MEANING)
KNOWN_GROUPS = (MEAN, COLUMNS, WORDS, BOTH, TREES, SHIPPED, MIXED, *NETWORKS)  # members of the part for ads of known groups
NEW_GROUPS = (MEAN, COLUMNS, WORDS, BOTH, MEANING, SHIPPED, UNGROUPED, *NETWORKS)
CARRIES_OVER = (MEAN, WORDS, MEANING, UNGROUPED)  # have the same weight for new groups as long as few groups contradict it
SHARED = (MEAN, COLUMNS, WORDS, BOTH, SHIPPED)  # the same fit in both parts
NGRAM_BLOCKS = ("words", "characters")
# C of its logistic regression: rank 0.48 and gain 0.0026 on new ad groups of search ads; 0.46 and 0.0018 at 0.01
MEANING_PENALTY = 0.001
# vectors of an ad's headline and of its other words, the better known first; all words as one text gave 0.42 and 0.0021
MEANING_BLOCKS = (("further headline", "further body"), ("meaning",))
MAX_SHIPPED_ROWS = 500  # ads that rescale the shipped model's score: three numbers per ad


class Member(Protocol):
    """A fitted member. blocks: its blocks of the encoding, or EVERYTHING."""

    @property
    def blocks(self) -> Sequence[str]: ...
    def log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return the log-odds [N] of the expected rate."""

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return plain notes and arrays."""


@dataclass(frozen=True)
class MeanRate:
    """Predicts the mean rate of all ads for every ad."""

    mean: float
    blocks: ClassVar[Sequence[str]] = ()

    def log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return the same log-odds [N] for every ad."""
        return np.full(len(encoded), self.mean)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return plain notes and arrays."""
        return {"mean": self.mean}, {}

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> MeanRate:
        """Rebuild a member from its `state`."""
        return cls(notes["mean"])


@dataclass(frozen=True)
class Job:
    """Training data of a member: N encoded ads with counts, and an earlier fit to nearly the same ads, if there is one.

    group_column: the column that separates ads of known groups from ads of new ones. group: [N] int64, groups that no split may
    cut; needed by networks alone. shipped: the general predictor from which networks may start.
    """

    encoded: Encoded
    clicks: np.ndarray
    impressions: np.ndarray
    seed: int
    start: Member | None = None
    group_column: str = ""
    group: np.ndarray | None = None
    shipped: Predictor | None = None


def _fit_mean(job: Job) -> Member:
    return MeanRate(float(special.logit((job.clicks.sum() + 0.5) / (job.impressions.sum() + 1.0))))


def _fit_mixed(
    job: Job, encoded: Encoded, blocks: Sequence[str], *, max_rows: int | None = None, ignored: Sequence[str] = ()
) -> Member | None:
    if not blocks:
        return None
    start = job.start if isinstance(job.start, MixedModel) else None
    return fit_mixed_model(
        encoded, job.clicks, job.impressions, blocks, start=start, seed=job.seed, max_rows=max_rows, ignored=ignored
    )


def _fit_shipped(job: Job) -> Member | None:
    blocks = [name for name in SHIPPED_BLOCKS if name in job.encoded.dense]
    return _fit_mixed(job, job.encoded, blocks, max_rows=MAX_SHIPPED_ROWS)


def _fit_ungrouped(job: Job) -> Member | None:
    """Fit without the groups' own effects, so that words explain differences between groups and not only inside them."""
    encoded = job.encoded.without(job.group_column)
    return _fit_mixed(job, encoded, list_blocks(encoded), ignored=(job.group_column,) if job.group_column else ())


def _fit_logistic(job: Job, blocks: Sequence[str], inverse_penalty: float = INVERSE_PENALTY) -> Member | None:
    if not blocks or not 0 < job.clicks.sum() < job.impressions.sum():
        return None
    return fit_capped_logistic(job.encoded, job.clicks, job.impressions, blocks, inverse_penalty=inverse_penalty)


def _fit_words(job: Job) -> Member | None:
    return _fit_logistic(job, [name for name in NGRAM_BLOCKS if name in job.encoded.sparse])


def _fit_both(job: Job) -> Member | None:
    blocks = list(job.encoded.sparse)
    return _fit_logistic(job, blocks) if set(blocks) & set(NGRAM_BLOCKS) and len(blocks) > 1 else None


def _fit_meaning(job: Job) -> Member | None:
    """Fit on an encoder's embedding of the words, and on all columns but the group's."""
    of_encoders = ([name for name in names if _has_values(job.encoded, name)] for names in MEANING_BLOCKS)
    meaning = next(filter(None, of_encoders), [])
    columns = [name for name in job.encoded.sparse if name not in (*NGRAM_BLOCKS, job.group_column)]
    return _fit_logistic(job, [*meaning, *columns], MEANING_PENALTY) if meaning else None


def _has_values(encoded: Encoded, name: str) -> bool:
    return name in encoded.dense and bool(encoded.mass[name].any())


def _fit_trees(job: Job) -> Member | None:
    has_input = job.encoded.condensed.shape[1] > 0 and job.clicks.sum() > 0
    return fit_trees(job.encoded, job.clicks, job.impressions, seed=job.seed) if has_input else None


def _fit_network(job: Job, shipped: Predictor | None = None, name: str = "") -> Member | None:
    if job.encoded.ads is None or job.group is None:
        return None
    return fit_network(
        job.encoded.ads,
        job.clicks,
        job.impressions,
        job.group,
        seed=job.seed,
        shipped=shipped,
        ignored=(job.group_column,) if job.group_column else (),
        name=name,
    )


def find_candidates(networks: Sequence[str]) -> tuple[str, ...]:
    """Return the members of networks asked for by name.

    Raises:
        ConfigError: no such network, or one that needs what ads do not have.
    """
    for name in networks:
        registry.find_network(name)
        if name not in NAMED:
            raise ConfigError(f"{name} is for impression logs (--schema); for creatives: {', '.join(NAMED)}")
    return tuple(NAMED[name] for name in dict.fromkeys(networks))


def _fit_from_shipped(job: Job) -> Member | None:
    has_qin = job.shipped is not None and job.shipped.config.model_name == QIN
    return _fit_network(job, job.shipped) if has_qin else None


@dataclass(frozen=True)
class Kind:
    """The fit function of a member (returns None for ads without inputs for the member), and its restoration from state."""

    fit: Callable[[Job], Member | None]
    from_state: Callable[[Mapping[str, Any], Mapping[str, np.ndarray]], Member]


MEMBERS: Mapping[str, Kind] = {
    MEAN: Kind(_fit_mean, MeanRate.from_state),
    COLUMNS: Kind(lambda job: _fit_mixed(job, job.encoded, list_blocks(job.encoded, only="columns")), MixedModel.from_state),
    WORDS: Kind(_fit_words, CappedLogistic.from_state),
    BOTH: Kind(_fit_both, CappedLogistic.from_state),
    MEANING: Kind(_fit_meaning, CappedLogistic.from_state),
    TREES: Kind(_fit_trees, BoostedTrees.from_state),
    SHIPPED: Kind(_fit_shipped, MixedModel.from_state),
    MIXED: Kind(lambda job: _fit_mixed(job, job.encoded, list_blocks(job.encoded)), MixedModel.from_state),
    UNGROUPED: Kind(_fit_ungrouped, MixedModel.from_state),
    QIN_SHIPPED: Kind(_fit_from_shipped, AccountNetwork.from_state),
    QIN_OWN: Kind(_fit_network, AccountNetwork.from_state),
    **{member: Kind(partial(_fit_network, name=name), AccountNetwork.from_state) for name, member in NAMED.items()},
}
