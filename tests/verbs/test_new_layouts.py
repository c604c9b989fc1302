"""New layouts of an ad: what its advertiser states is not doubted."""

from __future__ import annotations

import pytest

pytest.importorskip("cv2")
pytest.importorskip("skia")

import numpy as np

from adcreative.compose.from_ad import NO_PHOTOGRAPH, Taken
from adcreative.creative import Creative
from adcreative.lettering import BlockLine, TextBlock, Words
from adcreative.verbs.new_layouts import confirm_words, take_ad


def block(text: str, role: str) -> TextBlock:
    line = BlockLine(text=text, box=(60, 66, 380, 130), confidence=0.99)
    return TextBlock(lines=(line,), colour=(0, 0, 0), ground=(255, 255, 255), residual=1.0, role=role, chance=0.1)


def test_words_that_the_advertiser_states_have_a_certain_role() -> None:
    ad = Creative(headline="Your cat stays home", description="First visit free", cta="Meet a sitter")
    texts = (("Your cat stays home", "tag"), ("First visit free", "offer"), ("Meet a sitter", "brand"), ("Since 1990", "tag"))
    words = Words(blocks=tuple(block(text, role) for text, role in texts))
    roles = [(one.role, one.is_sure) for one in confirm_words(words, ad).blocks]
    assert roles == [("headline", True), ("offer", True), ("button", True), ("tag", False)]
    assert confirm_words(words, Creative()) == words


@pytest.mark.parametrize(("role", "is_composed"), [("subline", True), ("offer", False)])
def test_an_uncertain_offer_is_never_left_out(role: str, is_composed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.verbs.new_layouts.load_segmenter", lambda: None)
    monkeypatch.setattr("adcreative.verbs.new_layouts.has_reader", lambda: False)
    blocks = (block("Your cat stays home", "headline"), block("Meet a sitter", "button"), block("First visit free", role))
    ad = Creative(headline="Your cat stays home", cta="Meet a sitter")
    found = take_ad(np.full((600, 600, 3), (20, 120, 90), np.uint8), Words(blocks=blocks, size=(600, 600)), ad)
    assert (found.prepared is not None) == is_composed
    assert (f"messages.{role}" in found.missing) != is_composed
    if found.prepared is not None:
        assert set(found.prepared.messages) == {"headline", "button"}, "what is not sure is left out"


@pytest.mark.parametrize(
    ("why", "is_composed"), [("words cover too much of what its photograph shows", False), (NO_PHOTOGRAPH, True)]
)
def test_no_layout_loses_the_picture_of_the_ad(why: str, is_composed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = {"headline": ("Your cat stays home",), "button": ("Meet a sitter",), "offer": ("First visit free",)}
    taken = Taken(messages, "Catwatch", None, None, ("#14785a", "#ffffff"), {}, {"photos": why})
    monkeypatch.setattr("adcreative.verbs.new_layouts.load_segmenter", lambda: None)
    monkeypatch.setattr("adcreative.verbs.new_layouts.has_reader", lambda: False)
    monkeypatch.setattr("adcreative.verbs.new_layouts.take_parts", lambda *_: taken)
    found = take_ad(np.full((600, 600, 3), (20, 120, 90), np.uint8), Words(size=(600, 600)), Creative(headline="Home"))
    assert (found.prepared is not None) == is_composed
    assert found.missing == ({} if is_composed else {"photos": why})
