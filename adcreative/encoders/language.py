"""Which language an ad's words are in, by their script, then by character statistics (py3langid; Lui & Baldwin 2012).

Its model lies in its wheel.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# languages that ad platforms sell in and that are told apart reliably in a line of a few words
LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip
MIN_PROBABILITY, OF_ONE_WORD = 0.5, 0.9  # one word may be a name ("Häcker")
# the first word of a letter's name in Unicode -> the languages that are written with it, that of most ads first
_SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "ARABIC": ("ar", "fa"), "CYRILLIC": ("ru", "uk"), "DEVANAGARI": ("hi",), "GREEK": ("el",), "HANGUL": ("ko",),
    "HEBREW": ("he",), "HIRAGANA": ("ja",), "KATAKANA": ("ja",), "THAI": ("th",),
}  # fmt: skip
_OWN_LETTERS = {"uk": "іїєґ", "ru": "ыэёъ", "fa": "پچژگیک", "ar": "ةيىكأإ"}  # which the other language of the script has not
_ADDRESS = re.compile(r"\S*(?:@|://|www\.)\S*|\S+\.[a-z]{2,}\S*", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of a text's language; "" where it says too little (no letters, a name, two words).

    The script of most letters decides first, and where it has several languages the letters that one of them has alone, else
    the one that most ads are in. Addresses say nothing.
    """
    words = _ADDRESS.sub(" ", text[:2_000]).split()
    letters = [letter for word in words for letter in word if letter.isalpha()]
    if not letters:
        return ""
    named = Counter(unicodedata.name(letter, "").split(" ")[0] for letter in letters)
    languages = _SCRIPTS.get(named.most_common(1)[0][0], ())
    if languages:
        folded = "".join(letters).casefold()
        return max(languages, key=lambda language: sum(map(folded.count, _OWN_LETTERS.get(language, ""))))
    code, probability = _identifier().classify(" ".join(words))
    is_name = sum(any(letter.isalpha() for letter in word) for word in words) == 1 and "CJK" not in named
    return str(code) if float(probability) >= (OF_ONE_WORD if is_name else MIN_PROBABILITY) else ""


@lru_cache(maxsize=65_536)
def chance_of_languages(text: str, languages: tuple[str, ...]) -> float:
    """Return the probability (0..1) that a text is in one of these LANGUAGES, given that it is in one of all."""
    ranked = dict(_identifier().rank(text[:2_000]))
    return float(sum(ranked[language] for language in languages))


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
