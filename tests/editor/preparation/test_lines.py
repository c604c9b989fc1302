"""Lines that a search chooses from: what holds for written ones holds for crossed ones too."""

from __future__ import annotations

from dataclasses import replace

from adcreative.copywriter import build_copywriter
from adcreative.copywriter.brand_kit import BrandKit, Disclaimer
from adcreative.editor.preparation.briefed import Briefed
from adcreative.editor.preparation.lines import build_lines, keeps_disclaimers
from adcreative.editor.settings import EditorConfig
from tests.editor.fakes import FakeExtractor, fake_ad, fake_tools

TERMS = "Try it at home. See all terms."


def test_crossed_lines_keep_the_brands_rules() -> None:
    ad = replace(
        fake_ad(),
        brand="Somnia",
        category="mattress",
        headline="Sleep well",
        description="Cool wool, firm sides. Quick delivery by bike. A cover to wash.",
        cta="",
    )
    kit = BrandKit(name="Somnia", avoid=("your kind",), disclaimers=(Disclaimer(text=TERMS),))
    tools = fake_tools(copywriter=Briefed(build_copywriter("template"), kit=kit))
    (features,) = FakeExtractor().extract([ad])
    found, crossed = (
        build_lines(ad, features, tools, EditorConfig(num_crossed=num, num_descriptions=12), None)[0] for num in (0, 40)
    )
    new = set(crossed.descriptions) - set(found.descriptions)
    assert len(new) >= 3
    assert all(TERMS in line for line in new)
    assert not any("your kind" in line.casefold() for line in crossed.headlines + crossed.descriptions)


def test_a_disclaimer_that_nobody_carries_is_not_asked_for() -> None:
    assert keeps_disclaimers("Cool wool.", ["Cool wool.", "Warm wool."], [TERMS])
    assert not keeps_disclaimers("Cool wool. See all terms.", [f"Cool wool. {TERMS}"], [TERMS])
