"""The records that travel between the stages: Creative in, Prediction and EditResult out, FailedCreative beside them.

Frozen, without torch and without files: nearly anything may import this module, it imports `problem` alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from adcreative.problem import Problem

TEXT_COLUMNS = (
    "file_name", "ad_name", "headline", "primary_text", "description", "cta", "brand", "category", "platform",
    "placement", "audience", "test_id", "currency", "date_start", "date_end", "consent_id",
)  # fmt: skip
NUMBER_COLUMNS = ("impressions", "clicks", "spend")
COLUMNS = TEXT_COLUMNS + NUMBER_COLUMNS
# whom, where and when an ad was shown to, in and on: read into Creative.context, beside what a platform's reader puts there
SEGMENT_COLUMNS = (
    "age", "gender", "device", "country", "region", "language", "weekday", "interest", "objective", "keyword", "campaign",
    "ad_group",
)  # fmt: skip
SYNTHETIC_PERSON = "synthetic-person"  # the consent_id of a picture in which nobody real is shown


def fold_consent_id(text: str) -> str:
    """Return a consent id as it is compared: one letter with an accent is one, however a system spells it (NFC)."""
    return unicodedata.normalize("NFC", text).strip()


def split_consent_ids(text: str) -> tuple[str, ...]:
    """Return the records that a `consent_id` names: "c-17; c-18" names two."""
    return tuple(filter(None, map(fold_consent_id, text.split(";"))))


@dataclass(frozen=True, kw_only=True)
class Creative:
    """One ad: a picture, words, or both, with its context and, when known, its results.

    file_name is relative to the catalogue; image_path is where the bytes are (None: words only). image_u8 [H, W, 3] holds a
    picture that is not on disk, such as an edited one, and wins over image_path. Counts are None when unknown. row is the
    1-based data row the creative came from, for messages. context holds further categorical columns of its table, name to
    value, such as {"age": "25-34", "device": "mobile"}; ";" or "|" stands between several values of one column. read_fields
    names the fields that were empty and were filled with words read from the picture. words: what a words file says of its
    picture (`features.known_words`); "": it is read. read_note: what could not be read there, or not for sure, and what to do.
    """

    file_name: str = ""
    image_path: Path | None = None
    image_u8: np.ndarray | None = field(default=None, repr=False, compare=False)
    ad_name: str = ""
    headline: str = ""
    primary_text: str = ""
    description: str = ""
    cta: str = ""
    brand: str = ""
    category: str = ""
    platform: str = ""
    placement: str = ""
    audience: str = ""
    test_id: str = ""
    currency: str = ""
    date_start: str = ""
    date_end: str = ""
    consent_id: str = ""
    impressions: int | None = None
    clicks: int | None = None
    spend: float | None = None
    row: int = 0
    context: Mapping[str, str] = field(default_factory=dict, hash=False)
    read_fields: tuple[str, ...] = ()
    words: str = field(default="", repr=False)
    read_note: str = ""

    @property
    def name(self) -> str:
        """What a message calls this creative."""
        return self.ad_name or self.file_name or self.headline[:40] or f"row {self.row}"

    @property
    def has_image(self) -> bool:
        return self.image_u8 is not None or self.image_path is not None

    @property
    def has_words(self) -> bool:
        return bool(self.headline or self.primary_text or self.description)

    @property
    def has_results(self) -> bool:
        return bool(self.impressions) and self.clicks is not None

    @property
    def text(self) -> str:
        """All words, in reading order."""
        return " ".join(text for text in (self.headline, self.primary_text, self.description) if text)

    @property
    def picture_texts(self) -> dict[str, str]:
        """The texts that may stand in the picture itself: field -> text."""
        return {"headline": self.headline, "description": self.description, "cta": self.cta}

    @property
    def body(self) -> str:
        """The words below the headline, in reading order."""
        return " ".join(text for text in (self.primary_text, self.description) if text)


class Evidence(str):
    """What a prediction rests on, as one sentence for people; `clauses` are what it says, one thing each."""

    __slots__ = ("clauses",)
    clauses: tuple[str, ...]

    def __new__(cls, *clauses: str) -> Self:
        self = super().__new__(cls, "; ".join(clauses) + ".")
        self.clauses = clauses
        return self

    def __reduce__(self) -> tuple[type[Evidence], tuple[str, ...]]:
        return Evidence, self.clauses


def add_clause(said: str, clause: str) -> Evidence:
    """Return evidence that says one thing more."""
    return Evidence(*(said.clauses if isinstance(said, Evidence) else (said.removesuffix("."),)), clause)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A click rate (0..1) with its 90 % interval, what it rests on, and why.

    evidence is one sentence; reasons are ordered by size, each a short phrase such as "words +12 %". enough_data is False
    where the model did no better than the mean rate on held-out creatives of the kind: then say so instead of the numbers.
    """

    ctr: float
    ctr_low: float
    ctr_high: float
    evidence: str
    reasons: tuple[Problem, ...] = ()
    enough_data: bool = True


