"""Attributes of words against what people read in real ads of the half "work" (`attributes.yaml`)."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from adcreative.concepts.attributes import MIN_RIGHT, says, word_attributes
from adcreative.creative import Creative

HERE = Path(__file__).parent
UNSAID = {"product", "address"}  # roles whose words are not the ad's message


def read_labelled() -> list[tuple[str, Creative]]:
    """Return file and words of each ad of the half that may be looked at."""
    ads = [json.loads(line) for line in (HERE / "ads.jsonl").read_text(encoding="utf-8").splitlines()]
    found = []
    for ad in (one for one in ads if one["split"] == "work"):
        said = [(block["role"], " ".join(block["text"].split("\n"))) for block in ad["blocks"] if block["role"] not in UNSAID]
        headline = " ".join(text for role, text in said if role == "headline")
        rest = "\n".join(text for role, text in said if role not in ("headline", "brand", "button"))
        found.append((ad["file"], Creative(headline=headline, primary_text=rest)))
    return found


def measure(name: str, labelled: list[tuple[str, Creative]], truth: set[str]) -> dict[str, float]:
    """Return how often an attribute is right, how many of those called have it, and how many that have it are called."""
    called = {file for file, ad in labelled if says(ad, name)}
    right = sum((file in called) == (file in truth) for file, _ in labelled)
    both = len(called & truth)
    return {"right": right / len(labelled), "precision": both / max(len(called), 1), "recall": both / max(len(truth), 1)}


def test_what_is_shown_of_words_is_right_in_four_of_five_real_ads() -> None:
    truth = yaml.safe_load((HERE / "attributes.yaml").read_text(encoding="utf-8"))
    labelled = read_labelled()
    assert len(labelled) >= 60
    for name in word_attributes():
        found = measure(name, labelled, set(truth[name]))
        print(name, {key: round(value, 2) for key, value in found.items()})
        assert found["right"] >= MIN_RIGHT, (name, found)
        assert found["precision"] >= MIN_RIGHT, (name, found)
