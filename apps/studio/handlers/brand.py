"""A brand kit that is written in the page: kept for its owner, and kept to by every search that names no other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from adcreative.errors import AdCreativeError
from adcreative.pipeline import read_brand_kit

from ..html import fragments
from .one_ad import Handlers

FILE, MAX_CHARS = "brand-kit.json", 2000


@dataclass(frozen=True, kw_only=True)
class Brands:
    """The form of the brand kit."""

    handlers: Handlers

    def __post_init__(self) -> None:
        self.handlers.also_forget.append(lambda owner: self.handlers.kits.pop(owner, None))

    def save(
        self, owner: str, name: str | None, tone: str | None, use: str | None, avoid: str | None, disclaimer: str | None
    ) -> tuple[str, dict[str, Any]]:
        """Keep a kit of the form; an empty name takes it back. Words are parted by commas."""
        if not (name or "").strip():
            self.handlers.kits.pop(owner, None)
            return fragments.note("No brand kit is used."), {}
        manifest: dict[str, Any] = {
            "name": str(name).strip()[:60], "metadata": {"words_to_use": _words(use), "words_to_avoid": _words(avoid)},
        }  # fmt: skip
        if (tone or "").strip():
            manifest["tone"] = str(tone).strip()[:MAX_CHARS]
        if (disclaimer or "").strip():
            manifest["disclaimers"] = [{"text": str(disclaimer).strip()[:MAX_CHARS]}]
        folder = self.handlers.owner_dir(owner)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / FILE
        path.write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
        try:
            kit = read_brand_kit(path)
        except AdCreativeError as error:
            path.unlink()
            self.handlers.kits.pop(owner, None)
            return fragments.problem(error), {"error": str(error)}
        self.handlers.kits[owner] = path
        return fragments.brand_kit(kit), manifest


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "")[:MAX_CHARS].split(",") if word.strip()]
