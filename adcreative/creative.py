"""Records passed between the stages: Creative (input), Prediction and EditResult (output), FailedCreative (errors).

Frozen, without torch and without files: nearly any module may import this module, which imports only `problem`.
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
    "file_name",
    "ad_name",
    "headline",
    "primary_text",
    "description",
    "cta",
    "brand",
    "category",
    "platform",
    "placement",
    "audience",
    "test_id",
    "currency",
    "date_start",
    "date_end",
    "consent_id",
)
NUMBER_COLUMNS = ("impressions", "clicks", "spend")
COLUMNS = TEXT_COLUMNS + NUMBER_COLUMNS
# whom, where and when an ad was shown: read into Creative.context, in addition to the columns of a platform's reader
SEGMENT_COLUMNS = (
    "age",
    "gender",
    "device",
    "country",
    "region",
    "language",
    "weekday",
    "interest",
    "objective",
    "keyword",
    "campaign",
    "ad_group",
)
SYNTHETIC_PERSON = "synthetic-person"  # the consent_id of a picture without real people


def fold_consent_id(text: str) -> str:
    """Return a consent id in the form used for comparison (NFC): accented letters have one spelling."""
    return unicodedata.normalize("NFC", text).strip()


def split_consent_ids(text: str) -> tuple[str, ...]:
    """Return the consent ids in a `consent_id`: "c-17; c-18" gives two."""
    return tuple(filter(None, map(fold_consent_id, text.split(";"))))


@dataclass(frozen=True, kw_only=True)
class Creative:
    """One ad: a picture, words, or both, with its context and, if known, its results.

    file_name is relative to the catalogue; image_path is the path of the picture (None: words only). image_u8 [H, W, 3] is a
    picture that is not on disk, such as an edited one, and takes precedence over image_path. Counts are None if unknown, as
    conversions and revenue (in `currency`) are outside platforms' exports. row is the 1-based data row of the creative, for
    messages. context: further categorical columns of its table, name -> value, such as {"age": "25-34", "device": "mobile"};
    ";" or "|" separates several values of one column. read_fields: fields that were empty and filled with words read from the
    picture. words: entry of a words file for the picture (`features.known_words`); "": the picture is read. read_note: words
    that could not be read, or not reliably, and the remedy. read_guess: the headline as read, where that was too uncertain to
    fill the field. by_day: of an export that lists an ad by day (or week): first day, last day, impressions and clicks of each.
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
    conversions: float | None = None
    revenue: float | None = None
    by_day: tuple[tuple[str, str, int, int], ...] = field(default=(), repr=False, compare=False)
    row: int = 0
    context: Mapping[str, str] = field(default_factory=dict, hash=False)
    read_fields: tuple[str, ...] = ()
    words: str = field(default="", repr=False)
    read_note: str = ""
    read_guess: str = ""

    @property
    def name(self) -> str:
        """The name of this creative in messages."""
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
        """The texts that may be in the picture itself: field -> text."""
        return {"headline": self.headline, "description": self.description, "cta": self.cta}

    @property
    def body(self) -> str:
        """The words below the headline, in reading order."""
        return " ".join(text for text in (self.primary_text, self.description) if text)


class Evidence(str):
    """The evidence behind a prediction, as one sentence for the user; `clauses` are its single statements."""

    __slots__ = ("clauses",)
    clauses: tuple[str, ...]

    def __new__(cls, *clauses: str) -> Self:
        self = super().__new__(cls, "; ".join(clauses) + ".")
        self.clauses = clauses
        return self

    def __reduce__(self) -> tuple[type[Evidence], tuple[str, ...]]:
        return Evidence, self.clauses


