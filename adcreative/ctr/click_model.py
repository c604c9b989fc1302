"""What callers may ask of a click-rate model, be it the general predictor or the model of one account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from adcreative.creative import Creative, Prediction
from adcreative.ctr.evidence import OODScore
from adcreative.ctr.rates import HeldOutRates
from adcreative.features.batch import CreativeFeatures


class ClickModel(Protocol):
    """A fitted model (ctr.predictor.Predictor, ctr.account.model.AccountModel); rows never influence each other.

    ood_scores: modality -> out-of-distribution score. notes: what fitting wrote down, with "grades" and "metrics".
    has_gradients: whether it is a network, which gradients go through. searched_share (0..1): of the change predicted for the
    best of many versions, what comes true.
    """

    ood_scores: dict[str, OODScore]
    notes: dict[str, Any]
    has_gradients: ClassVar[bool]

    @property
    def searched_share(self) -> float: ...

    @property
    def content_hash(self) -> str:
        """sha256 that is the same before saving and after loading."""

    @property
    def optional_features(self) -> frozenset[str]:
        """Names of CreativeFeatures that are measured only for models that ask for them: "lettering", "complexity"."""

    def predict(
        self, creatives: Sequence[Creative], features: Sequence[CreativeFeatures], history: Any = ()
    ) -> list[Prediction]:
        """Return rates with 90 % intervals of the true rate, reasons and evidence."""

    def predict_log_odds(
        self, creatives: Sequence[Creative], features: Sequence[CreativeFeatures], history: Any = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return log-odds [N] and the model's own uncertainty [N] about them."""

    def predict_change(
        self, creatives: Sequence[Creative], features: Sequence[CreativeFeatures]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and deviation [N-1] of the change of log-odds from the first creative to each other one."""

    def rates(self, creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> HeldOutRates:
        """Return rates of creatives with results, with how far the intervals cover those."""

    def evidence_for(self, creative: Creative, features: CreativeFeatures) -> str:
        """Return one sentence: what a prediction rests on."""

    def grade(self, creative: Creative, features: CreativeFeatures) -> dict[str, str]:
        """Return modality, and "row", to the grade of evidence."""

    def unseen(self, creative: Creative) -> dict[str, str]:
        """Return column -> value of the categories that training did not have."""

    def known_values(self, column: str) -> list[str]:
        """Return the values of a categorical column that training had, folded."""

    def is_skilled(self, features: CreativeFeatures) -> bool:
        """True when a rate may be stated for creatives of this kind."""

    def check_encoders(self, encoder_hashes: Mapping[str, str]) -> None:
        """Raise ArtifactError for encoders other than those of the fit."""

    def card(self, name: str) -> dict[str, Any]:
        """Return the model card as plain values."""

    def save(self, model_dir: Path) -> str:
        """Save into a folder and return the content hash."""
