"""A brand's rules for words, in the form of an AdCP brand manifest: tone, words to use and to avoid, disclaimers.

The manifest is data of the user: JSON, no code, unknown keys are refused with the nearest known key. AdCP has no field for
single words, so they are read from `metadata` ("words_to_use", "words_to_avoid") and from quoted words in `tone.dos` and
`tone.donts` ('never say "cheap"'). AdCP has no field for font files or for pictures that must keep their look either:
`metadata` takes "font_files" (paths next to the kit) and "lock_look" (true: light, colour and crop stay).
Source: Ad Context Protocol, core/brand-manifest.json (https://github.com/adcontextprotocol/adcp), read 2026-11-24.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adcreative.config import did_you_mean
from adcreative.copywriter.brief import WORD, Brief, clean_text, stem
from adcreative.copywriter.products.product import Product
from adcreative.errors import ConfigError

_KEYS = (
    "url",
    "privacy_policy_url",
    "name",
    "logos",
    "colors",
    "fonts",
    "tone",
    "tagline",
    "assets",
    "product_catalog",
    "disclaimers",
    "industry",
    "target_audience",
    "contact",
    "metadata",
)
_QUOTED = re.compile('["“„«‘]([^"“”„«»‘’]{2,60})["”“»’]')
_MAX_WORDS, _MAX_BYTES = 200, 1_000_000
_ALWAYS = ("", "all", "always", "any")


@dataclass(frozen=True)
class Disclaimer:
    """Text that an ad must contain; context says when ("financial_products"; "all" or empty: always)."""

    text: str
    context: str = ""

    def applies_to(self, brief: Brief) -> bool:
        """Return whether the context shares a word with the brief (by the first five letters); no context always applies."""
        if self.context.strip().casefold() in _ALWAYS:
            return True
        said = f"{brief.product} {brief.headline} {brief.description}"
        starts = {stem(word)[:5] for word in WORD.findall(said)}
        wanted = [word for word in re.split(r"[\W_]+", self.context.casefold()) if len(word) > 3]
        return any(stem(word)[:5] in starts for word in wanted if word not in ("products", "claims", "services"))


@dataclass(frozen=True)
class BrandKit:
    """A brand's rules for lines and pictures. fonts: font files for text; lock_look: light, colour and crop stay unchanged."""

    name: str
    tone: str = ""
    use: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    disclaimers: tuple[Disclaimer, ...] = ()
    fonts: tuple[str, ...] = ()
    lock_look: bool = False

    def brief(self, brief: Brief) -> Brief:
        """Return the brief with the brand's rules; the brief's own brand and tone take precedence."""
        due = tuple(one.text for one in self.disclaimers if one.applies_to(brief))
        return replace(
            brief,
            brand=brief.brand or self.name,
            tone=brief.tone or self.tone,
            use=(*brief.use, *self.use),
            avoid=(*brief.avoid, *self.avoid),
            disclaimers=(*brief.disclaimers, *due),
        )

    def product(self, product: Product) -> Product:
        """Return the product with the brand's words to avoid; the product's own brand takes precedence."""
        return replace(product, brand=product.brand or self.name, avoid=(*product.avoid, *self.avoid))


def read_brand_kit(path: Path) -> BrandKit:
    """Read a brand manifest.

    Raises:
        ConfigError: the file cannot be read, is not a JSON object, has no name, an unknown key, or a value of the wrong kind.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        manifest = json.loads(content[:_MAX_BYTES])
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read ({error.strerror or error}). Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is no brand manifest: it is not JSON ({error}). Correct it.") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("name"), str) or not manifest["name"].strip():
        raise ConfigError(f'{path.name} is no brand manifest: it needs an object with a "name".')
    for key in manifest:
        if key not in _KEYS:
            raise ConfigError(f'{path.name}: unknown key "{key}" in a brand manifest. {did_you_mean(key, _KEYS)}')
    tone, dos, donts = _tone(manifest.get("tone"), path)
    metadata = manifest.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ConfigError(f'{path.name}: "metadata" must be an object, got {metadata!r}.')
    return BrandKit(
        name=clean_text(manifest["name"])[:60],
        tone=tone,
        use=_words([*_texts(metadata, "words_to_use", path), *_quoted(dos)]),
        avoid=_words([*_texts(metadata, "words_to_avoid", path), *_quoted(donts)]),
        disclaimers=tuple(_disclaimers(manifest.get("disclaimers") or [], path)),
        fonts=_font_files(metadata, path),
        lock_look=_is_locked(metadata, path),
    )


def _tone(value: object, path: Path) -> tuple[str, list[str], list[str]]:
    """Return tone, dos and don'ts: a string in early versions of the protocol, an object in later ones."""
    if value is None or isinstance(value, str):
        return clean_text(value or "")[:60], [], []
    if not isinstance(value, dict):
        raise ConfigError(f'{path.name}: "tone" must be a text or an object with voice, attributes, dos, donts; got {value!r}.')
    voice = [str(value["voice"])] if value.get("voice") else _texts(value, "attributes", path)
    return clean_text(", ".join(voice))[:60], _texts(value, "dos", path), _texts(value, "donts", path)


def _texts(values: dict[str, Any], key: str, path: Path) -> list[str]:
    found = values.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigError(f'{path.name}: "{key}" must be a list of texts, got {found!r}.')
    return found


def _font_files(metadata: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Return a kit's font files, only from the kit's folder and below: a kit from somebody else opens no other file."""
    names = _texts(metadata, "font_files", path)
    files = [path.parent / name for name in names]
    for name, file in zip(names, files, strict=True):
        if not file.resolve().is_relative_to(path.parent.resolve()):
            raise ConfigError(f'{path.name}: the font file "{name[:80]}" lies elsewhere. Put it beside the kit.')
        if not file.is_file():
            raise ConfigError(f'{path.name}: there is no font file "{file.name}" beside it. Correct "font_files".')
    return tuple(str(file.resolve()) for file in files)


def _is_locked(metadata: dict[str, Any], path: Path) -> bool:
    value = metadata.get("lock_look", False)
    if not isinstance(value, bool):
        raise ConfigError(f'{path.name}: "lock_look" must be true or false, got {value!r}.')
    return value


def _quoted(sentences: list[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from _QUOTED.findall(sentence)


def _words(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for word in words if (text := clean_text(word)[:60])))[:_MAX_WORDS]


def _disclaimers(values: object, path: Path) -> Iterator[Disclaimer]:
    if not isinstance(values, list):
        raise ConfigError(f'{path.name}: "disclaimers" must be a list, got {values!r}.')
    for value in values:
        if not isinstance(value, dict) or not isinstance(value.get("text"), str) or not value["text"].strip():
            raise ConfigError(f'{path.name}: a disclaimer needs a "text", got {value!r}.')
        if value.get("required", True):
            yield Disclaimer(clean_text(value["text"])[:400], str(value.get("context") or "")[:60])
