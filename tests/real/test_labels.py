"""The labels of real ads keep their rules, and belong to the pictures that lie beside the checkout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.real.labels import FOLDERS, LABELS, character_error, fold, read_ads


def test_every_ad_has_labels_and_a_maker_lies_in_one_half() -> None:
    ads = read_ads()
    halves = {split: {ad.maker for ad in read_ads(split)} for split in ("work", "held")}
    assert len({ad.sha256 for ad in ads}) == len({ad.file for ad in ads}) == len(ads) >= 104
    assert not halves["work"] & halves["held"]
    assert min(map(len, halves.values())) >= 39


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("half of its maker", lambda ad: ad.update(split={"work": "held", "held": "work"}[ad["split"]])),
        ("one headline at most", lambda ad: [one.update(role="headline") for one in ad["blocks"]]),
        ("roles", lambda ad: ad["blocks"][0].update(role="footer")),
        ("scripts", lambda ad: ad["blocks"][0].update(script="Runic")),
        ("kinds", lambda ad: ad["faces"].append({"kind": "cat", "box": None})),
        ("boxes", lambda ad: ad["blocks"][0].update(box=[0.5, 0.1, 0.5, 0.2])),
        ("spans", lambda ad: ad["blocks"][0].update(emphasis=[[0, 1000]])),
    ],
)
def test_a_line_that_breaks_a_rule_is_named(tmp_path: Path, rule: str, spoil: Callable[[Any], Any]) -> None:
    ad = json.loads(LABELS.read_text(encoding="utf-8").splitlines()[0])
    spoil(ad)
    (tmp_path / "ads.jsonl").write_text(json.dumps(ad), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{ad['file']} breaks the rule: .*{rule}"):
        read_ads(path=tmp_path / "ads.jsonl")


def test_words_are_compared_without_what_no_eye_sees() -> None:
    assert fold("全网坚果销量\n遥遥领先！") == fold("全网坚果销量 遥遥领先!")
    assert fold("Life didn't come\nwith a  walkthrough.") == "Life didn't come with a walkthrough."
    assert fold("شگفت\u200cانگیز") == fold("شگفتانگیز") != fold("شگفت انگیز")
    assert fold("Sale") != fold("SALE")
    assert fold("C’est « lui » !") == fold('C\'est " lui "!')
    assert fold("–20 %") == fold("-20%") != fold("20%")
    assert character_error("Shop\nnow", "Shop now") == 0
    assert character_error("ЗНИЖКИ", "3НИЖК") == pytest.approx(2 / 6)
    assert character_error("Sale", "") == 1
    assert character_error("Sale", "Sales!") == pytest.approx(2 / 4)


@pytest.mark.skipif(not FOLDERS[0].is_dir(), reason="no ../shared beside the checkout")
def test_pictures_beside_the_checkout_are_those_that_were_labelled() -> None:
    found = [(ad, ad.picture) for ad in read_ads() if ad.picture]
    assert len(found) >= 104
    for ad, path in found:
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:16] == ad.sha256, ad.file
        with Image.open(path) as image:
            assert [*image.size] == ad.size, ad.file
