"""The form as records: the uploaded ad, and the permitted changes of a search. Independent of pages and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adcreative.creative import SYNTHETIC_PERSON, Creative
from adcreative.errors import AdCreativeError
from adcreative.pipeline import ImproveSettings

from .questions import Unanswered

FORM_FIELDS = ("image_path", "headline", "primary_text", "description", "cta", "brand", "category", "placement")
FACE_NAME = "Face"
MIN_BOLDNESS = 0.1
MAX_TEXT_CHARS = 10_000
MAX_BRIEF_CHARS = 400
# name -> population and generations; None is the default of the command line, so "normal" gives the same numbers there.
EFFORTS: dict[str, dict[str, int | None]] = {
    "quick": {"population_size": 12, "generations": 4},
    "normal": {"population_size": None, "generations": None},
    "thorough": {"population_size": 64, "generations": 20},
}
# "allowed": the people shown agreed, by a consent record; "synthetic": nobody real is shown.
FACES_ALLOWED, FACES_SYNTHETIC, FACES_LEFT = "allowed", "synthetic", "leave"
CHANGES = ("words", "text", "look")
COPYWRITERS = ("template", "smollm2")
WRITERS = (("The ad's own phrases: at once", COPYWRITERS[0]), ("The same, ordered by a small language model", COPYWRITERS[1]))


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """The permitted changes of a search. faces is "allowed", "synthetic", "leave", or "" for an unanswered question.

    consent_id names the record behind "allowed"; the pipeline looks it up and decides. face_numbers are the chosen
    faces, 1 the largest; none chosen means all. boldness is the usable part of each direction's safe range, 0.1 to 1.
    brief is the subject of the new words in plain language; avoid lists forbidden words (separated by commas). brand_kit is a
    brand manifest whose rules apply. changes: permitted changes besides faces, of CHANGES. usual_rate (0..1): the click rate
    of the account's ads; None: unknown.
    """

    effort: str = "normal"
    faces: str = ""
    directions: tuple[str, ...] = ()
    copywriter: str = COPYWRITERS[0]
    seed: int = 0
    consent_id: str = ""
    face_numbers: tuple[int, ...] = ()
    boldness: float = 1.0
    brief: str = ""
    avoid: str = ""
    brand_kit: Path | None = None
    changes: tuple[str, ...] = CHANGES
    usual_rate: float | None = None

    @property
    def avoided(self) -> tuple[str, ...]:
        return tuple(filter(None, (word.strip()[:60] for word in self.avoid.split(","))))[:50]


def build_creative(form: Mapping[str, str | None]) -> Creative:
    """Return a Creative of form values, named as in FORM_FIELDS; a missing value is empty.

    Raises:
        AdCreativeError: the form has neither a picture nor a word.
    """
    image_path = form.get("image_path")
    words = {name: (form.get(name) or "").strip()[:MAX_TEXT_CHARS] for name in FORM_FIELDS if name != "image_path"}
    if not image_path and not (words["headline"] or words["primary_text"] or words["description"]):
        raise Unanswered("There is nothing to look at yet. Upload a picture, write a headline, or both.", "headline")
    file_name = Path(image_path).name if image_path else ""
    return Creative(image_path=Path(image_path) if image_path else None, file_name=file_name, **words)  # type: ignore[arg-type]


def with_consent(creative: Creative, search_request: SearchRequest) -> Creative:
    """Set the creative's consent id from the user's answer about its faces; the pipeline decides whether that suffices."""
    named = {FACES_SYNTHETIC: SYNTHETIC_PERSON, FACES_ALLOWED: search_request.consent_id.strip()[:200]}
    return replace(creative, consent_id=named.get(search_request.faces, ""))


def search_settings(creative: Creative, search_request: SearchRequest, known_directions: Sequence[str]) -> ImproveSettings:
    """Convert a search_request to the settings of a search. Faces are changed only with the user's permission.

    Raises:
        AdCreativeError: a picture without an answer about its faces, or an unknown value.
    """
    if search_request.effort not in EFFORTS:
        raise AdCreativeError(f'effort must be one of {", ".join(EFFORTS)}, got "{search_request.effort}".')
    if search_request.copywriter not in COPYWRITERS:
        raise AdCreativeError(f'copywriter must be one of {", ".join(COPYWRITERS)}, got "{search_request.copywriter}".')
    unknown = [name for name in search_request.directions if name not in known_directions]
    if unknown:
        raise AdCreativeError(f'no direction named "{unknown[0]}"; known: {", ".join(known_directions)}.')
    if creative.has_image and search_request.faces not in (FACES_ALLOWED, FACES_SYNTHETIC, FACES_LEFT):
        raise Unanswered("May the faces in this picture be changed? Please choose an answer.", "faces")
    if not search_request.changes and not (creative.has_image and search_request.faces in (FACES_ALLOWED, FACES_SYNTHETIC)):
        raise Unanswered("What may be changed? Tick at least one.", "changes")
    if search_request.usual_rate is not None and not 0 < search_request.usual_rate < 1:
        raise AdCreativeError("The usual click rate must be between 0 and 100 %, such as 2.1.")
    if not MIN_BOLDNESS <= search_request.boldness <= 1:
        raise AdCreativeError(f"boldness must be {MIN_BOLDNESS} to 1, got {search_request.boldness}.")
    directions = search_request.directions if creative.has_image and search_request.faces != FACES_LEFT else ()
    sizes = EFFORTS[search_request.effort]
    return ImproveSettings(
        seed=int(search_request.seed),
        copywriter=search_request.copywriter,
        directions=tuple(directions),
        population_size=sizes["population_size"],
        generations=sizes["generations"],
        faces=tuple(number - 1 for number in search_request.face_numbers) or None,
        boldness=float(search_request.boldness),
        brief=" ".join(search_request.brief.split())[:MAX_BRIEF_CHARS],
        avoid=search_request.avoided,
        brand_kit=search_request.brand_kit,
        changes=search_request.changes,
        usual_rate=search_request.usual_rate,
    )
