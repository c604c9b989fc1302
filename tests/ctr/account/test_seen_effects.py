"""What was planted in the pictures, faces and formats of an account is found, and chance or another column is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special

from adcreative.creative import Creative
from adcreative.ctr.account.effects import Worth
from adcreative.ctr.account.seen_effects import count_pictures, measure_seen_effects
from adcreative.ctr.account.table import read_table
from adcreative.features.batch import FACE_ATTRIBUTES, LOOK_STATS, CreativeFeatures

NUM_PICTURES = 40
Account = tuple[list[Creative], list[CreativeFeatures]]


def plant(effects: dict[str, float], *, num: int = 240, seed: int = 0, placement_effect: float = 0.0) -> Account:
    """Ads that show NUM_PICTURES pictures with lines and in placements drawn apart; effects of "face" and "brightness"."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(0, 1, (NUM_PICTURES, len(LOOK_STATS))).astype(np.float32)
    has_face = rng.random(NUM_PICTURES) < 0.5
    brightness = looks[:, LOOK_STATS.index("brightness")]
    worth = rng.normal(0, 0.05, NUM_PICTURES) + effects.get("face", 0.0) * has_face
    worth += effects.get("brightness", 0.0) * (brightness > np.median(brightness))
    creatives, features = [], []
    for row in range(num):
        picture, place = int(rng.integers(NUM_PICTURES)), str(rng.choice(["feed", "story"]))
        log_odds = special.logit(0.03) + worth[picture] + placement_effect * (place == "story") + rng.normal(0, 0.05)
        shown, faces = int(rng.integers(8_000, 16_000)), int(has_face[picture])
        clicks = int(rng.binomial(shown, special.expit(log_odds)))
        line = f"line {rng.integers(30)}"
        creatives.append(
            Creative(headline=line, placement=place, file_name=f"{picture}.png", row=row + 1, impressions=shown, clicks=clicks)
        )
        features.append(
            CreativeFeatures(
                look=looks[picture],
                image=np.full(8, picture, np.float32),
                face_shares=np.full(faces, 0.1, np.float32),
                face_attributes=np.zeros((faces, len(FACE_ATTRIBUTES)), np.float32),
                face_codes=np.zeros((faces, 512), np.float32),
            )
        )
    return creatives, features


def measure(account: Account) -> dict[str, Worth]:
    creatives, features = account
    return {one.label: one for one in measure_seen_effects(creatives, features, read_table(creatives, features), seed=0)}


def test_planted_effects_of_faces_looks_and_formats_are_found_with_their_sign_and_size() -> None:
    found = measure(plant({"face": 0.3, "brightness": -0.2}, placement_effect=0.25))
    for label, kind, planted in (("a face", "face", 0.3), ("brighter pictures than most", "look", -0.2)):
        assert found[label].is_sure, label
        assert found[label].kind == kind
        assert found[label].low - 0.05 < planted < found[label].high + 0.05, label
    (placed,) = (one for label, one in found.items() if label.startswith("placement: "))  # the other value says no more
    assert placed.kind == "format"
    sign = 1 if placed.label == "placement: story" else -1
    assert placed.low < sign * 0.25 < placed.high
    assert placed.is_sure
    assert not found["warmer colours than most"].is_sure
    assert found["a face"].as_dict()["ads"] == found["a face"].ads > 0


def test_of_three_placements_each_is_held_against_the_others() -> None:
    creatives, features = plant({}, placement_effect=0.3)
    rng = np.random.default_rng(5)
    creatives = [
        replace(one, placement="reel" if one.placement == "feed" and rng.random() < 0.5 else one.placement) for one in creatives
    ]
    found = measure((creatives, features))
    assert found["placement: story"].low < 0.3 < found["placement: story"].high
    assert found["placement: story"].low > 0.1
    for name in ("feed", "reel"):
        assert found[f"placement: {name}"].high < 0


def test_formats_in_the_names_of_ads_are_compared_without_words_and_pictures() -> None:
    creatives, _ = plant({}, placement_effect=0.3)
    named = [
        Creative(
            ad_name=f"ad {k}",
            row=k + 1,
            impressions=one.impressions,
            clicks=one.clicks,
            context={"name_placement": one.placement},
        )
        for k, one in enumerate(creatives)
    ]
    (placed,) = measure((named, [CreativeFeatures() for _ in named])).values()
    assert placed.kind == "format"
    assert placed.label in ("placement: feed", "placement: story")
    assert placed.is_sure
    assert (placed.effect > 0) == (placed.label == "placement: story")


def test_a_picture_that_ran_often_is_one_picture_and_chance_no_finding() -> None:
    certain = [one.is_sure for seed in range(5) for one in measure(plant({}, seed=seed)).values()]
    assert len(certain) > 15
    assert np.mean(certain) < 0.15


def test_without_pictures_and_formats_nothing_is_said() -> None:
    creatives, features = plant({"face": 0.5}, num=60)
    assert count_pictures(creatives, features) > 20
    mute = [replace(one, placement="") for one in creatives], [CreativeFeatures() for _ in creatives]
    assert measure(mute) == {}
    assert count_pictures(*mute) == 0
    same = [replace(one, placement="feed") for one in creatives], [features[0] for _ in creatives]
    assert measure(same) == {}
