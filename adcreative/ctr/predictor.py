"""The predictor: fitted encoding + ensemble + calibration + evidence, one artefact folder, one prediction per creative.

The objective of all optimisation. Knows no pixels, no training (`fitting.py` makes predictors, this module applies them).
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from adcreative.config import build_config, config_as_dict
from adcreative.creative import Creative, Prediction
from adcreative.ctr.calibration import Calibrator, ScoredCounts
from adcreative.ctr.card import FORMAT, KIND
from adcreative.ctr.change_vectors import change_vectors, face_vectors, has_equal
from adcreative.ctr.changes import ChangeCalibration, squared_distance
from adcreative.ctr.click_model import ClickModel, Creatives, Features, HeldOutRates, History, read_ood_scores
from adcreative.ctr.config import PredictorConfig
from adcreative.ctr.creative_network import CreativeNetwork, restore_ctr_model
from adcreative.ctr.evidence import OODScore, note_foreign_words, render_reasons
from adcreative.ctr.inputs.network_inputs import KeyValueCache
from adcreative.ctr.saved_model import with_prefix
from adcreative.features.batch import FACE_NAMES, FIELDS, MODALITIES, WORD_FIELDS, CreativeFeatures, FeatureBatch
from adcreative.features.builder import AccountHistory, FeatureBuilder
from adcreative.features.outcomes import count_outcomes

__all__ = ["AccountHistory", "Predictor", "PredictorConfig"]
CHUNK_ROWS, BLOCK_ROWS = 256, 16  # rows are predicted in blocks
WORD_NAMES = tuple(name for part in WORD_FIELDS.values() for name in part)
_PICTURE_COLUMNS = [FIELDS.index("image"), FIELDS.index("look")]


class Predictor(ClickModel):
    """Predicts click rates of creatives with intervals, reasons and evidence.

    predictor = fit_predictor(creatives, features, PredictorConfig(), seed=0)          # data.make.predictor_fitting
    predictor.save(Path("model"))
    Predictor.load(Path("model")).predict(creatives, features)[0].ctr
    """

    KIND, FORMAT = KIND, FORMAT
    has_gradients: ClassVar[bool] = True

    def __init__(
        self,
        builder: FeatureBuilder,
        members: Sequence[CreativeNetwork],
        calibrator: Calibrator,
        *,
        config: PredictorConfig,
        changes: ChangeCalibration,
        ood_scores: Mapping[str, OODScore],
        notes: Mapping[str, Any],
    ) -> None:
        """Create a predictor from its parts; `notes` are the record of the training: seed, grades, summary, metrics."""
        self.builder, self.calibrator, self.config, self.changes = builder, calibrator, config, changes
        self.ood_scores, self.notes = dict(ood_scores), dict(notes)
        self.members = [member.fold() for member in members]
        self._caches: weakref.WeakKeyDictionary[AccountHistory, _CachedHistory] = weakref.WeakKeyDictionary()

    def predict(self, creatives: Creatives, features: Features, history: History = ()) -> list[Prediction]:
        predictions: list[Prediction] = []  # in blocks of one size, since rounding depends on the shape of a product
        earlier = as_history(history)
        for start in range(0, len(creatives), BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            predictions += self._predict_block(creatives[part], features[part], earlier)
        return predictions

    def predict_log_odds(
        self, creatives: Creatives, features: Features, history: History = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return calibrated median log-odds [N] and the ensemble's disagreement [N] in the same unit: the search's fast path.

        The second is the model uncertainty (it may be used as a penalty); the variation of creatives beyond their features
        is common to all candidates and left out. Pass the same AccountHistory object again to reuse its keys and values.
        """
        batch, caches = self._encode(creatives, features, as_history(history))
        logits, domain = self._member_logits(batch, caches), domain_of(batch)
        mean = self.calibrator.log_odds(logits.mean(axis=0), domain)
        return mean, self.calibrator.epistemic_std(logits.std(axis=0), domain)

    def predict_member_log_odds(self, creatives: Creatives, features: Features) -> np.ndarray:
        """Return each member's calibrated log-odds [num_members, N]; their mean is that of `predict_log_odds`.

        For differences between creatives: an error of a member common to both cancels.
        """
        batch, caches = self._encode(creatives, features, None)
        domain = domain_of(batch)
        return np.stack([self.calibrator.log_odds(row, domain) for row in self._member_logits(batch, caches)])

    def predict_change(self, creatives: Creatives, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """See the base class; errors of members about the first creative cancel."""
        first, others = features[0], list(features[1:])
        own_words = [one if has_equal(one, first, WORD_NAMES) else one.with_words_of(first) for one in others]
        own_faces = [one if has_equal(one, first, FACE_NAMES) else one.with_faces_of(first) for one in own_words]
        log_odds = self._predict_distinct(list(creatives[1:]), [others, own_words, own_faces])  # 3 of [M, N-1]
        start = self.predict_member_log_odds(creatives[:1], [first])  # [M, 1]
        full, no_words, picture = (part - start for part in log_odds)
        change = self.changes.mean(full - no_words, picture, no_words - picture)
        vectors = (*change_vectors(self.builder, features), face_vectors(self.builder, features))
        unexplained = self.changes.variance(*(squared_distance(one[1:], one[0]) for one in vectors))
        return change.mean(axis=0), np.sqrt(change.var(axis=0) + unexplained)

    def predict_parts(self, creatives: Creatives, features: Features) -> np.ndarray:
        """Return the contributions of words, picture (with faces and look) and the rest to the calibrated log-odds, [N, 3].

        Exact sequential ablation, so that the three sum to `predict_log_odds`; without histories.
        """
        parts = []
        for start in range(0, len(creatives), CHUNK_ROWS):
            batch = self.builder.encode(creatives[start : start + CHUNK_ROWS], features[start : start + CHUNK_ROWS])
            domain, uncached = domain_of(batch), [None] * len(self.members)
            wordless = batch.without("words")
            bare = wordless.without("faces").without("picture").without("look")
            full, no_words, rest = (
                self.calibrator.log_odds(self._member_logits(one, uncached).mean(axis=0), domain)
                for one in (batch, wordless, bare)
            )
            parts.append(np.stack([full - no_words, no_words - rest, rest], axis=1))
        return np.concatenate(parts)

    def _predict_distinct(
        self, creatives: Sequence[Creative], versions: Sequence[Sequence[CreativeFeatures]]
    ) -> list[np.ndarray]:
        """Return members' log-odds [M, N] of each version of the N creatives' features; each object is predicted once."""
        rows: dict[tuple[int, int], int] = {}
        places = [[rows.setdefault((number, id(one)), len(rows)) for number, one in enumerate(version)] for version in versions]
        asked: list[tuple[Creative, CreativeFeatures]] = [(creatives[0], versions[0][0])] * len(rows)
        for version, row_of in zip(versions, places, strict=True):
            for creative, one, row in zip(creatives, version, row_of, strict=True):
                asked[row] = (creative, one)
        log_odds = self.predict_member_log_odds([creative for creative, _ in asked], [one for _, one in asked])
        return [log_odds[:, row_of] for row_of in places]

    def evidence_for(self, creative: Creative, features: CreativeFeatures) -> str:
        return note_foreign_words(self.say_evidence(creative, features, is_skilled=self.is_skilled(features)), creative)

    def unseen(self, creative: Creative) -> dict[str, str]:
        return self.builder.unseen(creative)

    def known_values(self, column: str) -> list[str]:
        return list(self.builder.vocabularies.get(column, ()))

    def rates(self, creatives: Creatives, features: Features) -> HeldOutRates:
        parts = []
        for start in range(0, len(creatives), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            batch = self.builder.encode(creatives[part], features[part])
            logits, domain = self._member_logits(batch, [None] * len(self.members)), domain_of(batch)
            scored = ScoredCounts(logits.mean(axis=0), logits.std(axis=0), domain, count_outcomes(creatives[part]))
            log_odds = self.calibrator.log_odds(scored.logit, domain)
            low, high = self.calibrator.interval(log_odds, self.calibrator.epistemic_std(scored.epistemic_std, domain), domain)
            parts.append((self.calibrator.rate(log_odds, domain), low, high, self.calibrator.covered(scored)))
        return HeldOutRates(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def is_skilled(self, features: CreativeFeatures) -> bool:
        """True when predictions for held-out creatives of this kind (with a picture, or words only) beat the mean rate."""
        domain = int(features.image is not None or features.look is not None)
        return self.calibrator.domains[domain].skill > 0

    @property
    def encoder_hashes(self) -> Mapping[str, str]:
        return self.config.encoder_hashes

    @classmethod
    def from_state(cls, manifest: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Predictor:
        config = build_config(PredictorConfig, manifest["config"], where="the manifest")
        builder = FeatureBuilder.from_state(manifest["builder"], with_prefix(tensors, "builder."))
        states = (with_prefix(tensors, f"member{number}.") for number in range(config.num_members))
        members = [restore_ctr_model(config.model_name, builder.spec, config.model, state) for state in states]
        return cls(
            builder,
            members,
            Calibrator.from_dict(manifest["calibration"]),
            config=config,
            changes=ChangeCalibration.from_dict(manifest["changes"]),
            ood_scores=read_ood_scores(manifest, tensors),
            notes=manifest["notes"],
        )

    def _predict_block(self, creatives: Creatives, features: Features, history: AccountHistory | None) -> list[Prediction]:
        num_spare = BLOCK_ROWS - len(creatives)
        filled = ([*creatives, *list(creatives[:1]) * num_spare], [*features, *list(features[:1]) * num_spare])
        batch, caches = self._encode(*filled, history)
        logits, domain = self._member_logits(batch, caches), domain_of(batch)
        log_odds = self.calibrator.log_odds(logits.mean(axis=0), domain)
        rates = self.calibrator.rate(log_odds, domain)
        low, high = self.calibrator.interval(log_odds, self.calibrator.epistemic_std(logits.std(axis=0), domain), domain)
        effects = self._ablate(batch, caches, rates, domain)
        reasons = render_reasons({name: effect[: len(creatives)] for name, effect in effects.items()}, creatives, features)
        return [
            Prediction(
                ctr=float(rates[row]),
                ctr_low=float(min(low[row], rates[row])),
                ctr_high=float(max(high[row], rates[row])),
                evidence=self.evidence_for(creative, features[row]),
                reasons=reasons[row],
                enough_data=self.is_skilled(features[row]),
            )
            for row, creative in enumerate(creatives)
        ]

    def _ablate(
        self, batch: FeatureBatch, caches: Sequence[KeyValueCache | None], rates: np.ndarray, domain: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return modality -> [N]: relative difference of the expected rate to the rate with the modality masked."""
        ablated = self._member_logits(batch.without_each(list(MODALITIES)), caches).mean(axis=0)  # all in one pass
        without = dict(zip(MODALITIES, ablated.reshape(len(MODALITIES), -1), strict=True))
        if batch.history is not None:
            without["history"] = self._member_logits(batch.without("history"), caches).mean(axis=0)
        return {
            name: rates / self.calibrator.rate(self.calibrator.log_odds(logits, domain), domain) - 1.0
            for name, logits in without.items()
        }

    def _encode(
        self, creatives: Creatives, features: Features, history: AccountHistory | None
    ) -> tuple[FeatureBatch, list[KeyValueCache | None]]:
        batch = self.builder.encode(creatives, features)
        if history is None or not history.creatives:
            return batch, [None] * len(self.members)
        if (kept := self._caches.get(history)) is None:
            kept = self._caches[history] = _CachedHistory(self.builder, self.members, history)
        batch = self.builder.attach(batch, creatives, history.creatives, items=kept.items, log_rate=kept.log_rate)
        return batch, kept.caches

    @torch.no_grad()
    def _member_logits(self, batch: FeatureBatch, caches: Sequence[KeyValueCache | None]) -> np.ndarray:
        """Return [num_members, N] float64."""
        rows: list[Tensor] = []
        for member, cache in zip(self.members, caches, strict=True):
            rows.append(member(batch) if cache is None else member(batch, cache))
        return torch.stack(rows).double().numpy()

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and notes, the complete content of a saved predictor."""
        builder_notes, builder_tensors = self.builder.state()
        tensors = {f"builder.{name}": values for name, values in builder_tensors.items()}
        for number, member in enumerate(self.members):
            tensors |= {f"member{number}.{name}": t.half().numpy() for name, t in member.state_dict().items()}
        tensors |= {f"reference.{name}": score.reference for name, score in self.ood_scores.items()}
        notes = {
            "config": config_as_dict(self.config),
            "builder": builder_notes,
            "calibration": self.calibrator.as_dict(),
            "changes": self.changes.as_dict(),
            "ood_thresholds": {name: score.threshold for name, score in self.ood_scores.items()},
            "notes": self.notes,
        }
        return tensors, notes


class _CachedHistory:
    """An account's history, encoded once: inputs for attention masks, keys and values per member."""

    @torch.no_grad()
    def __init__(self, builder: FeatureBuilder, members: Sequence[CreativeNetwork], history: AccountHistory) -> None:
        self.items, self.log_rate = builder.encode_history(history)
        self.caches: list[KeyValueCache | None] = [member.encode_history(self.items, self.log_rate) for member in members]


def as_history(history: History) -> AccountHistory | None:
    """Return the history as one object; None when it is empty."""
    if isinstance(history, AccountHistory):
        return history if history.creatives else None
    pairs = list(history)
    return AccountHistory([creative for creative, _ in pairs], [one for _, one in pairs]) if pairs else None


def domain_of(batch: FeatureBatch) -> np.ndarray:
    """Return [N] int64 positions in calibration.DOMAINS: 1 with a picture, 0 with words only."""
    return (batch.present[:, _PICTURE_COLUMNS].sum(dim=1) > 0).long().numpy()
