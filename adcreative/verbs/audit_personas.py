"""The verb `audit_personas`: do declared audience profiles say which ads are preferred, and which feature goes with which
trait?"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from adcreative.artifacts import dump_json
from adcreative.catalog import read_catalog
from adcreative.catalog.datasets.ads16 import find_people, read_ads16
from adcreative.catalog.formats.logs import read_whole_log
from adcreative.catalog.tables import atomic_file, beside, write_rows
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.campaign import CampaignSummary

if TYPE_CHECKING:
    from adcreative.delivery.personas.audit import Audit, Figure

__all__ = ["audit_personas"]

EFFECT_COLUMNS = ("trait", "feature", "effect", "low", "high", "is_sure")
PERSONA_COLUMNS = ("persona", "rank", "creative", "expected")
SMALL = 300
SMALL_WARNING = (
    "the evidence is of {num} people; intervals are over people, and with so few of them only large effects can be seen."
)


def audit_personas(
    answers: Path, out: Path, *, creatives: Path | None = None, personas: Path | None = None, seed: int = 0,
    restart: bool = False, progress: Progress = silent, should_stop: ShouldStop = never,
) -> CampaignSummary:  # fmt: skip
    """Measure what declared profiles say about preferences; write `out` (JSON), its effects as CSV, and rankings by persona.

    Profiles are declared by people or by you; nothing is inferred from pictures, names or behaviour.

    Args:
        answers: table with person, creative, an answer (rating or click) and numeric trait columns; or a folder of ADS-16.
        creatives: the ads that were answered; not needed for ADS-16, whose ads are known by category.
        personas: TOML, one table a persona with traits in the units of `answers`: `<out>.personas.csv` then ranks ads for each.
    Raises:
        CatalogError: answers or ads cannot be used. ConfigError: personas are wrong, or stopped. TrainingError: too few people.
    """
    out = Path(out)
    effects_out, personas_out = beside(out, ".csv"), beside(out, ".personas.csv")
    inputs = (answers, creatives, personas)
    check_outputs((out, effects_out, personas_out), inputs, restart=restart)
    from adcreative.delivery.personas.answers import read_personas, read_responses
    from adcreative.delivery.personas.audit import audit_personas as measure

    content = read_toml(personas)
    progress("reading answers", 0, 1)
    table, ads = _read(Path(answers), creatives)
    responses, traits, features, number = read_responses(table, ads, Path(answers).name)
    profiles = None if content is None else read_personas(content, traits, responses.traits.mean(axis=0))
    if should_stop():
        raise ConfigError("stopped before the result was complete; nothing was written")
    found = measure(responses, seed=seed, progress=count_stage(progress, "leaving people and ads out"))
    with own_outputs((out, effects_out, personas_out), inputs, restart=restart):
        write_rows(effects_out, _effect_rows(found, traits, features), EFFECT_COLUMNS)
        if profiles is not None:
            write_rows(personas_out, _persona_rows(found, profiles, responses.features, number), PERSONA_COLUMNS)
        else:
            personas_out.unlink(missing_ok=True)
        with atomic_file(out) as file:
            file.write(dump_json(_as_dict(found, traits, features), indent=1))
    warnings = (SMALL_WARNING.format(num=found.num_people),) if found.num_people < SMALL else ()
    return CampaignSummary(path=out, done=found.num_people, warnings=warnings, lines=_say(found, traits, features))


def _read(answers: Path, creatives: Path | None) -> tuple[pd.DataFrame, tuple[Creative, ...]]:
    if answers.is_dir() and find_people(answers):
        table = read_ads16(answers)
        names = table.drop_duplicates("creative")
        known = zip(names["creative"], names["category"], strict=True)
        return table, tuple(Creative(ad_name=name, category=category) for name, category in known)
    from adcreative.delivery.personas.answers import AD_NAMES, PERSON_NAMES

    if creatives is None:
        raise ConfigError("the ads that were answered are needed: --creatives, a folder or table with the same ad_name")
    named = {*PERSON_NAMES, *AD_NAMES}
    return read_whole_log(answers, lambda name: name.strip().casefold() in named), read_catalog(
        Path(creatives), with_days=False
    ).creatives


def read_toml(path: Path | None) -> dict[str, Any] | None:
    """Return what a file of personas holds. Raises CatalogError when it cannot be read."""
    if path is None:
        return None
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogError(f"{path} cannot be read as TOML ({error})") from error


def _effect_rows(found: Audit, traits: tuple[str, ...], features: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = [
        {"trait": trait, "feature": feature, "effect": round(float(found.effects[t, f]), 5),
         "low": round(float(found.low[t, f]), 5), "high": round(float(found.high[t, f]), 5),
         "is_sure": "yes" if found.low[t, f] > 0 or found.high[t, f] < 0 else "no"}
        for t, trait in enumerate(traits) for f, feature in enumerate(features)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -abs(row["effect"]))


def _persona_rows(
    found: Audit, profiles: tuple[tuple[str, ...], np.ndarray], features: np.ndarray, number: dict[str, int]
) -> list[dict[str, Any]]:
    names, traits = profiles
    expected = found.model.predict(traits, features, found.model.ad_effect)  # [P, A]
    ads = {at: name for name, at in number.items()}
    rows = []
    for persona, values in zip(names, expected, strict=True):
        for rank, at in enumerate(np.argsort(-values, kind="stable"), 1):
            rows.append({"persona": persona, "rank": rank, "creative": ads[int(at)], "expected": round(float(values[at]), 4)})
    return rows


def _as_dict(found: Audit, traits: tuple[str, ...], features: tuple[str, ...]) -> dict[str, Any]:
    from adcreative.delivery.personas.scoring import keep_model

    names = ("new_people", "new_people_and_ads", "without_profiles", "shuffled_profiles")
    return {
        "num_people": found.num_people, "num_ads": found.num_ads, "is_useful": found.is_useful, "traits": traits,
        "features": features, "model": keep_model(found.model, traits, features),
        "auc_within_person": {name: vars(getattr(found, name)) for name in names},
    }  # fmt: skip


def _say(found: Audit, traits: tuple[str, ...], features: tuple[str, ...]) -> tuple[str, ...]:
    def figure(one: Figure) -> str:
        return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"

    verdict = (
        "profiles say which ads a new person prefers"
        if found.is_useful
        else "profiles say no more than the average; do not use them"
    )
    rows = _effect_rows(found, traits, features)
    sure = [row for row in rows if row["is_sure"] == "yes"][:5] if found.is_useful else []
    return (
        f"AUC within a person, new people: {figure(found.new_people)}; new ads too: {figure(found.new_people_and_ads)}",
        f"without profiles: {figure(found.without_profiles)}; shuffled profiles: {figure(found.shuffled_profiles)}",
        f"{verdict}, by {found.num_people} people and {found.num_ads} ads",
        *(f"{row['trait']} x {row['feature']}: {row['effect']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})" for row in sure),
    )
