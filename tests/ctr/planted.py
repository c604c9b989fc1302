"""A planted world for tests: creatives with features, counts, and the true log-odds they were drawn from.

The truth is linear in look, face attributes and appeal, plus one category interaction, one direction of the picture
embedding, brand effects and extra noise that no feature explains. No pixels: features are drawn directly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adcreative.creative import Creative
from adcreative.features.batch import CreativeFeatures

IMAGE_DIM, TEXT_DIM = 48, 32


@dataclass(frozen=True)
class PlantedWorld:
    """creatives, features and true_log_odds [N], row by row."""

    creatives: list[Creative]
    features: list[CreativeFeatures]
    true_log_odds: np.ndarray

    def rows(self, idx: np.ndarray) -> PlantedWorld:
        return PlantedWorld(
            [self.creatives[i] for i in idx], [self.features[i] for i in idx], self.true_log_odds[np.asarray(idx)]
        )


def _unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    values = rng.normal(size=shape)
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def plant_market(
    num: int, *, seed: int, num_brands: int = 20, extra_std: float = 0.1, dims: tuple[int, int] = (IMAGE_DIM, TEXT_DIM)
) -> PlantedWorld:
    """Creatives with pictures, faces, words and context; groups are brands."""
    rng = np.random.default_rng(seed)
    world = np.random.default_rng(12345)  # the same truth for every seed
    image_direction, brand_effects = _unit(world, dims[0]), world.normal(0, 0.25, num_brands)
    creatives, features, truths = [], [], []
    for row in range(num):
        brand, category = int(rng.integers(num_brands)), ["shoes", "food", "phones"][int(rng.integers(3))]
        image, text = _unit(rng, dims[0]), _unit(rng, dims[1])
        look = rng.normal(0, 1, 6).astype(np.float32)
        num_faces = int(rng.integers(0, 3))
        attributes = rng.normal(0, 1, (num_faces, 8)).astype(np.float32)
        appeal = float(rng.normal(0, 0.25))
        smile = float(attributes[:, 0].mean()) if num_faces else 0.0
        truth = (
            -3.9
            + brand_effects[brand]
            + appeal
            + 0.2 * look[0]
            + 2.0 * float(image @ image_direction)
            + smile * (0.35 if category == "food" else 0.1)
            + rng.normal(0, extra_std)
        )
        impressions = int(rng.integers(800, 6000))
        creatives.append(
            Creative(
                ad_name=f"ad {row}",
                file_name=f"{row}.png",
                headline=f"headline {row}",
                brand=f"brand {brand}",
                category=category,
                platform="market",
                placement=["feed", "story"][row % 2],
                impressions=impressions,
                clicks=int(rng.binomial(impressions, 1 / (1 + np.exp(-truth)))),
                row=row + 1,
            )
        )
        features.append(
            CreativeFeatures(
                image=image,
                look=look,
                text=text,
                body=_unit(rng, dims[1]),
                appeal=appeal,
                face_codes=rng.normal(0, 1, (num_faces, 512)).astype(np.float32),
                face_attributes=attributes,
                face_shares=np.full(num_faces, 0.1, np.float32),
            )
        )
        truths.append(truth)
    return PlantedWorld(creatives, features, np.array(truths))


def plant_tests(num_tests: int, *, seed: int, extra_std: float = 0.1, text_dim: int = TEXT_DIM) -> PlantedWorld:
    """Headline tests: words only, four arms, a luck that the arms of a test share, and an appeal that orders them."""
    rng = np.random.default_rng(seed)
    creatives, features, truths = [], [], []
    for test in range(num_tests):
        luck = rng.normal(0, 0.5)
        for arm in range(4):
            appeal = float(rng.normal(0, 0.3))
            truth = -4.2 + luck + appeal + rng.normal(0, extra_std)
            impressions = int(rng.integers(2500, 4000))
            clicks = int(rng.binomial(impressions, 1 / (1 + np.exp(-truth))))
            creatives.append(
                Creative(
                    headline=f"words {test} {arm}",
                    test_id=f"t{test}",
                    platform="upworthy",
                    impressions=impressions,
                    clicks=clicks,
                    row=len(creatives) + 1,
                )
            )
            features.append(CreativeFeatures(text=_unit(rng, text_dim), appeal=appeal))
            truths.append(truth)
    return PlantedWorld(creatives, features, np.array(truths))


def join(*worlds: PlantedWorld) -> PlantedWorld:
    return PlantedWorld(
        [c for world in worlds for c in world.creatives],
        [f for world in worlds for f in world.features],
        np.concatenate([world.true_log_odds for world in worlds]),
    )
