"""The verb `explain`: the factors behind the predicted rate of one creative. Imports torch only when called."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from adcreative.artifacts import dump_json, write_atomically
from adcreative.creative import Creative
from adcreative.errors import CreativeError
from adcreative.features.known_words import load_known_words, with_known_words
from adcreative.features.picture_fields import describe_reading, fill_from_pictures
from adcreative.features.word_readings import find_reader
from adcreative.progress import Count, Progress, ShouldStop, never, silent, uncounted
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.model_folder import find_models, is_log_model
from adcreative.verbs.score_table import check_base_rate, move_rate

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel, History
    from adcreative.explain.perturbation import HeatMap, Score
    from adcreative.features.batch import CreativeFeatures
    from adcreative.features.builder import AccountHistory
    from adcreative.features.extraction import FeatureExtractor

NUM_STRONGEST = 8
SHOWN_SIDE_PX = 512  # longest side of the picture under a heat map
OUTPUTS = ("heat.png", "explanation.json", "explanation.html")


@dataclass(frozen=True, kw_only=True)
class ExplanationSummary:
    """The explanation as plain values and as text lines, the page, and whether the run was stopped (writes nothing)."""

    explanation: dict[str, Any]
    path: Path
    stopped: bool = False
    lines: tuple[str, ...] = ()


class _Stopped(Exception):
    """Raised to leave the loop over occluded pictures."""


def explain(
    creative: Creative,
    out: Path,
    *,
    model: Path | None = None,
    history: AccountHistory | None = None,
    base_rate: float | None = None,
    restart: bool = False,
    features: Path | None = None,
    words: Path | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> ExplanationSummary:
    """Explain the rate of one creative; write heat.png (with a picture), explanation.json and explanation.html into `out`.

    The heat map is made by occlusion; words are weighed by leaving out each word and by integrated gradients over tokens; parts
    by integrated gradients and by exact ablation; the nearest training creatives are listed with their rates. Empty
    fields of the ad are read in the picture (`read` of the explanation names the fields).

    Without `model` the models have seen no results of the account: no rate is stated (ctr is None, level_unknown True), but the
    ratio of the creative's odds to the odds of an ad of which nothing is known. `base_rate`, the account's mean click rate
    (0.021: 2.1 %), is taken as the rate of that unknown ad, so that a rate is stated again. features, words: as for `score`.

    With the model of an impression log the creative's image_path is a log; see `explain_log`.

    Raises:
        CreativeError: the picture cannot be read, or there is neither picture nor words. ArtifactError: as `load_model`.
        ConfigError: a file of another program would be replaced, without `restart`, or `base_rate` is no rate.
    """
    if model is not None and creative.image_path is not None and is_log_model(model):
        from adcreative.verbs.use_log import explain_log, say_fields

        found = explain_log(creative.image_path, out, model=model, restart=restart, progress=progress)
        return ExplanationSummary(explanation=found, path=Path(out) / "explanation.json", lines=say_fields(found))
    check_base_rate(base_rate)
    find_models(model)
    from adcreative.catalog.images import picture
    from adcreative.report.explanation import draw_heat, render_explanation
    from adcreative.verbs.loading import load_scorer

    out, outputs = Path(out), tuple(Path(out) / name for name in OUTPUTS)
    inputs = (creative.image_path, model, words)
    check_outputs(outputs, inputs, restart=restart)
    creative = creative if words is None else with_known_words(creative, load_known_words(words))
    image_u8 = picture(creative)
    extractor, predictor = load_scorer(model, features)
    extractor = extractor.for_models([predictor])  # with all inputs of the rate, since changes are requested too
    (creative,) = fill_from_pictures([creative], find_reader(lambda: extractor.cache))

    def tell(done: int, total: int) -> None:
        progress("covering regions", done, total)
        if should_stop():
            raise _Stopped

    try:
        with extractor.sharing():  # words are read once for all occluded pictures
            explanation, heat, shown_u8 = explain_rate(creative, image_u8, extractor, predictor, history, tell)
    except _Stopped:
        return ExplanationSummary(explanation={}, path=out, stopped=True)
    if model is None:
        explanation = state_level(explanation, base_rate)
    drawn = draw_heat(shown_u8, heat) if heat is not None and shown_u8 is not None else None
    page = render_explanation(explanation, None if shown_u8 is None else Image.fromarray(shown_u8), drawn)
    with own_outputs(outputs, inputs, restart=restart):
        if drawn is not None:
            buffer = io.BytesIO()
            drawn.save(buffer, "PNG")
            write_atomically(out / "heat.png", buffer.getvalue(), is_private=True)
        else:
            (out / "heat.png").unlink(missing_ok=True)  # from an earlier creative
        write_atomically(out / "explanation.json", dump_json(explanation, indent=1).encode())
        write_atomically(out / "explanation.html", page.encode(), is_private=True)  # page and picture show people
    return ExplanationSummary(explanation=explanation, path=out / "explanation.html", lines=_say(explanation))


def _say(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the rate, and the contributions of parts and words."""
    if found["enough_data"] and found["level_unknown"]:
        rate = f"{found['against_nothing_known']:+.0%} odds against an ad of which nothing is known; the level is unknown"
    else:
        rate = f"{found['ctr']:.2%} ({found['ctr_low']:.2%} to {found['ctr_high']:.2%})" if found["enough_data"] else ""
    slopes = ("" if one["gradient"] is None else f" ({one['gradient']:+.1%} by gradients)" for one in found["strongest_words"])
    return (
        f"{found['name']}: {rate or 'not enough data'}",
        *(
            f"  {one['part']}: {one['share']:+.1%} of the odds ({one['ablation']:+.1%} by leaving it out)"
            for one in found["parts"]
        ),
        *(
            f"  “{one['word']}”: {one['change']:+.1%}{slope}"
            for one, slope in zip(found["strongest_words"], slopes, strict=True)
        ),
    )


