"""Do declared profiles say which ads a person prefers (`audit_personas`), and which ads does each profile prefer (`score`)?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import beside, failures_path, write_rows
from adcreative.creative import Creative
from adcreative.errors import ConfigError
from adcreative.options import takes
from adcreative.papers.personas.settings import ScoreSettings
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.engines import BatchConfig
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.runs.survey import survey_catalog
from adcreative.verbs import score as scoring

if TYPE_CHECKING:
    import pandas as pd

    from adcreative.papers.personas.model import Audit, PersonaModel

EFFECT_COLUMNS = ("trait", "feature", "effect", "low", "high", "is_sure")
SMALL = 300
SMALL_WARNING = (
    "the evidence is of {num} people; intervals are over people, and with so few of them only large effects can be seen."
)
ARRAYS = ("effects", "trait_mean", "trait_scale", "feature_mean", "feature_scale")


def audit_personas(
    answers: Path,
    out: Path,
    *,
    creatives: Path | None = None,
    personas: Path | None = None,
    seed: int = 0,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Measure how well declared profiles predict preferences; write `out` (JSON), effects as CSV, and rankings by persona.

    Args:
        answers: table with person, creative, an answer (rating or click) and numeric trait columns; or a folder of ADS-16.
        creatives: the ads of the answers; not needed for ADS-16, whose ads are known by category.
        personas: TOML, one table per persona with traits in the units of `answers`; `<out>.personas.csv` then ranks ads for
            each.
    Raises:
        CatalogError: answers or ads cannot be used. ConfigError: personas are wrong, or stopped. TrainingError: too few people.
    """
    out = Path(out)
    outputs = out, beside(out, ".csv"), beside(out, ".personas.csv")
    inputs = (answers, creatives, personas)
    check_outputs(outputs, inputs, restart=restart)
    from adcreative.papers.personas import model
    from adcreative.papers.personas.answers import read_personas, read_responses

    progress("reading answers", 0, 1)
    table, ads = _read(Path(answers), creatives)
    responses, traits, features, names = read_responses(table, ads, Path(answers).name)
    profiles = {} if personas is None else read_personas(personas, traits, responses.traits.mean(axis=0))
    if should_stop():
        raise ConfigError("stopped before the result was complete; nothing was written")
    found = model.audit_personas(responses, seed=seed, progress=count_stage(progress, "leaving people and ads out"))
    num_people, num_ads = len(np.unique(responses.person)), len(np.unique(responses.ad))
    effects = _effect_rows(found, traits, features)
    with own_outputs(outputs, inputs, restart=restart):
        write_rows(outputs[1], effects, EFFECT_COLUMNS)
        outputs[2].unlink(missing_ok=True)
        if profiles:
            expected = found.model.base + found.model.ad_effect + found.model.shifts(_stack(profiles), responses.features)
            write_rows(outputs[2], _rank(profiles, names, "expected", expected), ("persona", "rank", "creative", "expected"))
        told = {
            "num_people": num_people,
            "num_ads": num_ads,
            "is_useful": found.is_useful,
            "traits": traits,
            "features": features,
            "auc_within_person": {name: asdict(one) for name, one in found.figures.items()},
            "model": {
                "traits": traits,
                "features": features,
                "base": found.model.base,
                **{name: getattr(found.model, name).tolist() for name in ARRAYS},
            },
        }
        write_atomically(out, dump_json(told, indent=1).encode())
    verdict = (
        "profiles say which ads a new person prefers"
        if found.is_useful
        else "profiles say no more than the average; do not use them"
    )
    lines = [
        "AUC within a person, new people: {new_people}; new ads too: {new_people_and_ads}".format(**found.figures),
        "without profiles: {without_profiles}; shuffled profiles: {shuffled_profiles}".format(**found.figures),
        f"{verdict}, by {num_people} people and {num_ads} ads",
    ]
    sure = [one for one in effects if one["is_sure"] == "yes"][:5] if found.is_useful else []
    lines += ["{trait} x {feature}: {effect:+.3f} ({low:+.3f} to {high:+.3f})".format(**one) for one in sure]
    warnings = (SMALL_WARNING.format(num=num_people),) if num_people < SMALL else ()
    return RunSummary(path=out, done=num_people, warnings=warnings, lines=tuple(lines))


def _read(answers: Path, creatives: Path | None) -> tuple[pd.DataFrame, tuple[Creative, ...]]:
    from adcreative.catalog.formats.logs import read_whole_log
    from adcreative.papers.personas.ads16 import find_people, read_ads16
    from adcreative.papers.personas.answers import AD_NAMES, PERSON_NAMES

    if answers.is_dir() and find_people(answers):
        table = read_ads16(answers)
        names = table.drop_duplicates("creative")
        known = zip(names["creative"], names["category"], strict=True)
        return table, tuple(Creative(ad_name=name, category=category) for name, category in known)
    if creatives is None:
        raise ConfigError("the ads that were answered are needed: --creatives, a folder or table with the same ad_name")
    named = {*PERSON_NAMES, *AD_NAMES}
    table = read_whole_log(answers, lambda name: name.strip().casefold() in named)
    return table, read_catalog(Path(creatives), with_days=False).creatives


