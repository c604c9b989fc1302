"""The planted response with the real face reader, on a portrait that is nobody's training picture."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.market import Market
from adcreative.market.brands import PALETTES, Brand
from adcreative.market.layouts import PLACEMENTS
from adcreative.market.lines import AdWords
from adcreative.market.measures import measure_picture
from adcreative.market.rendering import AdDesign, render_ad
from tests.market.conftest import CartoonCodec, WordCounter

WORDS = AdWords(headline="How to wake up by the sea", primary_text="", description="Pick the dates.", cta="Book now")


@pytest.fixture(scope="module")
def analyzer():
    faces = pytest.importorskip("stylegan.faces.analysis")
    return faces.FaceAnalyzer()


@pytest.fixture(scope="module")
def portrait_u8() -> np.ndarray:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[10:210, 125:325])


@pytest.mark.parametrize(("placement", "template"), [(p, t) for p, kind in PLACEMENTS.items() for t in kind.templates])
def test_a_rendered_person_is_found_once_and_read_alike(placement: str, template: str, analyzer, portrait_u8: np.ndarray):
    brand = Brand(name="Solora", category="travel", palette=PALETTES[3], mark=0)
    design = AdDesign(brand=brand, placement=placement, template=template, with_product=True, style_seed=3)
    measured = measure_picture(render_ad(design, WORDS, [portrait_u8]), analyzer)
    assert len(measured.face_shares) == 1
    assert 0.01 < measured.face_shares[0] < 0.2
    (plain,) = measure_picture(portrait_u8, analyzer).face_attributes
    assert (np.abs(measured.face_attributes[0] - plain) < [0.08, 0.05, 0.05, 0.05, 6.0]).all()


def test_the_truth_does_not_flicker_with_invisible_noise(analyzer, portrait_u8: np.ndarray, face_codes: np.ndarray):
    market = Market(1, CartoonCodec(), analyzer, WordCounter(), face_codes=face_codes)
    creative = Creative(headline="Wake up by the sea", category="travel")
    noise = np.random.default_rng(0).integers(-2, 3, portrait_u8.shape)
    nudged = (portrait_u8.astype(int) + noise).clip(0, 255).astype(np.uint8)
    assert abs(market.true_ctr(creative, nudged) / market.true_ctr(creative, portrait_u8) - 1) < 0.02
