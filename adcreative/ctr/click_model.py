"""The interface of a click-rate model of creatives: the general predictor or the model of one account."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from adcreative.creative import Creative, Prediction
from adcreative.ctr.changes import ChangeCalibration
from adcreative.ctr.evidence import OODScore, find_far, grade_row, render_evidence
from adcreative.ctr.saved_model import SavedModel
from adcreative.features.batch import GENERAL_PARTS, CreativeFeatures

if TYPE_CHECKING:
    from adcreative.features.builder import AccountHistory

Creatives: TypeAlias = Sequence[Creative]
Features: TypeAlias = Sequence[CreativeFeatures]
History: TypeAlias = "AccountHistory | Sequence[tuple[Creative, CreativeFeatures]]"


@dataclass(frozen=True)
class HeldOutRates:
    """Predicted rate, its 90 % interval, and how well that covers the clicks (0..1; 0.9 on average is right), [N] each."""

    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    covered: np.ndarray


class ClickModel(SavedModel, ABC):
    """A fitted model (ctr.predictor.Predictor, ctr.account.model.AccountModel); rows never influence each other.

    ood_scores: modality -> out-of-distribution score. notes: record of the fit, with "grades" and "metrics". changes:
    calibration of predicted changes. has_gradients: whether it is a network with gradients.
    """

    has_gradients: ClassVar[bool]
    notes: dict[str, Any]
    ood_scores: dict[str, OODScore]
    changes: ChangeCalibration

    @property
    def optional_features(self) -> frozenset[str]:
        """Names of CreativeFeatures that are measured only on request of a model: "lettering", "complexity"."""
        return frozenset()

    @property
    def rate_parts(self) -> frozenset[str]:
        """Inputs of a rate, of `features.batch.GENERAL_PARTS`, "lettering" and "complexity"; other features need not be
        measured to score an ad. Changes between versions of an ad may depend on more (`optional_features`)."""
        return GENERAL_PARTS | self.optional_features

    @abstractmethod
    def predict(self, creatives: Creatives, features: Features, history: History = ()) -> list[Prediction]:
        """Return rates with 90 % intervals of the true rate, reasons and evidence.

        Args:
            history: the account's earlier creatives with results; each creative sees those of its own brand.
        Raises:
            FeatureError: the features are broken or were made by other encoders than in the fit.
        """

    @abstractmethod
    def predict_log_odds(
        self, creatives: Creatives, features: Features, history: History = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return log-odds [N] and their model uncertainty [N]: the fast path of the search."""

    @abstractmethod
    def predict_change(self, creatives: Creatives, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Return the predicted change of log-odds of each other creative against the first, and its deviation, [N-1].

        Not the difference of two predicted rates: new words, a changed picture and changed faces are each scaled by the share
        of such differences that came true between held-out creatives of one test, brand or context (`ctr.changes`).
        """

    @abstractmethod
    def rates(self, creatives: Creatives, features: Features) -> HeldOutRates:
        """Return rates of creatives with results, and how well the intervals cover the results; no creative has a history."""

    @abstractmethod
    def evidence_for(self, creative: Creative, features: CreativeFeatures) -> str:
        """Return one sentence: the evidence behind a prediction, and what is unusual about the creative."""

    @abstractmethod
    def unseen(self, creative: Creative) -> dict[str, str]:
        """Return column -> value of the categories missing in the training data."""

    @abstractmethod
    def known_values(self, column: str) -> list[str]:
        """Return the values of a categorical column in the training data, folded."""

    @abstractmethod
    def is_skilled(self, features: CreativeFeatures) -> bool:
        """True when a rate may be stated for creatives of this kind."""

    @property
    def searched_share(self) -> float:
        """Share (0..1) of the change predicted for the best of many versions that comes true (`ctr.search_shrinkage`)."""
        return self.changes.searched_share

    def describe(self) -> Mapping[str, Any]:
        return self.notes

    def find_far(self, creative: Creative, features: CreativeFeatures) -> dict[str, str]:
        """Return modality -> reason ("" for none), for modalities far from the creatives of the fit."""
        return find_far(features, self.ood_scores)

    def grade(self, creative: Creative, features: CreativeFeatures) -> dict[str, str]:
        """Return modality, and "row", -> grade of evidence; see `ctr.evidence.grade_row`."""
        far = self.find_far(creative, features)
        return grade_row(creative, features, grades=self.notes["grades"], far=far, builder=self)

    def say_evidence(self, creative: Creative, features: CreativeFeatures, *, is_skilled: bool) -> str:
        """Return where each part of a creative was learnt, then what is unusual about the creative."""
        grades: dict[str, Sequence[str]] = self.notes["grades"]
        far = self.find_far(creative, features)
        return render_evidence(creative, features, grades=grades, far=far, builder=self, is_skilled=is_skilled)


def read_ood_scores(manifest: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> dict[str, OODScore]:
    """Return the out-of-distribution scores of a saved model's state."""
    return {name: OODScore(tensors[f"reference.{name}"], limit) for name, limit in manifest["ood_thresholds"].items()}
