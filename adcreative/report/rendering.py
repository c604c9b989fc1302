"""The jinja2 environment of the report, autoescaped, with the parts (rate chart, word comparison) shared with the app."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from adcreative.report import words

TEMPLATE_DIR = Path(__file__).parent / "templates"


@lru_cache(maxsize=8)
def build_environment(*extra_dirs: Path) -> jinja2.Environment:
    """Build an environment over the report's templates and extra_dirs; values are escaped, undefined names are errors."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*extra_dirs, TEMPLATE_DIR]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=words.percent,
        signed_percent=words.signed_percent,
        signed_number=words.signed_number,
        clip=words.clip,
        rounded=words.rounded,
        reason=words.reason,
        part=words.part,
        sentence=words.sentence,
    )
    return environment


def compile_templates(*extra_dirs: Path) -> None:
    """Compile every template of the environment, so that the first page does not wait for compilation."""
    environment = build_environment(*extra_dirs)
    for name in environment.list_templates(extensions=["j2"]):
        environment.get_template(name)


def read_part(name: str) -> Markup:
    """Read one of our own style sheets or scripts, to be inserted unescaped."""
    return Markup((TEMPLATE_DIR / name).read_text(encoding="utf-8"))


def script_hash(script: str) -> str:
    """Return the Content-Security-Policy source that allows only this inline script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def render_part(template: str, *extra_dirs: Path, **values: object) -> str:
    """Render a template to text."""
    return build_environment(*extra_dirs).get_template(template).render(**values)


def flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as (name, value) pairs for a table; lists are joined, None and empty values are left out.

    Reports are forwarded, so absolute paths are shortened to the last folder and the name.
    """
    pairs: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            pairs += flatten(value, f"{name}: ")
        elif isinstance(value, list | tuple):
            pairs += [(name, ", ".join(str(item) for item in value))] if value else []
        elif isinstance(value, bool):
            pairs.append((name, "yes" if value else "no"))
        elif value is not None and value != "":
            pairs.append((name, f"{value:.6g}" if isinstance(value, float) else _shorten_path(str(value))))
    return pairs


def _shorten_path(text: str) -> str:
    is_path = text.startswith("/") or bool(re.match(r"[A-Za-z]:[\\/]", text))
    return "…/" + "/".join(re.split(r"[\\/]", text)[-2:]) if is_path else text
