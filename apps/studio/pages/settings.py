"""The page of settings: the copywriter, the brand kit, the consent records, and the models in use with their licences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from adcreative.pipeline import models_dir

from ..handlers.brand import Brands, KitForm
from ..handlers.consents import Consents
from ..handlers.language import EMBEDDED, FILE, SERVER, Languages
from ..handlers.library import Library
from ..html import fragments
from ..html import steps as step_fragments
from .parts import MOVES, QUICK, Fields, file_to_take, find_owner, fragment, take_only_uploads

KEPT_HINT = "Ads, versions, approvals, tests, models and brand are in {}. Start the app with --workspace to use another folder."
WRITER_HINT = "Who writes new lines for all your ads. The rules of platforms and of your brand hold whoever writes."
BRAND_HINT = "Every new line and picture keeps to it, unless “Fine tuning” has another. It is deleted with your ad."
CONSENT_HINT = "Faces of real people are changed only as far as one of these allows. The names of people are not shown here."
MODELS_HINT = "All of them run on this machine; nothing is sent anywhere unless you choose a server."


def build_settings(
    brands: Brands,
    languages: Languages,
    consents: Consents,
    visitor: gr.BrowserState,
    weights: Sequence[Mapping[str, Any]],
    switch: gr.Dropdown,
    page: gr.Blocks,
    library: Library | None = None,
) -> gr.Tab:
    """Build the page; return its tab, which updates the copywriter, the brand kit and the records at each opening."""
    with gr.Tab("Settings", id="settings", elem_id="page-settings") as tab, gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=5, min_width=320):
            writes = _build_language(languages, visitor)
            kit = _build_brand(brands, visitor)
        with gr.Column(scale=6, min_width=320):
            if library is not None:
                _build_kept(library, visitor)
            fragment(fragments.heading("Consent records", CONSENT_HINT))
            listed = fragment(step_fragments.consents(()), elem_id="consents-listed")
            with gr.Accordion("Models used here, and their licences", open=False, elem_id="licences-box"):
                fragment(fragments.note(MODELS_HINT))
                fragment(step_fragments.weights(weights), elem_id="licences")

    def say(request: gr.Request, visitor: str | None) -> list[Any]:
        owner = find_owner(visitor, request)
        writer, (said, path) = languages.say(owner), brands.say(owner)
        kept = [said, gr.update(value=str(path), visible=True)] if path else [gr.skip(), gr.skip()]
        return [consents.listed(owner), writer or gr.skip(), *kept]

    tab.select(say, visitor, [listed, writes, *kit], **MOVES)
    _wire_switch(brands, switch, page, visitor, kit)
    return tab


def _wire_switch(
    brands: Brands, switch: gr.Dropdown, page: gr.Blocks, visitor: gr.BrowserState, kit: list[gr.blocks.Block]
) -> None:
    """Wire the header's choice of a brand; hidden without a brand."""

    def offer(request: gr.Request, visitor: str | None) -> object:
        owner = find_owner(visitor, request)
        names = brands.names(owner)
        choices = [("No brand", ""), *((name, name) for name in names)]
        return gr.update(choices=choices, value=brands.chosen(owner), visible=bool(names))

    def choose_brand(request: gr.Request, brand: str | None = "", visitor: str | None = None) -> object:
        owner = find_owner(visitor, request)
        brands.choose(owner, brand)
        said, path = brands.say(owner)
        return said or fragments.note("No brand kit is used."), gr.update(value=str(path) if path else None, visible=bool(path))

    page.load(offer, visitor, switch, **MOVES)
    kit[1].change(offer, visitor, switch, **MOVES)  # type: ignore[attr-defined]
    switch.input(
        choose_brand,
        None,
        kit,
        inputs_kwargs={"brand": switch, "visitor": visitor},
        api_name="choose_brand",
        **{**QUICK, "show_progress": "hidden"},
    )


def _build_kept(library: Library, visitor: gr.BrowserState) -> None:
    """Show the path of the workspace, and a button that deletes everything, after a confirmation."""
    fragment(fragments.heading("Where your work is kept", KEPT_HINT.format(library.where)))
    ask = gr.Button("Delete everything", size="sm", elem_id="delete-all")
    with gr.Row(visible=False) as asked:
        keep, sure = (
            gr.Button("Keep it", size="sm"),
            gr.Button("Yes, delete it all", size="sm", variant="stop", elem_id="delete-sure"),
        )

    def delete(request: gr.Request, visitor: str | None) -> None:
        library.delete_all(find_owner(visitor, request))

    ask.click(lambda: gr.update(visible=True), None, asked, **MOVES)
    keep.click(lambda: gr.update(visible=False), None, asked, **MOVES)
    sure.click(delete, visitor, None, **MOVES).then(None, js="() => window.location.reload()", **MOVES)


