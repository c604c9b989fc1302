"""The model of an account, learnt from the account's own results, with the interface of `ctr.predictor.Predictor`.

    log-odds of the expected rate  =  shift + sum over members of weight * member's log-odds

One artefact folder, no pickle; predictions after loading are bit-equal. `fitting.py` fits models, this module applies them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy import special

from adcreative.creative import Creative, Prediction, add_clause
from adcreative.ctr.account.learnt_texts import LearntTexts
from adcreative.ctr.account.part import Part
from adcreative.ctr.account.table import PARTS, WHOLE_TEXT, AccountTable, EncodesTexts, read_table
from adcreative.ctr.card import ACCOUNT_FORMAT as FORMAT
from adcreative.ctr.card import ACCOUNT_KIND as KIND
from adcreative.ctr.card import SEARCHED_SHARE
from adcreative.ctr.click_model import ClickModel, Creatives, Features, HeldOutRates, read_ood_scores
from adcreative.ctr.evidence import OODScore, render_reasons
from adcreative.ctr.predictor import History, Predictor
from adcreative.ctr.saved_model import with_prefix
from adcreative.encoders.language import LANGUAGES, detect_language
from adcreative.encoders.text_encoder import TextEncoder
from adcreative.errors import ArtifactError, ConfigError
from adcreative.features.batch import CATEGORICAL_FIELDS, MODALITIES, CreativeFeatures
from adcreative.features.outcomes import fold
from adcreative.problem import Problem

CHUNK_ROWS = 256
SHIPPED_PREFIX, NEW_PREFIX = "shipped.", "new."
TEXT_ENCODER = "text_encoder"  # key in the notes: name and hash
LEARNT_TEXTS = "learnt_texts"  # key in the notes: `LearntTexts`; null without words, absent in models of version 1.0


class AccountModel(ClickModel):
    """Predicts click rates of an account's ads with intervals, reasons and evidence.

    predictor, judge, auditor = fit_account(creatives, features, seed=0)
    predictor.save(Path("model"))
    AccountModel.load(Path("model")).predict(creatives, features)[0].ctr
    """

    KIND, FORMAT = KIND, FORMAT
    has_gradients: ClassVar[bool] = False

    def __init__(
        self,
        known: Part,
        new: Part | None = None,
        *,
        group_column: str = "",
        ood_scores: Mapping[str, OODScore],
        notes: Mapping[str, Any],
        shipped: Predictor | None = None,
    ) -> None:
        """Create a model from its parts.

        Args:
            known: for ads whose value of group_column was in the fit. new: for ads with a new value there; None without such a
                column.
            notes: record of the fit: seed, grades, training, metrics, members, encoder_hashes.
        """
        self.known, self.new, self.group_column, self.changes = known, new, group_column, known.changes
        self.ood_scores, self.notes, self.shipped = dict(ood_scores), dict(notes), shipped

    def state_share(self, share: float) -> None:
        """Set the share (0..1) of a searched change that is stated (`ctr.search_shrinkage`), learnt from tests."""
        changes = replace(self.changes, searched_share=share)
        self.known, self.changes = replace(self.known, changes=changes), changes
        self.notes[SEARCHED_SHARE] = share

    def predict(self, creatives: Creatives, features: Features, history: History = ()) -> list[Prediction]:
        predictions: list[Prediction] = []
        for start in range(0, len(creatives), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            predictions += self._predict_chunk(creatives[part], features[part])
        return predictions

    def predict_log_odds(
        self, creatives: Creatives, features: Features, history: History = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        log_odds, std = np.zeros(len(creatives)), np.zeros(len(creatives))
        for part, rows, table in self._parts_of(self._read(creatives, features)):
            log_odds[rows], std[rows] = part.log_odds(table), part.effects_std(table)
        return log_odds, std

    def predict_change(self, creatives: Creatives, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """See the base class.

        The deviation is the mixed model's uncertainty of the paired difference, scaled to the coverage of held-out ads where
        that increases it.

        The part for known groups also predicts ads of new groups. Versions of an ad share the group, so nothing of the group
        need be known; and without group effects, words and buttons of a good group would get the credit for it.
        """
        first, others = features[0], list(features[1:])
        own_words = [one.with_words_of(first) for one in others]
        own_faces = [one.with_faces_of(first) for one in own_words]
        same_words = [with_words_of(one, creatives[0]) for one in creatives[1:]]
        table = self._read([creatives[0], *creatives[1:], *same_words, *same_words], [first, *others, *own_words, *own_faces])
        return self.known.change(table)

    def rates(self, creatives: Creatives, features: Features) -> HeldOutRates:
        columns = np.zeros((4, len(creatives)))
        for part, rows, table in self._parts_of(self._read(creatives, features)):
            columns[:, rows] = np.stack([*part.intervals(table), part.covered(table)])
        return HeldOutRates(*columns)

    def log_odds_without(self, creative: Creative, features: CreativeFeatures, parts: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the log-odds of one ad with some of its parts unknown, for each list of parts."""
        ((half, _, table),) = self._parts_of(self._read([creative], [features]))
        return np.concatenate([half.log_odds(table.without(names)) for names in parts])

    @property
    def optional_features(self) -> frozenset[str]:
        """Lettering and complexity of pictures, where the ads of the fit had them."""
        return frozenset({"lettering", "complexity"} & set(self.known.encoder.scales))

    @property
    def rate_parts(self) -> frozenset[str]:
        return self.known.parts_read | (self.new.parts_read if self.new is not None else frozenset())

    def _parts_of(self, table: AccountTable) -> Iterator[tuple[Part, np.ndarray, AccountTable]]:
        """Yield each part with the indices and the table of its rows."""
        is_new = self._is_new(table)
        for part, rows in ((self.known, np.flatnonzero(~is_new)), (self.new, np.flatnonzero(is_new))):
            if part is not None and len(rows):
                yield part, rows, table.rows(rows)

    def _is_new(self, table: AccountTable) -> np.ndarray:
        """Return [N] whether an ad's group is missing in the fit; False where no group is given."""
        if self.new is None or self.group_column not in table.columns:
            return np.zeros(len(table), bool)
        known = self._known[self.group_column]
        return np.array([bool(values) and not known & set(values) for values in table.columns[self.group_column]])

    def evidence_for(self, creative: Creative, features: CreativeFeatures) -> str:
        said = self.say_evidence(creative, features, is_skilled=bool(self.notes["is_skilled"]))
        if creative.has_image and not self.rate_parts - {"words"}:
            said = add_clause(said, "its picture was not looked at, since no member with weight reads pictures")
        language = detect_language(creative.text)
        if not language:
            return said
        num = self.notes["languages"].get(language, 0)
        known = f"as are {num} of the ads it learnt from" if num else "in which it has learnt from no ad"
        return add_clause(said, f"in {LANGUAGES[language]}, {known}")

    def find_far(self, creative: Creative, features: CreativeFeatures) -> dict[str, str]:
        """Return modality -> reason, where far from the ads of the fit: by embeddings, and words by their letters too."""
        far = super().find_far(creative, features)
        if LEARNT_TEXTS not in self.notes:
            return far
        learnt = None if self.notes[LEARNT_TEXTS] is None else LearntTexts.from_dict(self.notes[LEARNT_TEXTS])
        doubt = "it learnt from no words" if learnt is None else learnt.doubt(creative)
        return far | {"words": doubt} if doubt and creative.has_words else far

    def is_skilled(self, features: CreativeFeatures) -> bool:
        """True: the level is the account's own, so a rate can be stated; at worst it is the mean rate of all ads."""
        return True

    def unseen(self, creative: Creative) -> dict[str, str]:
        values = {name: getattr(creative, name) for name in CATEGORICAL_FIELDS} | dict(creative.context)
        known = self._known
        return {name: text for name, text in values.items() if text.strip() and not _values_of(text) <= known.get(name, set())}

    def known_values(self, column: str) -> list[str]:
        encoder = self.known.encoder
        return list(encoder.vocabularies[column]) if column in encoder.column_names else []

    @cached_property
    def _known(self) -> dict[str, set[str]]:
        encoder = self.known.encoder
        return {name: set(encoder.vocabularies[name]) for name in encoder.column_names}

    @property
    def encoder_hashes(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.notes["encoder_hashes"]
        return found

    @classmethod
    def from_state(cls, manifest: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> AccountModel:
        shipped, new = manifest["shipped"], manifest.get("new_groups")  # models of earlier versions have one part
        return cls(
            Part.from_state(manifest, tensors),
            None if new is None else Part.from_state(new, with_prefix(tensors, NEW_PREFIX)),
            group_column=manifest.get("group_column", ""),
            ood_scores=read_ood_scores(manifest, tensors),
            notes=manifest["notes"],
            shipped=None if shipped is None else Predictor.from_state(shipped, with_prefix(tensors, SHIPPED_PREFIX)),
        )

    def _read(self, creatives: Creatives, features: Features) -> AccountTable:
        parts = None if self.shipped is None else self.shipped.predict_parts(creatives, features)
        has_whole_text = WHOLE_TEXT in self.known.encoder.scales
        return read_table(creatives, features, parts, self.text_encoder, has_whole_text=has_whole_text)

    @cached_property
    def text_encoder(self) -> EncodesTexts | None:
        """The further encoder of words from the fit, loaded by name; None without one.

        Raises:
            ArtifactError: the encoder cannot be loaded, or its weights have changed.
        """
        if (noted := self.notes.get(TEXT_ENCODER)) is None:
            return None
        try:
            encoder = TextEncoder.load(noted["name"])
        except ConfigError as error:
            raise ArtifactError(f"the model was fitted with a text encoder that is not here: {error}") from error
        if encoder.content_hash != noted["hash"]:
            raise ArtifactError(
                f'the model was fitted with the text encoder "{noted["name"]}" of hash {noted["hash"][:12]}, here it is '
                f"{encoder.content_hash[:12]}; use the same weights or fit it again"
            )
        return encoder

    def _predict_chunk(self, creatives: Creatives, features: Features) -> list[Prediction]:
        columns = np.zeros((3, len(creatives)))
        reasons: dict[int, tuple[Problem, ...]] = {}
        for part, rows, table in self._parts_of(self._read(creatives, features)):
            columns[:, rows] = np.stack(part.intervals(table))
            effects, own = _ablate(part, table, columns[0, rows]), rows.tolist()
            said = render_reasons(effects, [creatives[row] for row in own], [features[row] for row in own])
            reasons |= zip(own, said, strict=True)
        return [
            Prediction(
                ctr=float(rate),
                ctr_low=float(low),
                ctr_high=float(high),
                evidence=self.evidence_for(creative, features[row]),
                reasons=reasons[row],
                enough_data=True,
            )
            for row, (creative, rate, low, high) in enumerate(zip(creatives, *columns, strict=True))
        ]

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and notes, the complete content of a saved model."""
        tensors, notes = self.known.state()
        tensors |= {f"reference.{name}": score.reference for name, score in self.ood_scores.items()}
        new_notes = None
        if self.new is not None:
            new_tensors, new_notes = self.new.state()
            tensors |= {f"{NEW_PREFIX}{name}": values for name, values in new_tensors.items()}
        shipped_notes = None
        if self.shipped is not None:
            shipped_tensors, shipped_notes = self.shipped.state()
            tensors |= {f"{SHIPPED_PREFIX}{name}": values for name, values in shipped_tensors.items()}
        return tensors, {
            **notes,
            "new_groups": new_notes,
            "group_column": self.group_column,
            "shipped": shipped_notes,
            "ood_thresholds": {name: score.threshold for name, score in self.ood_scores.items()},
            "notes": self.notes,
        }


def _ablate(part: Part, table: AccountTable, rates: np.ndarray) -> dict[str, np.ndarray]:
    """Return modality -> [N]: relative difference of the expected rate to the rate without the modality."""
    effects = {}
    for name in MODALITIES:
        if name in PARTS and (name in ("words", "context") or any(block in table.dense for block in PARTS[name])):
            effects[name] = rates / special.expit(part.log_odds(table.without([name]))) - 1.0
    return effects


def with_words_of(creative: Creative, other: Creative) -> Creative:
    """Return the creative with the words of `other`; picture, button and context are unchanged."""
    return replace(creative, headline=other.headline, primary_text=other.primary_text, description=other.description)


def _values_of(text: str) -> set[str]:
    return {fold(part) for part in text.replace("|", ";").split(";") if part.strip()}