def explain_rate(
    creative: Creative,
    image_u8: np.ndarray | None,
    extractor: FeatureExtractor,
    predictor: ClickModel,
    history: AccountHistory | None = None,
    progress: Count = uncounted,
) -> tuple[dict[str, Any], np.ndarray | None, np.ndarray | None]:
    """Return the explanation as plain values, the heat [cells down, cells across], and the picture under the heat map.

    Every model gives the same fields. level_unknown is False here; `state_level` sets it for models that know no account's
    level. against_nothing_known: odds of this creative over the odds of a creative unknown to the model, less 1.
    """
    from adcreative.encoders.threads import run_beside
    from adcreative.explain.neighbours import nearest_known

    (features,) = extractor.extract([creative])
    if isinstance(features, CreativeError):
        raise features
    earlier: Any = history or ()
    (prediction,) = predictor.predict([creative], [features], earlier)

    def score(creatives: Sequence[Creative], read: Sequence[Any]) -> np.ndarray:
        return predictor.predict_log_odds(creatives, read, earlier)[0]

    def weigh() -> tuple[Any, list[dict[str, Any]]]:
        found = _explainer(predictor).attribute(predictor, creative, features, earlier)
        return found, _weigh_words(creative, features, predictor, extractor, earlier)

    with run_beside(weigh) as wait:
        heat, shown_u8 = _map_heat(creative, image_u8, extractor, score, progress)
        found, weighed = wait()
    nearest = nearest_known(predictor, features)
    parts = [
        {
            "part": name,
            "share_log_odds": share,
            "share": _change(share),
            "ablation_log_odds": found.ablations[name],
            "ablation": _change(found.ablations[name]),
        }
        for name, share in sorted(found.shares.items(), key=lambda item: -abs(item[1]))
    ]
    explanation = {
        "name": creative.name,
        "ctr": prediction.ctr,
        "ctr_low": prediction.ctr_low,
        "ctr_high": prediction.ctr_high,
        "enough_data": prediction.enough_data,
        "evidence": prediction.evidence,
        "read": describe_reading(creative),
        "reasons": list(prediction.reasons),
        "log_odds": found.log_odds,
        "base_log_odds": found.base,
        "base_odds": math.exp(found.base),
        "rest_log_odds": found.rest,
        "level_unknown": False,
        "base_rate": None,
        "against_nothing_known": _change(found.log_odds - found.base),
        "parts": parts,
        "field_shares": found.field_shares,
        "words": weighed,
        "strongest_words": sorted(weighed, key=lambda word: -abs(float(word["log_odds"])))[:NUM_STRONGEST],
        "heat": heat and {"file": "heat.png", "cells": heat.cells.tolist(), "strongest": _change(heat.strongest)},
        "nearest": {name: [{**asdict(one), "rate": one.rate} for one in rows] for name, rows in nearest.items()},
        "nearest_source": {name: predictor.notes["grades"][name][1] for name in nearest},
        "methods": _methods(predictor),
        "model_hash": predictor.content_hash,
    }
    if not prediction.enough_data:
        explanation |= dict.fromkeys(("ctr", "ctr_low", "ctr_high"))
    return explanation, None if heat is None else heat.cells, shown_u8


