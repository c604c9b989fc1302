"""Sizes and settings of networks, training and the predictor. No torch here: command lines read defaults from this module."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from adcreative.errors import ConfigError

_COUNT = re.compile(r"num_\w+|\w+_dims?(_\d)?")
MOST_WIDE, MOST_MANY = 1_000_000, 10_000  # upper limits of *_dim(s) and num_*, against typing errors: beyond any network
_CHANCE = re.compile(r"\w+_prob(_\d)?")


def check_sizes(config: object) -> None:
    """Refuse sizes that no network can have; the limits follow from the name of a field.

    num_* and *_dim are at least 1 and at most MOST_MANY and MOST_WIDE, as is each entry of *_dims; *_prob is in 0..1 (1
    excluded), *_std above 0 or None.

    Raises:
        ConfigError: names the first wrong field.
    """
    for name, value in vars(config).items():
        values = value if isinstance(value, tuple) else (value,)
        if _COUNT.fullmatch(name) and any(one < 1 for one in values):
            each = "each of " if isinstance(value, tuple) else ""
            raise ConfigError(f"{each}{name} must be at least 1, got {', '.join(map(str, values))}.")
        most = MOST_MANY if name.startswith("num_") else MOST_WIDE
        if _COUNT.fullmatch(name) and any(one > most for one in values):
            raise ConfigError(f"{name} must be at most {most:,}, got {max(values):,}.")
        if _CHANCE.fullmatch(name) and not 0 <= value < 1:
            raise ConfigError(f"{name} must be in 0..1 (1 excluded), got {value}.")
        if name.endswith("_std") and value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{name} must be above 0, got {value}.")


def check_positive(config: object, *names: str, may_be_zero: bool = False) -> None:
    """Refuse numbers that are not finite or not above 0; `may_be_zero` also allows 0.

    Raises:
        ConfigError: names the first wrong field.
    """
    for name in names:
        value = getattr(config, name)
        if not (math.isfinite(value) and (value > 0 or (may_be_zero and value == 0))):
            raise ConfigError(f"{name} must be a number {'from 0 on' if may_be_zero else 'above 0'}, got {value}.")


@dataclass(frozen=True, kw_only=True)
class CTRModelConfig:
    """Size of a network. embedding_dim: width D of one field; num_layers, num_rows: of the quadratic network.

    dropout_prob: inside the quadratic network; input_dropout_prob: on wide embeddings before their projection.
    """

    embedding_dim: int = 16
    num_layers: int = 2
    num_rows: int = 2
    dropout_prob: float = 0.1
    input_dropout_prob: float = 0.2

    def __post_init__(self) -> None:
        check_sizes(self)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a network is fitted.

    Learning rates: of the networks' core, of weights on wide embeddings, of the small parts of the linear path, which starts at
    the warm start (`training/warm_start.py`) and is only refined. within_group_weight: of the multinomial term (order inside a
    test or brand) against the binomial one (level). group_variance, within_group_variance: variance of log rates beyond the
    features, between groups and inside one; they cap the weight of large counts.
    modality_dropout_prob: per modality and row, to train on rows with words or a picture only. patience: epochs.
    """

    num_epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 3e-4
    embedding_learning_rate: float = 1e-5
    wide_learning_rate: float = 2e-4
    weight_decay: float = 0.05
    patience: int = 4
    within_group_weight: float = 1.0
    group_variance: float = 0.2
    within_group_variance: float = 0.06
    modality_dropout_prob: float = 0.15
    history_dropout_prob: float = 0.3
    max_gradient_norm: float = 10.0

    def __post_init__(self) -> None:
        if self.num_epochs < 1 or self.batch_size < 2 or self.patience < 1:
            raise ConfigError(
                "num_epochs and patience must be at least 1 and batch_size at least 2, "
                f"got {self.num_epochs}, {self.patience} and {self.batch_size}."
            )


@dataclass(frozen=True, kw_only=True)
class PredictorConfig:
    """The composition of a predictor.

    model_name: of the registry. num_members: networks of the ensemble, one seed each. fractions: train, validation (early
    stopping), calibration, test (unused until measured), by group. encoder_hashes: encoders of the features, name -> content
    hash; stored in the artefact so that other encoders can be refused. ignored_categories: categorical fields without learnt
    values; a model for new accounts should know no brand, and read the brand's history instead. transfer_rate: factor on the
    learning rates when training starts from another predictor.
    """

    model_name: str = "qin"
    num_members: int = 3
    fractions: tuple[float, ...] = (0.7, 0.1, 0.1, 0.1)
    min_rows: int = 60
    min_groups: int = 12
    min_clicks: int = 100
    model: CTRModelConfig = CTRModelConfig()
    training: TrainingConfig = TrainingConfig()
    encoder_hashes: dict[str, str] = field(default_factory=dict)
    ignored_categories: tuple[str, ...] = ()
    transfer_rate: float = 0.3

    def __post_init__(self) -> None:
        if self.num_members < 1:
            raise ConfigError(f"num_members must be at least 1, got {self.num_members}.")
        if len(self.fractions) != 4 or min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ConfigError(f"fractions must be four positive shares that sum to 1, got {self.fractions}.")
        if not 0 < self.transfer_rate <= 1:
            raise ConfigError(f"transfer_rate must be in 0..1 (0 excluded), got {self.transfer_rate}.")
