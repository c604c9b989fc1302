"""What `score` costs: cold and warm, against its encoders alone, and against a script that anyone would write.

One run; the fastest of a few repeats each. `scoring_figures` takes processor time of one thread (a shared machine hardly
disturbs it), `all_cores_figures` the time that passes while both may use every core, as who waits for them sees it.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from sklearn.linear_model import Ridge

BATCH_ROWS = 16
Clock = Callable[[], float]


def scoring_figures(num: int = 128, num_straight: int = 32, repeats: int = 2) -> dict[str, float | str]:
    """Score `num` simulated ads with an empty feature cache and with a full one; return rates and ratios of processor time.

    score_cold_over_encoders: all of `score` over the encoders' own forward passes on decoded pictures, cut faces and texts,
    each once. score_warm_over_cold: rate with a full cache over rate with an empty one. score_over_straight_*: rate over
    that of a script with open_clip and scikit-learn on the first `num_straight` ads; "vit_b_32" is that architecture with
    random weights (its time does not depend on them), "same_towers" our picture and text towers, which find no faces.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ADCREATIVE_CACHE"] = str(folder / "first")
        torch.set_num_threads(1)
        from adcreative import pipeline
        from adcreative.feature_cache import FeatureCache
        from adcreative.tools import load_market, load_model, load_tools

        market, extractor = load_market(0), load_tools().extractor
        load_model(None)
        market.write_folder(folder / "ads", num, seed=7)
        market.write_folder(folder / "few", 8, seed=8)
        pipeline.score(folder / "few", folder / "few.csv")  # what happens once a process is not part of a rate
        scripts = (_vit_b_32(), _same_towers(extractor.clip))
        straight_s: dict[str, list[float]] = {label: [] for label, *_ in scripts}
        cold_s, encoders_s, warm_s = [], [], []
        for turn in range(repeats):
            extractor.cache = FeatureCache(folder / f"cache{turn}")
            cold_s.append(_seconds(lambda: pipeline.score(folder / "ads", folder / "cold.csv")))
            warm_s += [_seconds(lambda: pipeline.score(folder / "ads", folder / "warm.csv")) for _ in range(2)]
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


def all_cores_figures(num: int = 128, repeats: int = 3) -> dict[str, float | str]:
    """Score `num` simulated ads with an empty feature cache; return its rate and its ratio to the scripts' on the same ads.

    Time that passes, `score` and scripts each with as many threads as this machine has cores, started and warmed up before.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ADCREATIVE_CACHE"] = str(folder / "first")
        from adcreative import pipeline
        from adcreative.feature_cache import FeatureCache
        from adcreative.tools import load_market, load_tools

        market, extractor = load_market(0), load_tools().extractor
        market.write_folder(folder / "ads", num, seed=7)
        market.write_folder(folder / "few", 8, seed=8)
        pipeline.score(folder / "few", folder / "few.csv")
        scripts = (_vit_b_32(), _same_towers(extractor.clip))
        cold_s, straight_s = [], {label: [] for label, *_ in scripts}
        for turn in range(repeats):
            extractor.cache = FeatureCache(folder / f"cache{turn}")
            cold_s.append(_seconds(lambda: pipeline.score(folder / "ads", folder / "cold.csv"), time.perf_counter))
            for label, *parts in scripts:
                straight_s[label].append(straight_seconds(folder / "ads", num, *parts, clock=time.perf_counter))
    torch.set_num_threads(before)
    figures: dict[str, float | str] = {"all_cores_score_ads_per_s": round(num / min(cold_s), 1)}
    for label, spent_s in straight_s.items():
        figures[f"all_cores_straight_{label}_ads_per_s"] = round(num / min(spent_s), 1)
        figures[f"all_cores_score_over_straight_{label}"] = round(min(spent_s) / min(cold_s), 2)
    return figures


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
    """Return the time of a plain script: open_clip vectors of picture and words, in batches, then a linear model."""
    with (data / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:num]
    vectors = np.zeros((num, 0))
    predictor: Any = None

    def encode() -> None:
        nonlocal vectors
        parts = []
        with torch.no_grad():
            for start in range(0, num, BATCH_ROWS):
                batch = rows[start : start + BATCH_ROWS]
                files = [data / row["file_name"] if row["file_name"] else None for row in batch]
                images = [Image.open(file).convert("RGB") if file else Image.new("RGB", (224, 224)) for file in files]
                words = [" ".join((row["headline"], row["primary_text"], row["description"])) for row in batch]
                seen = model.encode_image(torch.stack([preprocess(image) for image in images]), normalize=True)
                parts.append(torch.cat([seen, model.encode_text(tokenizer(words), normalize=True)], dim=1).numpy())
        vectors = np.concatenate(parts)

    def predict() -> None:
        predictor.predict(vectors)

    spent_s = _seconds(encode, clock)
    predictor = Ridge().fit(vectors, [float(row["clicks"]) / max(float(row["impressions"]), 1.0) for row in rows])
    return spent_s + _seconds(predict, clock)


def _vit_b_32() -> tuple[str, Any, Any, Any]:
    model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-32")
    return "vit_b_32", model.eval(), preprocess, open_clip.get_tokenizer("ViT-B-32")


def _same_towers(clip: Any) -> tuple[str, Any, Any, Any]:
    return "same_towers", clip.model, clip.transform, clip.tokenizer


def _seconds(call: Callable[[], object], clock: Clock = time.process_time) -> float:
    started_s = clock()
    call()
    return clock() - started_s