def add_clause(said: str, clause: str) -> Evidence:
    """Return evidence with one more clause."""
    return Evidence(*(said.clauses if isinstance(said, Evidence) else (said.removesuffix("."),)), clause)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A click rate (0..1) with its 90 % interval, its evidence and its reasons.

    evidence is one sentence; reasons are ordered by size, each a short phrase such as "words +12 %". enough_data is False if
    the model was no better than the mean rate on held-out creatives of the kind: then state this instead of the numbers.
    """

    ctr: float
    ctr_low: float
    ctr_high: float
    evidence: str
    reasons: tuple[Problem, ...] = ()
    enough_data: bool = True


@dataclass(frozen=True, kw_only=True)
class FaceReport:
    """Faces found in a picture, number of edited faces, and the reasons for leaving the others (one each)."""

    found: int = 0
    edited: int = 0
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change: face index (-1 for words and the whole picture), direction, strength (standard deviations), and its visible
    size in the finished picture (mm on a face 16 cm high, or degrees; None if not measured).

    Besides a face's directions: "headline", "description", "cta" (strength 0), a look such as "exposure", "scene", "layout" or
    "message" (a new layout in which another message leads; strength is its number).
    """

    face: int
    direction: str
    strength: float
    shown: float | None = None


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """An edit found by the search, composed at full size and scored from final pixels and words.

    uplift, uplift_low: change of log-odds and its lower bound. change, change_low, change_high: relative change of the click
    rate (0.1: ten percent more clicks per impression) with its 90 % interval. All are predictions of the two models that guide
    the search; the third model, which must not influence a choice, scores an edit only after it is chosen. identity (-1..1),
    realism (0..1): of the worst face; None without an edited face. edit_strength: as in EditResult. size: of the edit, in
    standard deviations. Figures are None in a run whose models know no results of the account (EditResult.is_untested).
    words_in_picture, picture_problems: as in EditResult. kind: type of change: "line", "layout", "message" (another message of
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
    """Record of a search. hypervolume: of the front after each generation. rendered: candidates re-scored from final pixels.

    rank_correlation: Spearman's, between those candidates' lower bounds before and after (None: too few). elite_changes:
    generations in which re-scoring changed the leader. front: (size in standard deviations, lower bound of uplift in log-odds)
    of the edits on the front, smallest first; delivered: the same for the delivered edit, as scored in the search. curve:
    (predicted uplift, second model's uplift) of the leader after each generation, log-odds. stopped_itself: the search's own
    stopping rule ended it.
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
    """Result of the editor for one creative; field names are the contract of results.jsonl.

    status is "edited", "kept" or "failed". ctr_original: as uploaded; ctr_control: faces inverted, nothing edited, re-rendered;
    ctr_edited: expected by all three models from the final pixels and words; ctr_edited_judge: prediction of the second model,
    which helped to choose; ctr_edited_auditor: prediction of the third model, which did not.
    uplift_low, uplift_high: 90 % interval of the change from ctr_original to ctr_edited (0.1: ten percent more clicks per
    impression); narrower than the intervals of the two rates, whose errors are mostly shared. None unless edited.
    identity_similarity (-1..1), realism (0..1): of the worst face against its unedited version; None without an edited face.
    edit_strength: visibility of the face edit in the finished picture, in least visible changes, since identity alone rewards
    edits without effect. None if no face was edited or none of the changes is measured.
    alternatives: the best distinct edits found, including the delivered one, also for an ad that is kept; largest lower bound
    first. consent_id: of the creative, whether or not it permitted the edit. read_fields: as in Creative.
    reason: why the ad is edited or kept, in sentences; problems: the same as codes with values, for use in decisions.
    words_in_picture: outcome for the words in the picture, "" if none of the ad's words are there; picture_problems: the same
    as codes. enough_data: as in Prediction; if False, the rates at best rank candidates of one creative, and a report must not
    state the rates.
    change_by_words: part of the predictor's change of log-odds due to the new words alone; None unless edited.
    is_own_choice: the user took this edit or typed its words, whatever the models predict; the change is their prediction.
    is_untested: the models know no results of the account. Then an edit is worth a test but no promise: without a base rate
    every rate and change is None; with a base rate, rates are shifted to its level (level_shift, log-odds) and changes are
    shrunk to the share realised on accounts unknown to a model. rank_score orders the originals of one run and is not a rate;
    strength_original (0..1): the share of the run's other originals that it is predicted to beat, None for a single ad.
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
        row = {name: _with_codes(one) for name, one in asdict(self).items()}
        clauses = self.evidence.clauses if isinstance(self.evidence, Evidence) else (self.evidence,)
        return {**row, "evidence_clauses": [clause for clause in clauses if clause]}


def _with_codes(value: object) -> object:
    """Return nested plain types, with code and values instead of each Problem's sentence."""
    if isinstance(value, Problem):
        return value.as_dict()
    if isinstance(value, dict):
        return {name: _with_codes(one) for name, one in value.items()}
    return type(value)(map(_with_codes, value)) if isinstance(value, tuple | list) else value


@dataclass(frozen=True, kw_only=True)
class FailedCreative:
    """A creative that could not be used: one row of the failure table."""

    file_name: str
    ad_name: str
    problem: str
    remedy: str
