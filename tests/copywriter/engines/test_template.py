"""The template grammar: the same in every process, clean by its own lint, and never a claim."""

from __future__ import annotations

import subprocess
import sys

import pytest

from adcreative.copywriter import Brief, build_copywriter, check_copy
from adcreative.copywriter.brief import read_facts
from adcreative.copywriter.engines.ad_phrases import copy_slots, with_article
from adcreative.copywriter.engines.template import TemplateSource
from adcreative.copywriter.rules import rule_pack

EMPTY = Brief()
BRIEFS = (
    Brief(
        "Deskling", "standing desk for small rooms", "", "Stand up for your back", "A compact desk that remembers two heights."
    ),
    Brief("Palm Stays", "travel", "", "Wake up by the sea", "Small hotels, fair prices."),
    Brief("Veda", "coffee"),
    EMPTY,
)


@pytest.mark.parametrize("brief", BRIEFS)
def test_lines_are_clean_and_say_template(brief: Brief) -> None:
    result = build_copywriter("template").write(brief, 8, 4, seed=3)
    assert len(result.headlines) == 8
    assert len(result.descriptions) == 4
    assert set(result.engines) == {"template"}
    assert result.engine == "template"
    for line in result.headlines:
        assert check_copy(line, brief, "headline") == ()
    for line in result.descriptions:
        assert check_copy(line, brief, "description") == ()


def test_the_seed_decides(shoe_brief: Brief) -> None:
    first = build_copywriter("template").write(shoe_brief, 6, 3, seed=5)
    assert first == build_copywriter("template").write(shoe_brief, 6, 3, seed=5)
    assert first.lines != build_copywriter("template").write(shoe_brief, 6, 3, seed=6).lines


def test_another_process_writes_the_same() -> None:
    code = (
        "from adcreative.copywriter import Brief, build_copywriter as b\n"
        "print('\\n'.join(b('template').write(Brief('Veda', 'coffee'), 5, 2, seed=9).lines))"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert tuple(lines) == build_copywriter("template").write(Brief("Veda", "coffee"), 5, 2, seed=9).lines


@pytest.mark.parametrize(
    "brief",
    [
        Brief("Löwenzahn", "Wolldecke", "", "Weiche Wolle für die Kleinsten", "Waschbar bei 30 Grad, sanft zur Haut."),
        Brief("雪音", "緑茶", "", "朝の一杯", "香り高い緑茶。小さな缶入り。"),
        Brief("نور", "شاي", "", "صباح هادئ", "شاي أخضر فاخر، في علبة صغيرة."),
    ],
)
def test_other_languages_use_the_briefs_words_only(brief: Brief) -> None:
    result = build_copywriter("template").write(brief, 4, 2, seed=0)
    assert len(result.lines) >= 4
    source = " ".join((brief.brand, brief.product, brief.headline, brief.description)).casefold()
    for line in result.lines:
        for word in line.replace("–", " ").replace("·", " ").replace(":", " ").split():
            assert word.casefold() in source


def test_braces_in_a_brief_are_words_not_slots() -> None:
    lines = TemplateSource().propose(Brief("{moment}", "{__class__} {0}", "", "", "A {brand} case."), "headline", 6, seed=1)
    assert lines
    assert not any("str" in line for line in lines)


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ("desk", "a desk"),
        ("oat drink", "an oat drink"),
        ("shoes", "shoes"),
        ("coffee", "coffee"),
        ("the box", "the box"),
        ("glass", "a glass"),
    ],
)
def test_articles(product: str, expected: str) -> None:
    assert with_article(product) == expected


def test_it_stops_when_asked(shoe_brief: Brief) -> None:
    result = build_copywriter("template").write(shoe_brief, 6, 3, seed=5, should_stop=lambda: True)
    assert result.lines == ()
    assert result.is_cancelled


def test_what_the_brief_says_comes_before_what_any_ad_could_say() -> None:
    brief = Brief("Kettle & Co", "coffee subscription", "", "Fresh coffee at your door", "Roasted on Mondays. Pause any time.")
    bare = [
        line.format(moment=one) for kind in ("headline", "description") for line in grammar(kind)["bare"] for one in MOMENTS
    ]
    for seed in range(10):
        lines = build_copywriter("template").write(brief, 6, 4, seed=seed)
        assert sum("pause" in line.casefold() or "roasted" in line.casefold() for line in lines.headlines) >= 2
        assert sum("pause" in line.casefold() or "roasted" in line.casefold() for line in lines.descriptions) >= 1
        assert not set(lines.lines) & set(bare)
    assert set(build_copywriter("template").write(EMPTY, 6, 3, seed=0).lines) <= set(bare)


def grammar(kind: str) -> dict[str, list[str]]:
    return rule_pack("grammar")["english"][kind]


MOMENTS = rule_pack("grammar")["english"]["moment"]


@pytest.mark.parametrize(
    ("product", "yours"),
    [("mattress", ["your mattress"]), ("travel", ["your next trip"]), ("our own blend of tea", []), ("", [])],
)
def test_a_product_is_called_the_readers_own_once(product: str, yours: list[str]) -> None:
    assert copy_slots(read_facts(Brief("Veda", product)))["yours"] == yours


def test_a_single_feature_is_a_sentence_and_two_come_in_either_order() -> None:
    assert copy_slots(read_facts(Brief("Veda", "tea", description="Packed by hand.")))["facts"] == ["Packed by hand."]
    both = copy_slots(read_facts(Brief("Veda", "tea", description="Packed by hand, grown on one hill.")))["facts"]
    assert both == ["Packed by hand. Grown on one hill.", "Grown on one hill. Packed by hand."]
