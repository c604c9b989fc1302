"""Which language an ad's words are in, by character statistics (py3langid; Lui & Baldwin 2012). Its model lies in its wheel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

# languages that ad platforms sell in and that are told apart reliably in a line of a few words
LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
MIN_PROBABILITY = 0.5


@lru_cache(maxsize=65_536)
def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of a text's language; "" where it says too little (no letters, a name, two words)."""
    if not any(letter.isalpha() for letter in text):
        return ""
    code, probability = _identifier().classify(text[:2_000])
    return str(code) if float(probability) >= MIN_PROBABILITY else ""


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
