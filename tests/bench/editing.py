"""The edit search: batched evaluation against a loop that renders, re-encodes and scores each candidate; where the time goes.

    python -m tests.bench.editing

One simulated ad with two faces. The loop does for each genome what a search without measured answers has to do: compose at
full size, extract (encoders, faces, codes), predict. Batched evaluation is CandidateScorer on a whole population; what its
measured answers cost once (probes) is told apart, and spread over the search's candidates in `..._with_probes`. Seconds are of
the processor (all threads), since the machine may be shared.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import SYNTHETIC_PERSON, Creative
from adcreative.editor import session as editing
from adcreative.editor.preparation.lines import build_lines
from adcreative.editor.preparation.picture import open_creative
from adcreative.editor.preparation.search_space import measure_space
from adcreative.editor.scoring.final_pixels import PixelScorer
from adcreative.editor.scoring.objectives import CandidateScorer
from adcreative.editor.session import EditorConfig, EditorTools, SessionSettings
from tests.editor.fakes import edit_creative

POPULATION, GENERATIONS = 60, 40
NUM_ONE_BY_ONE = 6
FACES_AND_WORDS = EditorConfig(edit_look=False, set_text=False)
STAGES = (
    "open_creative",
    "build_lines",
    "measure_space",
    "search_edits",
    "score_finalists",
    "audit",
    "predict_control_change",
)
WITHIN = ("render_contenders", "predict_change")


def editing_figures(
    population: int = POPULATION, generations: int = GENERATIONS, num_one_by_one: int = NUM_ONE_BY_ONE
) -> dict[str, Any]:
    """Return candidates a second of both ways, their ratio, and seconds and shares of a 60x40 search on two faces."""
    import torch

    from adcreative.verbs.loading import load_market, load_model, load_tools

    torch.set_num_threads(2)
    tools, market = load_tools("template"), load_market(0)
    extractor = tools.extractor
    cache, extractor.cache = extractor.cache, None  # every picture is encoded, as on the first run
    try:
        bundle = tools.editor_tools(load_model(None), None)
        ad = ad_with_two_faces(market, bundle)
        figures = evaluation_figures(ad, bundle, population, generations, num_one_by_one)
        return figures | search_figures(ad, bundle, population, generations)
    finally:
        extractor.cache = cache


def ad_with_two_faces(market: Any, tools: EditorTools) -> Creative:
    """Return the first ad of the market in which exactly two faces may be edited."""
    for seed in range(5, 25):
        for ad in market.make_creatives(20, seed=seed, results=False):
            image_u8 = picture(ad)
            if image_u8 is None or len(tools.analyzer.analyze(image_u8)) != 2:
                continue
            ad = replace(ad, consent_id=SYNTHETIC_PERSON)
            if len(open_creative(ad, tools, SessionSettings(config=FACES_AND_WORDS)).face_rows) == 2:
                return ad
    raise RuntimeError("no simulated ad has two faces that may be edited")


def evaluation_figures(
    ad: Creative, tools: EditorTools, population_size: int, generations: int, num_one_by_one: int
) -> dict[str, float]:
    """Return candidates a second: batched (without and with the probes' cost), one at a time, and their ratios."""
    config = FACES_AND_WORDS
    opened = open_creative(ad, tools, SessionSettings(config=config))
    lines, _ = build_lines(ad, opened.features, tools, config, None)
    started_s = time.process_time()
    space, surrogate = measure_space(opened, lines, tools.visible_changes)
    probes_s = time.process_time() - started_s
    scorer = CandidateScorer(
        ad,
        opened.features,
        space=space,
        lines=lines,
        predictors=(tools.predictor, tools.judge),
        surrogate=surrogate,
        config=EditorConfig(),
    )
    rng = np.random.default_rng(0)
    population = [space.sample(rng=rng) for _ in range(population_size)]
    batched_s = _seconds(lambda: scorer(population)) / population_size
    pixels, few = PixelScorer(opened, lines, scorer), population[:num_one_by_one]
    one_by_one_s = _seconds(lambda: [pixels([genome]) for genome in few], repeats=1) / len(few)
    with_probes_s = batched_s + probes_s / (population_size * (generations + 1))
    return {
        "edit_candidates_per_s_batched": round(1 / batched_s, 1),
        "edit_candidates_per_s_one_by_one": round(1 / one_by_one_s, 2),
        "edit_batched_over_one_by_one": round(one_by_one_s / batched_s, 1),
        "edit_batched_with_probes_over_one_by_one": round(one_by_one_s / with_probes_s, 1),
    }


def search_figures(ad: Creative, tools: EditorTools, population: int, generations: int) -> dict[str, Any]:
    """Return seconds of a 60x40 search from opening to verdict, what was rendered, and the share of each stage."""
    config = replace(FACES_AND_WORDS, population_size=population, generations=generations, patience=max(1, generations))
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    with stage_seconds(type(tools.predictor)) as spent:
        outcome = edit_creative(ad, tools=tools, config=config)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    inside = sum(seconds for name, seconds in spent.items() if name not in WITHIN)
    spent = {**spent, "search_edits": spent["search_edits"] - spent["render_contenders"], "rest": max(0.0, cpu_s - inside)}
    record = outcome.result.search
    return {
        "edit_60x40_cpu_s": round(cpu_s, 1),
        "edit_60x40_wall_s": round(wall_s, 1),
        "edit_60x40_share_of_stages": {name: round(seconds / cpu_s, 3) for name, seconds in spent.items()},
        "edit_60x40_evaluations": outcome.result.evaluations,
        "edit_60x40_rendered": record.rendered,
        "edit_60x40_rank_correlation": record.rank_correlation,
        "edit_60x40_elite_changes": record.elite_changes,
    }


@contextmanager
def stage_seconds(model: type) -> Iterator[dict[str, float]]:
    """Yield processor seconds spent in each stage of edit_creative, filled while it runs; rendering candidates that could be
    the best, and asking the models for a change, are part of other stages and counted apart too."""
    spent = dict.fromkeys((*STAGES, *WITHIN), 0.0)

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            started_s = time.process_time()
            try:
                return call(*arguments, **options)
            finally:
                spent[name] += time.process_time() - started_s

        return wrapped

    places: list[tuple[Any, str, str]] = [(editing, name, name) for name in STAGES]
    places += [(PixelScorer, "__call__", "render_contenders"), (model, "predict_change", "predict_change")]
    before = [getattr(owner, attribute) for owner, attribute, _ in places]
    try:
        for owner, attribute, name in places:
            setattr(owner, attribute, timed(name, getattr(owner, attribute)))
        yield spent
    finally:
        for (owner, attribute, _), original in zip(places, before, strict=True):
            setattr(owner, attribute, original)


def _seconds(call: Callable[[], Any], repeats: int = 3) -> float:
    """Return the processor seconds of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        started_s = time.process_time()
        call()
        times.append(time.process_time() - started_s)
    return min(times)


if __name__ == "__main__":
    print(json.dumps(editing_figures(), indent=1))
