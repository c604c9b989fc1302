"""Colours, fonts and logo of the page; independent of its parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import gradio as gr
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

FONT, FONT_PACKAGE = "Hanken Grotesk", "font_hanken_grotesk"
WEIGHTS = {"Regular": 400, "SemiBold": 600, "Bold": 700}
CACHED = {"Cache-Control": "public, max-age=31536000, immutable"}
PINE = gr.themes.Color(
    "#eefaf6",
    "#d5f2e9",
    "#abe4d4",
    "#7cd3bd",
    "#4fbfa5",
    "#0f8a76",
    "#0b7261",
    "#095c4f",
    "#084a40",
    "#073d35",
    "#04241f",
    name="pine",
)
# subdued: second buttons are outlines, fields are paper, and every text has a contrast of 4.5 at least
_QUIET = {
    "button_border_width": "1px",
    "button_secondary_background_fill": "#fffdf9",
    "button_secondary_background_fill_dark": "#24272c",
    "button_secondary_background_fill_hover": "#efe9dc",
    "button_secondary_background_fill_hover_dark": "#31353c",
    "button_secondary_border_color": "#a39b8b",
    "button_secondary_border_color_dark": "#5a5f68",
    "button_secondary_text_color": "#1c1e22",
    "button_secondary_text_color_dark": "#eceae5",
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#26292e",
    "input_border_color": "#c9c2b4",
    "input_border_color_dark": "#454a53",
    "input_border_width": "1px",
    "input_placeholder_color": "#6b6f77",
    "input_placeholder_color_dark": "#9da1a9",
    "block_info_text_color": "#63676f",
    "block_info_text_color_dark": "#a9acb3",
    "block_label_text_color": "#4a4e55",
    "block_label_text_color_dark": "#c6c8cc",
    "block_title_text_color": "#34373d",
    "block_title_text_color_dark": "#dcdad5",
    "checkbox_label_background_fill": "#f4f1ea",
    "checkbox_label_background_fill_dark": "#2a2d33",
    "checkbox_border_color": "#8c8576",
    "checkbox_border_color_dark": "#7a7f88",
    "color_accent": "#0b7261",
}


def build_theme() -> gr.themes.Base:
    """Return the theme: one bundled font (none is downloaded), quiet colours, one accent."""
    fonts = [gr.themes.Font(name) for name in (FONT, "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")]
    mono = [gr.themes.Font(name) for name in ("ui-monospace", "Menlo", "monospace")]
    theme = gr.themes.Base(
        primary_hue=PINE, secondary_hue=PINE, neutral_hue="stone", radius_size="lg", font=fonts, font_mono=mono
    )
    return theme.set(
        body_background_fill="#f4f1ea",
        body_background_fill_dark="#141518",
        block_background_fill="#fffdf9",
        block_background_fill_dark="#1d1f23",
        button_primary_background_fill="#0b7261",
        button_primary_background_fill_dark="#0c7a68",
        button_primary_background_fill_hover="#095c4f",
        button_primary_background_fill_hover_dark="#0b6b5b",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        **_QUIET,
    )


def font_faces() -> str:
    """Return the CSS of the font; without its package the page uses the system's fonts."""
    face = "@font-face {{ font-family: '{}'; font-weight: {}; font-display: swap; src: url('/ac/{}.otf') format('opentype'); }}"
    return "".join(face.format(FONT, weight, name) for name, weight in WEIGHTS.items()) if find_spec(FONT_PACKAGE) else ""


def look_routes() -> list[Route]:
    """Return the routes that serve the files of the font."""

    def hand_out(path: Path) -> Callable[[Request], Awaitable[Response]]:
        async def give(request: Request) -> Response:
            return FileResponse(path, headers=CACHED)

        return give

    if find_spec(FONT_PACKAGE) is None:
        return []
    folder = Path(str(files(FONT_PACKAGE))) / "files"
    return [Route(f"/ac/{name}.otf", hand_out(folder / f"HankenGrotesk-{name}.otf")) for name in WEIGHTS]
