"""A language is told by script and letters before statistics; names and addresses say nothing of it."""

from __future__ import annotations

import pytest

from adcreative.encoders.language import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("بپوش بریم ورزش لایف استایل مردانه", "fa"),
        ("متاح توصيل لكل اسكندرية", "ar"),
        ("Знижки на підключення", "uk"),
        ("Скидка на обувь", "ru"),
        ("双11来了", "zh"),
        ("あの頃の歌が、", "ja"),
        ("카톡플친 맺고", "ko"),
        ("Schöner schlafen", "de"),
        ("güven doğasında var", "tr"),
        ("Häcker kitchen.germanMade.", ""),
        ("Häcker", ""),
        ("www.example.de", ""),
        ("29 %", ""),
    ],
)
def test_a_language_is_told_where_the_words_say_enough(text: str, language: str) -> None:
    assert detect_language(text) == language