@dataclass(frozen=True, kw_only=True)
class FaceReport:
    """Faces found in a picture, how many were edited, and why the others were not (one reason each)."""

    found: int = 0
    edited: int = 0
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change: face index (-1 for words and the whole picture), direction, strength (standard deviations), and what of it is
    seen of a face in the finished picture (mm on a face 16 cm high, or degrees; None where that is not measured).

    Besides a face's directions: "headline", "description", "cta" (strength 0), a look such as "exposure", "scene", "layout" or
    "message" (a new layout, in which another message leads; its number).
    """

    face: int
    direction: str
    strength: float
    shown: float | None = None


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """An edit that the search found, composed at full size and scored from final pixels and words.

    uplift, uplift_low: change of log-odds and its lower bound. change, change_low, change_high: relative change of the click
    rate (0.1: ten percent more clicks per impression) with its 90 % interval. All of them are predictions of the two models
    that guide the search; the third, which must have no part in a choice, is asked when the edit is chosen. identity (-1..1),
    realism (0..1): of the worst face; None when no face was opened. edit_strength: as in EditResult. size: of the edit, in
    standard deviations. Figures are None in a run whose models have seen no results of the account (EditResult.is_untested).
    words_in_picture, picture_problems: as in EditResult. kind: what it tries: "line", "layout", "message" (another message of
    the ad first), "picture" (another face, crop or background) or "look" (light and colour).
    """

    uplift: float | None
    uplift_low: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
    identity: float | None
    realism: float | None
    size: float
    headline: str
    description: str
    cta: str
    edits: tuple[Edit, ...]
    edit_strength: float | None = None
    words_in_picture: str = ""
    picture_problems: tuple[Problem, ...] = ()
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class SearchRecord:
    """How a search went. hypervolume: of the front after each generation. rendered: candidates scored again from final pixels.

    rank_correlation: Spearman's, of those candidates' bounds before and after (None: too few). elite_changes: generations after
    which that put another candidate first. front: (size in standard deviations, lower bound of uplift in log-odds) of the edits
    on it, the smallest first; delivered: the same of the edit that was delivered, as the search saw it. curve: (predicted
    uplift, second model's opinion of it) of the leader after each generation, log-odds. stopped_itself: by its own rule.
    """

    hypervolume: tuple[float, ...] = ()
    rendered: int = 0
    rank_correlation: float | None = None
    elite_changes: int = 0
    front: tuple[tuple[float, float], ...] = ()
    delivered: tuple[float, float] | None = None
    curve: tuple[tuple[float, float], ...] = ()
    stopped_itself: bool = False


@dataclass(frozen=True, kw_only=True)
class EditResult:
    """What the editor did to one creative; field names are the contract of results.jsonl.

    status is "edited", "kept" or "failed". ctr_original: as uploaded; ctr_control: faces inverted, nothing edited, re-rendered;
    ctr_edited: expected by all three models from the final pixels and words; ctr_edited_judge: what the second model, who
    helped to choose, says of the same; ctr_edited_auditor: what the third says, who did not.
    uplift_low, uplift_high: 90 % interval of the change from ctr_original to ctr_edited (0.1: ten percent more clicks per
    impression); narrower than the intervals of the two rates, whose errors are mostly shared. None unless edited.
    identity_similarity (-1..1), realism (0..1): of the worst face against itself unedited; None without an opened face.
    edit_strength: how strongly the face edit shows in the finished picture, in least visible changes; without it identity
    praises what does nothing. None where no face was edited or none of the changes is measured.
    alternatives: the best distinct edits that were found, the delivered one among them, also of an ad that is kept; the largest
    lower bound first. consent_id: what the creative names, whether or not it permitted the edit. read_fields: as in Creative.
    reason: why it is edited or kept, in sentences; problems: the same as codes with values, which decisions ask for.
    words_in_picture: what became of the words that stand in the picture, "" when none of the ad's do; picture_problems: the
    same as codes. enough_data: as in Prediction; where it is False the rates order candidates of one creative at best, and a
    report must not state them.
    change_by_words: what of the predictor's change of log-odds the new words bring alone; None unless edited.
    is_own_choice: the user took this edit or typed its words, whatever the models say of it; the change is what they say.
    is_untested: the models have seen no results of the account. Then an edit is worth a test and no promise: without a base
    rate every rate and change is None, with one rates are moved to its level (level_shift, log-odds) and changes are shrunk to
    what comes true on accounts that a model had not learnt from. rank_score orders the originals of one run and is no rate;
    strength_original (0..1): the share of the run's other originals that it is predicted to beat, None for a lone ad.
    """

    file_name: str
    status: str
    ad_name: str = ""
    edited_image: str = ""
    headline_original: str = ""
    headline_edited: str = ""
    description_original: str = ""
    description_edited: str = ""
    cta_original: str = ""
    cta_edited: str = ""
    ctr_original: float | None = None
    ctr_original_judge: float | None = None
    ctr_original_auditor: float | None = None
    ctr_control: float | None = None
    ctr_edited: float | None = None
    ctr_edited_low: float | None = None
    ctr_edited_high: float | None = None
    ctr_edited_judge: float | None = None
    ctr_edited_auditor: float | None = None
    uplift_low: float | None = None
    uplift_high: float | None = None
    identity_similarity: float | None = None
    realism: float | None = None
    edit_strength: float | None = None
    faces: FaceReport = FaceReport()
    edits: tuple[Edit, ...] = ()
    evaluations: int = 0
    seconds: float = 0.0
    seed: int = 0
    model_hash: str = ""
    evidence: str = ""
    reason: str = ""
    consent_id: str = ""
    read_fields: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    words_in_picture: str = ""
    picture_problems: tuple[Problem, ...] = ()
    enough_data: bool = True
    is_untested: bool = False
    rank_score: float | None = None
    strength_original: float | None = None
    level_shift: float = 0.0
    change_by_words: float | None = None
    is_own_choice: bool = False
    search: SearchRecord = SearchRecord()
    alternatives: tuple[Alternative, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types, ready for one line of results.jsonl."""
        row: dict[str, Any] = _with_codes(asdict(self))
        clauses = self.evidence.clauses if isinstance(self.evidence, Evidence) else (self.evidence,)
        return {**row, "evidence_clauses": [clause for clause in clauses if clause]}


def _with_codes(value: Any) -> Any:
    """Return nested plain types with code and values in place of each Problem's sentence."""
    if isinstance(value, Problem):
        return value.as_dict()
    if isinstance(value, dict):
        return {name: _with_codes(one) for name, one in value.items()}
    return type(value)(map(_with_codes, value)) if isinstance(value, tuple | list) else value


@dataclass(frozen=True, kw_only=True)
class FailedCreative:
    """A creative that could not be used: a row of the failure table."""

    file_name: str
    ad_name: str
    problem: str
    remedy: str
