"""What `score` costs: cold and warm, against its encoders alone, and against a script that anyone would write.

One run; the fastest of a few repeats each; processor time of one thread, which a shared machine hardly disturbs.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch

from adcreative.features.cache import FeatureCache
from tests.bench import straight_script

Clock = Callable[[], float]


def scoring_figures(num: int = 128, num_straight: int = 32, repeats: int = 2) -> dict[str, float | str]:
    """Score `num` simulated ads with an empty feature cache and with a full one; return rates and ratios of processor time.

    score_cold_over_encoders: all of `score` over the encoders' own forward passes on decoded pictures, cut faces and texts,
    each once. score_warm_over_cold: rate with a full cache over rate with an empty one. score_over_straight_*: rate over
    that of a script with open_clip and scikit-learn on the first `num_straight` ads; "vit_b_32" is that architecture with
    random weights (its time does not depend on them), "same_towers" our picture and text towers, which find no faces.
    """
    with _warmed_up(num, 1) as (folder, extractor, scripts):
        straight_s: dict[str, list[float]] = {label: [] for label, *_ in scripts}
        cold_s, encoders_s, warm_s = [], [], []
        for turn in range(repeats):
            extractor.cache = FeatureCache(folder / f"cache{turn}")
            cold_s.append(_seconds(lambda: _score(folder)))
            warm_s += [_seconds(lambda: _score(folder)) for _ in range(2)]
            encoders_s.append(encoder_seconds(extractor, folder / "ads"))
            for label, *parts in scripts:  # in each turn too: a minute in which the machine is slow meets all that is compared
                straight_s[label].append(straight_seconds(folder / "ads", num_straight, *parts))
        figures: dict[str, float | str] = {
            "score_ads": num,
            "score_cold_ads_per_cpu_s": round(num / min(cold_s), 1),
            "score_encoders_alone_ads_per_cpu_s": round(num / min(encoders_s), 1),
            "score_cold_over_encoders": round(min(cold_s) / min(encoders_s), 3),
            "score_warm_ads_per_cpu_s": round(num / min(warm_s), 1),
            "score_warm_over_cold": round(min(cold_s) / min(warm_s), 1),
        }
        for label, spent_s in straight_s.items():
            figures[f"straight_{label}_ads_per_cpu_s"] = round(num_straight / min(spent_s), 1)
            figures[f"score_over_straight_{label}"] = round(min(spent_s) / num_straight / (min(cold_s) / num), 2)
        return figures


@contextmanager
def _warmed_up(num: int, num_threads: int) -> Iterator[tuple[Path, Any, tuple[tuple[str, Any, Any, Any], ...]]]:
    """Yield a folder with `num` ads below "ads", the extractor that `score` uses, and the scripts' parts; all used before."""
    from adcreative import pipeline
    from adcreative.verbs.loading import load_market, load_model, load_tools

    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ADCREATIVE_CACHE"] = str(folder / "first")
        market, extractor = load_market(0), load_tools().extractor
        load_model(None)
        market.write_folder(folder / "ads", num, seed=7)
        market.write_folder(folder / "few", 8, seed=8)
        pipeline.score(folder / "few", folder / "few.csv")  # what happens once a process is not part of a rate
        yield folder, extractor, (_vit_b_32(), _same_towers(extractor.clip))
    torch.set_num_threads(before)


def _score(folder: Path) -> None:
    from adcreative import pipeline

    pipeline.score(folder / "ads", folder / "scores.csv")


def encoder_seconds(extractor: Any, data: Path) -> float:
    """Return the processor time of every encoder on a folder's distinct pictures, faces and texts."""
    from adcreative.catalog import read_catalog
    from adcreative.catalog.images import picture

    creatives = read_catalog(data).creatives
    pixels = [image_u8 for creative in creatives if (image_u8 := picture(creative)) is not None]
    images = list({(image_u8.shape, image_u8.tobytes()): image_u8 for image_u8 in pixels}.values())
    headlines = sorted({creative.headline for creative in creatives} - {""})
    bodies = sorted({creative.body for creative in creatives} - {""})
    texts = sorted({*headlines, *bodies})
    faces: list[Any] = []
    spent_s = _seconds(lambda: faces.extend(map(extractor.analyzer.analyze, images)))
    crops = [
        face.alignment.crop(image_u8, extractor.codec.size)
        for image_u8, found in zip(images, faces, strict=True)
        for face in found
        if not face.refusal
    ]
    spent_s += _seconds(lambda: extractor.clip.encode_images(images))
    spent_s += _seconds(lambda: extractor.codec.encode(crops))
    with extractor.sharing():  # as in `score`: what two encoders read of one text is computed once
        spent_s += _seconds(lambda: extractor.clip.encode_texts(texts))
        spent_s += _seconds(lambda: extractor.headline_model.read(headlines))
        return spent_s + _seconds(lambda: extractor.headline_model.read_wording(bodies))


def straight_seconds(
    data: Path, num: int, model: Any, preprocess: Any, tokenizer: Any, *, clock: Clock = time.process_time
) -> float:
    """Return the time that `straight_script` takes for the first `num` ads, without what is fitted before."""
    rows = straight_script.read_rows(data)[:num]
    found: list[np.ndarray] = []
    spent_s = _seconds(lambda: found.append(straight_script.encode(data, rows, model, preprocess, tokenizer)), clock)
    predictor = straight_script.fit(found[0], rows)
    return spent_s + _seconds(lambda: predictor.predict(found[0]), clock)


def _vit_b_32() -> tuple[str, Any, Any, Any]:
    model, _, preprocess = open_clip.create_model_and_transforms(straight_script.ARCHITECTURE)
    return "vit_b_32", model.eval(), preprocess, open_clip.get_tokenizer(straight_script.ARCHITECTURE)


def _same_towers(clip: Any) -> tuple[str, Any, Any, Any]:
    return "same_towers", clip.model, clip.transform, clip.tokenizer


def _seconds(call: Callable[[], object], clock: Clock = time.process_time) -> float:
    started_s = clock()
    call()
    return clock() - started_s