def _effect_rows(found: Audit, traits: Sequence[str], features: Sequence[str]) -> list[dict[str, Any]]:
    rows = [
        {
            "trait": trait,
            "feature": feature,
            "effect": round(float(found.effects[t, f]), 5),
            "low": round(float(found.low[t, f]), 5),
            "high": round(float(found.high[t, f]), 5),
            "is_sure": "yes" if found.low[t, f] > 0 or found.high[t, f] < 0 else "no",
        }
        for t, trait in enumerate(traits)
        for f, feature in enumerate(features)
    ]
    return sorted(rows, key=lambda row: -abs(row["effect"]))


def _stack(profiles: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.stack(list(profiles.values()))


def _rank(profiles: Mapping[str, np.ndarray], ads: Sequence[str], what: str, table: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield persona, rank, creative and a value of [P, A], largest first; equal values share a rank."""
    for persona, values in zip(profiles, np.round(table, 6), strict=True):
        for at in np.argsort(-values, kind="stable"):
            rank = int((values > values[at]).sum()) + 1
            yield {"persona": persona, "rank": rank, "creative": ads[at], what: round(float(values[at]), 4)}


@takes(ScoreSettings)
def score(
    data: Path,
    out: Path,
    settings: ScoreSettings,
    *,
    batch: BatchConfig | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Score as `verbs.score` does; with `persona` and `audit`, write `<out>.personas.csv` too.

    That table ranks the ads, rated or not, by the preference of each declared profile, as learnt by `audit_personas`: shift is
    the difference to the average person's answer, in units of the answers.

    Raises:
        ConfigError: as `verbs.score`; persona without audit or audit without persona; the audit is damaged, or found profiles
            useless. CatalogError: as `verbs.score`, or the personas cannot be read.
    """
    personas, audit, batch = settings.persona, settings.audit, batch or BatchConfig()
    if (personas is None) != (audit is None):
        raise ConfigError("scores by persona need both: --persona personas.toml, and --audit, what audit-personas wrote")
    if personas is None or audit is None:
        return scoring.score(data, out, settings, batch=batch, progress=progress, should_stop=should_stop)
    out, place = Path(out), beside(Path(out), ".personas.csv")
    inputs = (data, settings.columns, settings.images, settings.model, settings.words, personas, audit)
    check_outputs((place, out, failures_path(out)), inputs, restart=batch.restart)
    fitted, known, profiles = read_audit(Path(audit), personas)
    summary = scoring.score(data, out, settings, batch=batch, progress=progress, should_stop=should_stop)
    if summary.stopped or summary.forecast is not None:
        return summary
    from adcreative.papers.personas.answers import measure_features

    columns = read_table_settings(settings.columns, dates=settings.dates)
    ads = list(survey_catalog(Path(data), columns, batch.limit, images=settings.images).creatives_to_do())
    shifts = fitted.shifts(_stack(profiles), measure_features(ads, known))
    with own_outputs((place,), inputs, restart=batch.restart):
        write_rows(place, _rank(profiles, [one.name for one in ads], "shift", shifts), ("persona", "rank", "creative", "shift"))
    said = f"{place.name} ranks the ads for {len(profiles)} personas, as their declared profiles go"
    return replace(summary, warnings=(*summary.warnings, said))


def read_audit(audit: Path, personas: Path) -> tuple[PersonaModel, tuple[str, ...], dict[str, np.ndarray]]:
    """Return the model that `audit_personas` saved, its features [d], and declared profiles [T] by name.

    Raises:
        ConfigError: it is no audit, is damaged, found profiles useless, or a profile does not fit it.
        CatalogError: the personas cannot be read.
    """
    from adcreative.papers.personas.answers import read_personas
    from adcreative.papers.personas.model import PersonaModel

    try:
        content = json.loads(Path(audit).read_text(encoding="utf-8"))
        kept, is_useful = content["model"], bool(content["is_useful"])
        arrays = {name: np.array(kept[name], np.float64) for name in ARRAYS}
        traits, features = tuple(map(str, kept["traits"])), tuple(map(str, kept["features"]))
        base = float(kept["base"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{audit} is no audit with a model ({type(error).__name__}: {error}); run audit-personas") from error
    sizes = [(len(traits), len(features)), *[(len(traits),)] * 2, *[(len(features),)] * 2]
    if any(one.shape != size or not np.isfinite(one).all() for one, size in zip(arrays.values(), sizes, strict=True)):
        raise ConfigError(f"{audit} is damaged: its effects do not fit its traits and features; run audit-personas again")
    if not is_useful:
        raise ConfigError(
            f"{Path(audit).name} found that profiles say no more than the average, so scores by persona would be noise; "
            "gather answers of more people"
        )
    profiles = read_personas(personas, traits, arrays["trait_mean"])
    return PersonaModel(base=base, ad_effect=np.zeros(0), **arrays), features, profiles
