"""German, Japanese and Arabic all the way: brief, template, lint, lengths, server, warning."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest

from adcreative.copywriter import Brief, build_copywriter, check_copy
from adcreative.copywriter.brief import read_facts
from adcreative.copywriter.engines.server import build_request
from adcreative.copywriter.lint.checks import text_length
from adcreative.encoders.language import LANGUAGES

BRIEFS = {
    "de": Brief("Löwenzahn", "Wolldecke", "", "Weiche Wolle für die Kleinsten", "Waschbar bei 30 Grad, sanft zur Haut.", "de"),
    "ja": Brief("雪音", "緑茶", "", "朝の一杯", "香り高い緑茶。小さな缶入り。", "ja"),
    "ar": Brief("نور", "شاي", "", "صباح هادئ", "شاي أخضر فاخر، في علبة صغيرة.", "ar"),
}
LINES = {"de": "Sanfte Wolle für kalte Nächte", "ja": "香り高い緑茶で朝を", "ar": "شاي أخضر لصباح هادئ"}
GOOGLE, META = Brief(platform="google"), Brief(platform="meta")


@pytest.mark.parametrize(
    ("text", "width", "graphemes"),
    [
        ("Trail", 5, 5),
        ("Größe", 5, 5),
        (unicodedata.normalize("NFD", "Größe"), 5, 5),  # a letter and its mark are one
        ("緑茶", 4, 2),
        ("カフェ", 6, 3),
        ("ｶﾌｪ", 3, 3),  # half width
        ("ＡＢＣ", 6, 3),  # full width
        ("커피", 4, 2),
        ("شَاي", 3, 3),  # a vowel sign stands on its letter
        ("👩‍🍳", 2, 1),  # joined
        ("नमस्ते", 3, 3),
    ],
)
def test_a_platform_counts_as_it_counts(text: str, width: int, graphemes: int) -> None:
    assert text_length(text, META) == graphemes
    assert text_length(text, GOOGLE) == pytest.approx(width)


def test_double_width_lines_reach_googles_limit_at_half_the_characters() -> None:
    brief = Brief("雪音", "緑茶", "", "朝の一杯", "", "ja", platform="google")
    assert check_copy("緑茶あ" + "いうえおかきくけこさし", brief, "headline") == ()
    assert any(
        "32 characters by the platform; 30" in one for one in check_copy("あいうえおかきくけこさしすせそた", brief, "headline")
    )
    assert text_length("あいうえおかきくけこさしすせそた", META) == 16


@pytest.mark.parametrize("language", list(BRIEFS))
def test_the_embedded_model_says_it_knows_english_only_and_what_is_done_instead(language: str) -> None:
    found = build_copywriter("smollm2").write(BRIEFS[language], 3, 1, seed=0)
    assert set(found.engines) == {"template"}
    note, possible = found.notes
    assert "its own phrases are put together anew" in possible
    assert {"de": "German", "ja": "Japanese", "ar": "Arabic"}[language] in possible
    assert "SmolLM2 knows English only" in note
    assert "the template grammar wrote instead" in note
    source = " ".join(
        (BRIEFS[language].brand, BRIEFS[language].product, BRIEFS[language].headline, BRIEFS[language].description)
    )
    for line in found.lines:
        assert line == unicodedata.normalize("NFC", line)
        assert all(word in source for word in re.sub(r"[–:.?。]", " ", line).split())


@pytest.mark.parametrize("language", list(BRIEFS))
def test_a_server_is_asked_in_the_language_and_its_lines_come_through_whole(chat_server, language: str) -> None:
    chat_server.writes(json.dumps({"lines": [LINES[language], f"{LINES[language]} 99"]}, ensure_ascii=False))
    found = build_copywriter(chat_server.address, allow_fallback=False).write(BRIEFS[language], 2, 0, seed=0)
    assert found.headlines == (LINES[language],)
    assert "number 99" in found.dropped[0][1]
    message = chat_server.requests[0]["messages"][1]["content"]
    assert f"ad headlines in {LANGUAGES[language]}" in message
    assert BRIEFS[language].headline in message


def test_a_brief_in_another_language_is_noticed_without_being_told() -> None:
    for language, brief in BRIEFS.items():
        unsaid = Brief(brief.brand, brief.product, "", brief.headline, brief.description)
        assert not read_facts(unsaid).is_english, language
        assert f"ad headlines in {LANGUAGES[language]}" in build_request(unsaid, "headline", 2)
