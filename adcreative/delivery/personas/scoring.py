"""Ads by declared audience segment: the model that an audit kept, on ads that were never rated. No torch.

What is said is the shift against the average person, in units of the answers (points of a rating, or chance of a click): a main
effect of the ad itself is what `score` says. Only features that the audit knows count; profiles are declared, never inferred.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.delivery.personas.answers import LEVEL_COLUMNS, WORDS, read_personas
from adcreative.delivery.personas.model import PersonaModel
from adcreative.errors import ConfigError

ARRAYS = ("effects", "trait_mean", "trait_scale", "feature_mean", "feature_scale")


@dataclass(frozen=True, kw_only=True)
class Segments:
    """What an audit learnt, and declared profiles [P, T] by name."""

    model: PersonaModel
    features: tuple[str, ...]
    names: tuple[str, ...]
    profiles: np.ndarray

    def rank(self, creatives: Sequence[Creative]) -> list[dict[str, Any]]:
        """Return rows of persona, rank, creative, shift; largest shift first, equal ones share a rank."""
        shifts = self.model.shifts(self.profiles, measure_features(creatives, self.features))
        rows = []
        for name, values in zip(self.names, shifts, strict=True):
            for at in np.argsort(-values, kind="stable"):
                rank = int((np.round(values, 6) > np.round(values[at], 6)).sum()) + 1
                shift = round(float(values[at]), 4)
                rows.append({"persona": name, "rank": rank, "creative": creatives[at].name, "shift": shift})
        return rows


def keep_model(model: PersonaModel, traits: Sequence[str], features: Sequence[str]) -> dict[str, Any]:
    """Return what an audit keeps of its model, as plain values; `read_segments` reads it."""
    return {"traits": list(traits), "features": list(features), "base": model.base,
            **{name: getattr(model, name).tolist() for name in ARRAYS}}  # fmt: skip


def read_segments(audit: Path, personas: Mapping[str, object]) -> Segments:
    """Return declared profiles with the model of the audit that they are to be scored by.

    Args:
        audit: JSON that `audit_personas` wrote. personas: name -> {trait: number}.
    Raises:
        ConfigError: it is no audit, is damaged, found profiles useless, or a profile does not fit it.
    """
    try:
        content = json.loads(Path(audit).read_text(encoding="utf-8"))
        kept, is_useful = content["model"], bool(content["is_useful"])
        arrays = {name: np.array(kept[name], np.float64) for name in ARRAYS}
        traits, features = tuple(map(str, kept["traits"])), tuple(map(str, kept["features"]))
        base = float(kept["base"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{audit} is no audit with a model ({type(error).__name__}: {error}); run audit-personas") from error
    sizes: dict[str, tuple[int, ...]] = {"effects": (len(traits), len(features))}
    sizes |= {name: (len(traits if name.startswith("trait") else features),) for name in ARRAYS[1:]}
    if any(arrays[name].shape != size or not np.isfinite(arrays[name]).all() for name, size in sizes.items()):
        raise ConfigError(f"{audit} is damaged: its effects do not fit its traits and features; run audit-personas again")
    if not is_useful:
        raise ConfigError(
            f"{Path(audit).name} found that profiles say no more than the average, so scores by persona would be noise; "
            "gather answers of more people"
        )
    names, profiles = read_personas(personas, traits, arrays["trait_mean"])
    model = PersonaModel(base=base, ad_effect=np.zeros(0), **arrays)
    return Segments(model=model, features=features, names=names, profiles=profiles)


def measure_features(creatives: Sequence[Creative], features: Sequence[str]) -> np.ndarray:
    """Return [A, d] the named features of ads, as `describe_ads` names them; a name that is not known is 0 for all."""
    columns = []
    for name in features:
        column, _, level = name.partition(": ")
        if name in WORDS:
            columns.append([WORDS[name](f"{one.headline} {one.body}") for one in creatives])
        elif column in LEVEL_COLUMNS:
            columns.append([float(str(getattr(one, column))[:40] == level) for one in creatives])
        else:
            columns.append([0.0] * len(creatives))
    return np.array(columns, np.float64).reshape(len(features), len(creatives)).T
