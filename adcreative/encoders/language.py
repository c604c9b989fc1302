"""Language detection for an ad's words, by their script, then by character statistics (py3langid; Lui & Baldwin 2012).

The model of py3langid is in its wheel; the English word list is `english_words.txt`, which states its source.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# languages used in ads that are detected reliably in a line of a few words
LANGUAGES = {
    "ar": "Arabic",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
MIN_PROBABILITY, OF_ONE_WORD = 0.5, 0.9  # one word may be a name ("Häcker")
# the first word of a letter's name in Unicode -> the languages written with it, the language of most ads first
_SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "ARABIC": ("ar", "fa"),
    "CYRILLIC": ("ru", "uk"),
    "DEVANAGARI": ("hi",),
    "GREEK": ("el",),
    "HANGUL": ("ko",),
    "HEBREW": ("he",),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "THAI": ("th",),
}
_OWN_LETTERS = {"uk": "іїєґ", "ru": "ыэёъ", "fa": "پچژگیک", "ar": "ةيىكأإ"}  # missing in the script's other language
_ADDRESS = re.compile(r"\S*(?:@|://|www\.)\S*|\S+\.[a-z]{2,}\S*", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of a text's language; "" for too little text (no letters, a name, two words).

    The script of most letters decides first; in a script of several languages, letters used by only one of them, else
    the language of most ads. Addresses are ignored.
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
    """Return the probability (0..1) that a text is in one of the given languages, conditional on a language of LANGUAGES."""
    ranked = dict(_identifier().rank(text[:2_000]))
    return float(sum(ranked[language] for language in languages))


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier


@cache
def english_words() -> frozenset[str]:
    """Return about 46,000 English words in lower case, without names."""
    text = resources.files(__package__).joinpath("english_words.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