def _map_heat(
    creative: Creative, image_u8: np.ndarray | None, extractor: FeatureExtractor, score: Score, progress: Count
) -> tuple[HeatMap | None, np.ndarray | None]:
    """Return the heat map of a picture, and the picture under the map; neither without a picture. Reads no words."""
    from adcreative.explain.perturbation import find_things, map_heat, shrink_picture

    if image_u8 is None:
        return None, None
    small_u8 = shrink_picture(image_u8)
    versions = extractor.for_versions(small_u8, only_covered=True)
    things = find_things(small_u8, versions.analyzer)
    found = map_heat(creative, small_u8, versions.extract, score, things, progress=progress)
    return found, shrink_picture(image_u8, SHOWN_SIDE_PX)


def _weigh_words(
    creative: Creative, features: CreativeFeatures, predictor: ClickModel, extractor: FeatureExtractor, earlier: History
) -> list[dict[str, Any]]:
    """Return the words in reading order, each with its leave-one-out contribution and its attribution by gradients."""
    from adcreative.explain.perturbation import weigh_words

    def score(creatives: Sequence[Creative], read: Sequence[Any]) -> np.ndarray:
        return predictor.predict_log_odds(creatives, read, earlier)[0]

    words = weigh_words(creative, features, extractor.extract, score)
    gradients = _integrate_words(creative, features, predictor, extractor, earlier)
    weighed = []
    for word in words:
        slope = gradients.get((word.field, word.position))
        gradient = {"gradient_log_odds": slope, "gradient": None if slope is None else _change(slope)}
        weighed.append({**asdict(word), "change": _change(word.log_odds), **gradient})
    return weighed


def state_level(explanation: dict[str, Any], base_rate: float | None) -> dict[str, Any]:
    """Return the explanation with rates moved to a base rate, or without rates where the level is unknown."""
    found = {**explanation, "level_unknown": base_rate is None, "base_rate": base_rate}
    if base_rate is None:
        return {**found, **dict.fromkeys(("ctr", "ctr_low", "ctr_high", "log_odds", "base_log_odds", "base_odds"))}
    base = math.log(base_rate / (1 - base_rate))
    shift = base - explanation["base_log_odds"]
    rates = {
        name: move_rate(explanation[name], shift) for name in ("ctr", "ctr_low", "ctr_high") if explanation[name] is not None
    }
    return {**found, **rates, "log_odds": explanation["log_odds"] + shift, "base_log_odds": base, "base_odds": math.exp(base)}


def _explainer(predictor: ClickModel) -> ModuleType:
    """Return the attribution module for a predictor: integrated gradients for networks, else Shapley values."""
    if predictor.has_gradients:
        from adcreative.explain import attribution

        return attribution
    from adcreative.explain import shapley  # imports scikit-learn

    return shapley


def _methods(predictor: ClickModel) -> dict[str, str]:
    from adcreative.report.explanation import METHODS, SHAPLEY

    return dict(METHODS) if predictor.has_gradients else {**METHODS, "share": SHAPLEY}


def _integrate_words(
    creative: Creative, features: CreativeFeatures, predictor: ClickModel, extractor: FeatureExtractor, earlier: History
) -> dict[tuple[str, int], float]:
    """Return (field, position) -> integrated gradients of a word; empty for encoders without token embeddings."""
    from adcreative.explain.word_gradients import has_gradients, integrate_words

    if not predictor.has_gradients or not has_gradients(extractor):
        return {}
    found = integrate_words(creative, features, predictor, extractor, earlier)  # type: ignore[arg-type]
    return {(word.field, word.position): word.log_odds for word in found}


def _change(log_odds: float) -> float:
    """Return a difference of log-odds as a relative change of the odds: 0.1 is 10 % more."""
    return math.expm1(log_odds)


def find_base(predictor: ClickModel, creative: Creative, features: CreativeFeatures) -> float:
    """Return the log-odds of a creative of which the model knows nothing: the baseline for `creative`."""
    return float(_explainer(predictor).base_log_odds(predictor, creative, features))