def _build_language(languages: Languages, visitor: gr.BrowserState) -> gr.HTML:
    """Build the form of the language model; return the fragment with the copywriter."""
    fragment(fragments.heading("Language model", WRITER_HINT))
    kinds = [("The one that comes with the app", EMBEDDED), ("A file on this computer", FILE)]
    kinds += [("A server", SERVER)] if languages.may_ask_servers else []
    kind = gr.Radio(kinds, value=EMBEDDED, label="Who writes", elem_id="writer-kind")
    file = gr.Dropdown(languages.files(), label="File", visible=False, elem_id="writer-file", info=_where())
    with gr.Column(visible=False, elem_id="writer-server") as server:
        address = gr.Textbox(
            "",
            label="Address",
            placeholder="http://localhost:11434/v1",
            max_length=500,
            info="The words of your ads and what you want said are sent there.",
        )
        model = gr.Textbox("", label="Model (empty: the first one it has)", placeholder="qwen3:4b", max_length=200)
        key = gr.Textbox(
            "",
            label="Key, if it needs one",
            type="password",
            max_length=500,
            elem_id="writer-key",
            info="Kept in memory only, until the app ends or you delete everything.",
        )
    button = gr.Button("Use this writer", elem_id="writer-save")
    shown, record = fragment(elem_id="writer-saved"), gr.JSON(visible=False)

    def show(kind: str, typed: str) -> list[Any]:
        found = languages.find_server() if kind == SERVER and not typed else ("", "")
        filled = [gr.update(value=text) if text else gr.skip() for text in found]
        return [gr.update(visible=kind == FILE, choices=languages.files()), gr.update(visible=kind == SERVER), *filled]

    def save_writer(
        request: gr.Request,
        writer: str = EMBEDDED,
        file: str | None = "",
        address: str = "",
        model: str = "",
        key: str = "",
        visitor: str | None = None,
    ) -> object:
        return (*languages.save(find_owner(visitor, request), writer, file, address, model, key), "")

    kind.change(show, [kind, address], [file, server, address, model], **MOVES)
    inputs: Fields = {"writer": kind, "file": file, "address": address, "model": model, "key": key, "visitor": visitor}
    button.click(save_writer, None, [shown, record, key], inputs_kwargs=inputs, api_name="save_writer", **QUICK)
    return shown


def _where() -> str:
    """Return a note with the folder for model files, without the name of anybody's home folder."""
    folder = models_dir()
    home = Path.home()
    return f"Put .gguf files into {Path('~') / folder.relative_to(home) if folder.is_relative_to(home) else folder.name}."


def _build_brand(brands: Brands, visitor: gr.BrowserState) -> list[gr.blocks.Block]:
    """Build the form of the brand kit; return the fragment about the kit in use, and the kit's file."""
    fragment(fragments.heading("Brand kit", BRAND_HINT))
    fields: Fields = {
        "name": gr.Textbox("", label="Name of the brand", max_length=60, elem_id="brand-name"),
        "tone": gr.Textbox("", label="Tone", placeholder="calm, plain", max_length=200),
        "use": gr.Textbox("", label="Words to use, separated by commas", max_length=1000),
        "avoid": gr.Textbox("", label="Words to avoid, separated by commas", max_length=1000),
        "disclaimer": gr.Textbox("", label="Text that must stand in every description", max_length=1000, lines=2),
    }
    with gr.Accordion("Fonts, colours, logo, or a file", open=False, elem_id="brand-more"):
        fields["font_paths"] = gr.File(
            label="Fonts for words in pictures (.ttf, .otf)",
            file_types=[".ttf", ".otf"],
            file_count="multiple",
            height=150,
            elem_id="brand-fonts",
        )
        fields["keeps_look"] = gr.Checkbox(False, label="Light, colours and crop of pictures stay as they are")
        fields["colours"] = gr.Textbox(
            "",
            label="Colours, separated by commas",
            placeholder="#0b7261, #ffffff",
            max_length=100,
            info="Colours and logo are kept in the kit’s file for your designers; pictures are not recoloured.",
        )
        fields["logo_path"] = gr.File(
            label="Logo (PNG, JPEG)", file_types=[".png", ".jpg", ".jpeg"], height=150, elem_id="brand-logo"
        )
        fields["kit_path"] = gr.File(
            label="Or the file of a kit (JSON); fields above come first", file_types=[".json"], height=150, elem_id="brand-file"
        )
        for upload in (fields["font_paths"], fields["logo_path"], fields["kit_path"]):
            take_only_uploads(upload)  # type: ignore[arg-type]
    button = gr.Button("Use this brand kit", variant="primary", elem_id="brand-save")
    shown, record = fragment(elem_id="brand-saved"), gr.JSON(visible=False)
    made = file_to_take("The kit, as a file", height=90, elem_id="brand-made")

    def save_brand(
        request: gr.Request,
        font_paths: list[str] | None = None,
        logo_path: str | None = None,
        kit_path: str | None = None,
        keeps_look: bool = False,
        visitor: str | None = None,
        **texts: str | None,
    ) -> object:
        form = KitForm(
            **{name: text or "" for name, text in texts.items()},
            keeps_look=bool(keeps_look),
            logo=Path(logo_path) if logo_path else None,
            fonts=tuple(map(Path, font_paths or ())),
            file=Path(kit_path) if kit_path else None,
        )
        said, manifest, path = brands.save(find_owner(visitor, request), form)
        return said, manifest, str(path) if path else None

    button.click(
        save_brand, None, [shown, record, made], inputs_kwargs={**fields, "visitor": visitor}, api_name="save_brand", **QUICK
    ).then(lambda path: gr.update(visible=bool(path)), made, made, **MOVES)
    return [shown, made]
