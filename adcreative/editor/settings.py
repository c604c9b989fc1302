"""What one edit is made with: the models (EditorTools) and the settings (EditorConfig). Loads no torch by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, cast

import numpy as np

from adcreative.editor.scoring.linear_response import Extractor, FaceSession
from adcreative.editor.scoring.objectives import ClickPredictor
from adcreative.editor.search.driver import SearchConfig
from adcreative.editor.space.scene import ScenePainter
from adcreative.errors import ConfigError, CreativeError
from adcreative.provenance.consent import ConsentBook

PICKS = ("knee", "best")


class FaceFinder(Protocol):
    """Finds faces in a picture, largest first (stylegan.faces.analysis.FaceAnalyzer)."""

    def analyze(self, image_u8: np.ndarray) -> Sequence[Any]:
        """Return the faces; `.refusal` is a sentence for those that cannot be edited."""


def open_face_session(image_u8: np.ndarray, faces: Sequence[Any], tools: EditorTools) -> FaceSession:
    """Open the embedded face editor on a picture.

    Raises:
        CreativeError: one of the faces cannot be edited.
    """
    from stylegan.errors import InversionError
    from stylegan.photo.session import FaceEditSession

    try:
        return FaceEditSession(image_u8, faces, tools.codec, tools.directions, cast(Any, tools.analyzer))
    except InversionError as error:
        raise CreativeError(f"{error}.", "Leave that face out.") from error


def refuse_faces(image_u8: np.ndarray, faces: Sequence[Any], tools: EditorTools) -> Sequence[Any]:
    """Return the faces with a refusal on those that the directions were not made for (sunglasses, drawings)."""
    if getattr(tools.directions, "limits", None) is None:
        return faces
    from stylegan.photo.session import refuse_unfit

    return refuse_unfit(image_u8, faces, tools.codec, tools.directions)


@dataclass(frozen=True, kw_only=True)
class EditorTools:
    """The models that the editor works with, loaded; the Protocols say what it asks of each. No copywriter: no new words; no
    scene_painter: the ground of a picture stays as it is.

    predictor and judge guide the search and choose among what it found, the auditor reports on the choice (`judge.py`).

    consents: who permits which face edits; the empty book permits synthetic persons only. today: the clock they are held to.
    """

    extractor: Extractor
    predictor: ClickPredictor
    judge: ClickPredictor
    auditor: ClickPredictor
    analyzer: FaceFinder
    codec: Any
    directions: Any
    copywriter: Any = None
    scene_painter: ScenePainter | None = None
    open_session: Callable[[np.ndarray, Sequence[Any], EditorTools], FaceSession] = open_face_session
    consents: ConsentBook = field(default_factory=ConsentBook)
    today: Callable[[], date] = date.today


@dataclass(frozen=True, kw_only=True)
class EditorConfig:
    """Settings of one edit.

    population_size, generations, algorithm: the search's, see SearchConfig. pick: "knee" delivers the edit with the best
    return for its size, "best" the largest lower bound. risk_aversion: k of lower bound = mean - k * std; 0.8 asks for four
    chances in five. identity_floor: least similarity of a face to itself. realism_floor: least realism of an edited face,
    0..1 (`stylegan.latents.realism`); of 100 edits judged by eye, 2 % above 0.85 were clearly wrong and 34 % below it.
    num_headlines, num_descriptions: lines asked of the copywriter, of which a language model writes the first few and the
    template grammar the others; num_crossed: lines of each kind made by crossing them; num_buttons: other buttons to choose
    from. edit_look: exposure, warmth, contrast, saturation and crop are searched too. scene_model: the painter's folder or
    hub id, for those who load it; num_scenes, scene_prompt: grounds painted before the search when there is a painter, and
    what it is asked for ("": a plain one for the category). num_rendered: candidates of a generation that are scored again
    from final pixels and words. num_finalists: how many edits are composed and scored again. patience: generations in which
    the prediction may rise without the judge's following, before the search ends itself. min_uplift: log-odds that the
    models must promise together; less than 0.02 was noise on simulated ads. require_consent: edit only faces that a consent
    record, or the mark "synthetic-person", permits.
    """

    population_size: int = 24
    generations: int = 6
    seed: int = 0
    algorithm: str = "nsga2"
    pick: str = "best"
    risk_aversion: float = 0.8
    identity_floor: float = 0.9
    realism_floor: float = 0.85
    max_faces: int = 3
    num_headlines: int = 40
    num_descriptions: int = 20
    num_crossed: int = 8
    num_buttons: int = 4
    edit_look: bool = False
    num_scenes: int = 3
    scene_model: str = ""
    scene_prompt: str = ""
    num_rendered: int = 2
    num_finalists: int = 5
    patience: int = 4
    min_uplift: float = 0.02
    require_consent: bool = True

    def __post_init__(self) -> None:
        faults = []
        if self.pick not in PICKS:
            faults.append(f'pick must be one of {", ".join(PICKS)}, got "{self.pick}"')
        if self.num_finalists < 1:
            faults.append(f"num_finalists must be at least 1, got {self.num_finalists}")
        if self.risk_aversion < 0 or self.min_uplift < 0:
            faults.append(f"risk_aversion and min_uplift must not be negative, got {self.risk_aversion} and {self.min_uplift}")
        if not -1 <= self.identity_floor <= 1:
            faults.append(f"identity_floor is a cosine and must be -1 to 1, got {self.identity_floor}")
        if not 0 <= self.realism_floor <= 1:
            faults.append(f"realism_floor must be 0 to 1, got {self.realism_floor}")
        counts = ("max_faces", "num_headlines", "num_descriptions", "num_crossed", "num_buttons", "num_scenes", "num_rendered")
        if negative := [name for name in counts if getattr(self, name) < 0]:
            faults.append(f"{', '.join(negative)} must not be negative")
        if faults:
            raise ConfigError("; ".join(faults) + ".")
        self.search_config()

    def search_config(self) -> SearchConfig:
        """Return the search's part. Raises ConfigError when it is wrong."""
        return SearchConfig(
            population_size=self.population_size, generations=self.generations, algorithm=self.algorithm,
            patience=self.patience, num_rendered=self.num_rendered,
        )  # fmt: skip
