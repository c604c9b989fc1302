"""The settings of one edit (EditorConfig), from defaults, a TOML file or the caller."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adcreative.config import load_config
from adcreative.copywriter.fresh_lines import ANY_WORDING, Wording
from adcreative.editor.search.config import SearchConfig
from adcreative.errors import is_address


@dataclass(frozen=True, kw_only=True)
class EditorConfig(SearchConfig):
    """Settings of one edit: settings of the search (`SearchConfig`), allowed edits, required certainty and deliverables.

    seed: same seed, same result. risk_aversion: k of lower bound = mean - k * std; 1 asks for five chances in six from the two
    models that choose, half of k applies to the auditor (`decision/opinions.py`). min_uplift: least log-odds that the models
    must predict together; less than 0.02 was noise on simulated ads. num_finalists: number of edits composed at full size and
    scored again.

    Faces: max_faces: most faces edited in one picture. identity_floor: least similarity of a face to itself, a cosine.
    realism_floor: least realism of an edited face, 0..1 (`stylegan.latents.realism`); of 100 edits judged by eye, 2 % above
    0.85 were clearly wrong and 34 % below it. keep_controls: also write the rebuilt, unedited faces: a technical check.

    Words: num_headlines, num_descriptions: lines requested from the copywriter; a language model writes the first few and
    the template grammar the others; num_crossed: lines of each kind made by crossing two; num_buttons: other buttons to try.

    The whole picture: set_text: read the words in the picture, and set new ones in their place. edit_look: also search
    exposure, warmth, contrast, saturation and crop, within look_reach of each range. inpaint_model: fills the ground behind
    removed letters: a LaMa export (.onnx), or a pipeline as for scene_model ("": examples). scene_model: folder or hub id of an
    inpainting pipeline; num_scenes, scene_prompt: grounds painted before the search with scene_model, and their prompt ("": a
    plain one for the category). num_layouts: new layouts of the ad's own parts, where these are certain.
    """

    seed: int = 0
    risk_aversion: float = 1.0
    min_uplift: float = 0.02
    num_finalists: int = 5
    max_faces: int = 2
    identity_floor: float = 0.9
    realism_floor: float = 0.85
    keep_controls: bool = False
    num_headlines: int = 40
    num_descriptions: int = 20
    num_crossed: int = 8
    num_buttons: int = 4
    set_text: bool = True
    inpaint_model: str = ""
    edit_look: bool = True
    look_reach: float = 0.5
    num_layouts: int = 2
    scene_model: str = ""
    num_scenes: int = 3
    scene_prompt: str = ""

    def find_faults(self) -> list[str]:
        """Return one clause for each setting out of range, settings of the search included."""
        faults = []
        if self.num_finalists < 1:
            faults.append(f"num_finalists must be at least 1, got {self.num_finalists}")
        if self.risk_aversion < 0 or self.min_uplift < 0:
            faults.append(f"risk_aversion and min_uplift must not be negative, got {self.risk_aversion} and {self.min_uplift}")
        if not -1 <= self.identity_floor <= 1:
            faults.append(f"identity_floor is a cosine and must be -1 to 1, got {self.identity_floor}")
        if not 0 <= self.realism_floor <= 1:
            faults.append(f"realism_floor must be 0 to 1, got {self.realism_floor}")
        if not 0 < self.look_reach <= 1:
            faults.append(f"look_reach must be above 0 and at most 1, got {self.look_reach}; edit_look = false keeps the look")
        faults += [
            f"{name} must be a folder, a file or a hub id, got an address (not shown, since it may hold a password)"
            for name in ("inpaint_model", "scene_model")
            if is_address(getattr(self, name))
        ]
        counts = (
            "seed",
            "max_faces",
            "num_headlines",
            "num_descriptions",
            "num_crossed",
            "num_buttons",
            "num_layouts",
            "num_scenes",
        )
        if negative := [name for name in counts if getattr(self, name) < 0]:
            faults.append(f"{', '.join(negative)} must not be negative")
        return faults + super().find_faults()


@dataclass(frozen=True, kw_only=True)
class Level:
    """Knowledge about the level of the rates.

    is_known: the models learnt from this account's results; otherwise an edit is worth a test and no promise
    (`decision/untested.py`). usual_rate: the account's mean click rate (0..1), which allows rates to be stated. is_of_run:
    usual_rate is the mean of many ads, which move to its level together once all are edited; otherwise it is this ad's own
    rate.
    """

    is_known: bool = True
    usual_rate: float | None = None
    is_of_run: bool = False


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """All settings for editing one ad.

    faces: numbers of the faces that may be edited, from the largest, 0 first; None: all. boldness: share of the safe range of
    each direction that may be used, above 0 and at most 1. wording: style of new lines, brand kit included.
    """

    config: EditorConfig = EditorConfig()
    faces: frozenset[int] | None = None
    boldness: float = 1.0
    wording: Wording = ANY_WORDING
    level: Level = Level()

    @property
    def edit_look(self) -> bool:
        """Whether light, colour and crop may change."""
        return self.config.edit_look and not (self.wording.kit is not None and self.wording.kit.lock_look)

    @property
    def fonts(self) -> tuple[Path, ...]:
        """Font files of the brand, in place of the available fonts; empty: the available fonts."""
        return () if self.wording.kit is None else tuple(map(Path, self.wording.kit.fonts))


def fill_config(config: EditorConfig | Path | None = None, **overrides: object) -> EditorConfig:
    """Return the settings of a TOML file or record, with `overrides` applied; an override of None changes nothing.

    Args:
        config: a TOML file whose keys are the fields of EditorConfig; None: the defaults.
    Raises:
        ConfigError: the file cannot be read, or a key or value is wrong; all faults in one message.
    """
    if not isinstance(config, EditorConfig):
        return load_config(EditorConfig, config, overrides)
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    return replace(config, **given)
