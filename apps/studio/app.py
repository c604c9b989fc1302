"""The page: what stands where, and which button calls which handler.

Every event that does something has a name and is an endpoint of the API: /score, /improve, /cancel, /resume. What only moves
the page about is private. The model has one seat (concurrency_id "model") and a queue in order of arrival.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
from gradio.data_classes import FileData

from adcreative.report.rendering import read_part
from adcreative.report.words import direction_label

from . import fragments
from .handlers import COPYWRITERS, FACES_ALLOWED, FACES_LEFT, FACES_SYNTHETIC, FORM_FIELDS, Handlers, Screen, Studio, Wish
from .launch import MAX_WAITING, private_dir, safe_settings, silence_network

EMPTY_SCORE = "The number appears here, with the range it may lie in and the reasons for it."
RESULTS = "results"
NOT_UPLOADED = "Pictures are uploaded: addresses and paths of this machine are not read."
PLACEMENTS = ("", "feed", "story", "reel", "search", "display", "right column")
Fields = dict[str, gr.blocks.Block]
MOVES: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
MODEL_SEAT: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}


class StudioPage(gr.Blocks):
    """Blocks that launch with the safe settings, whoever launches them, and never with a public link."""

    def launch(self, *args: Any, **options: Any) -> Any:
        looks = {"theme": build_theme(), "css": str(read_part("parts.css")) + _style()}
        return super().launch(*args, **{**safe_settings(), **looks, **options, "share": False})


def uploaded_path(payload: FileData | None) -> str | None:
    """Hand an upload's bytes on untouched: one reader decides for app, command line and API what a picture is.

    Gradio checks only payloads that call themselves files, so whoever calls the API could name any path of this machine:
    a path is taken only when an upload put it there.
    """
    if payload is None or not payload.path:
        return None
    path, uploads = Path(payload.path).resolve(), private_dir().resolve()
    if not path.is_relative_to(uploads) or path.is_relative_to(uploads / RESULTS):
        raise gr.Error(NOT_UPLOADED, print_exception=False)
    return str(path)


def take_only_uploads(image: gr.Image) -> None:
    """Keep Gradio from downloading a picture that a caller names by its address, and from reading files of this machine."""
    move = image.async_move_resource_to_block_cache

    async def move_upload(url_or_file_path: Any) -> str | None:
        if isinstance(url_or_file_path, str) and "://" in url_or_file_path:
            raise gr.Error(NOT_UPLOADED, print_exception=False)
        return await move(url_or_file_path)

    # set on the instance: a subclass would make Gradio write a .pyi beside us
    image.async_move_resource_to_block_cache = move_upload  # type: ignore[method-assign]
    image.preprocess = uploaded_path  # type: ignore[method-assign, assignment]


def build_theme() -> gr.themes.Base:
    """System fonts only (no font is fetched), quiet colours, one accent."""
    fonts = [gr.themes.Font(name) for name in ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")]
    mono = [gr.themes.Font(name) for name in ("ui-monospace", "Menlo", "monospace")]
    theme = gr.themes.Base(primary_hue="teal", neutral_hue="stone", radius_size="lg", font=fonts, font_mono=mono)
    return theme.set(
        body_background_fill="#f4f1ea",
        body_background_fill_dark="#141518",
        block_background_fill="#fffdf9",
        block_background_fill_dark="#1d1f23",
        button_primary_background_fill="#0b7261",
        button_primary_background_fill_dark="#0f8a76",
        button_primary_background_fill_hover="#095c4f",
        button_primary_background_fill_hover_dark="#12a08a",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
    )


def build_app(pipeline: Studio, *, notice: str = "") -> gr.Blocks:
    """Build the page on top of `pipeline` (a `pipeline.Studio` or anything with its methods).

    Args:
        notice: a warning shown on top of the page.
    """
    silence_network()
    handlers = Handlers(studio=pipeline, result_dir=private_dir() / RESULTS, cards=tuple(getattr(pipeline, "cards", ())))
    with StudioPage(title="adcreative studio", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        _fragment(fragments.header(notice))
        with gr.Row(elem_classes="ac-columns"):
            with gr.Column(scale=5, min_width=320):
                form, score_button = _bring(handlers)
            with gr.Column(scale=6, min_width=320):
                _fragment(fragments.step(2, "Score"))
                score_shown = _fragment(fragments.placeholder(EMPTY_SCORE), elem_id="score")
                wish, improve_button, stop_button = _improve(handlers)
                progress_shown = _fragment(elem_id="progress")
        results = _results()
        with gr.Accordion("Numbers for the record", open=False):
            score_record, record = gr.JSON(label="Score"), gr.JSON(label="Improve")
        score_button.click(
            handlers.score, None, [score_shown, score_record], inputs_kwargs=form, api_name="score",
            show_progress="minimal", **MODEL_SEAT,
        )  # fmt: skip
        outputs = [progress_shown, *results["api"], record]
        visitor = _visitor()
        search = _wire_search(handlers, {**form, **wish, "visitor": visitor}, outputs, (improve_button, stop_button), results)
        _wire_return(page, handlers, visitor, outputs, search)
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=8)
    return page


def _bring(handlers: Handlers) -> tuple[Fields, gr.Button]:
    """Step 1: the form, named as in FORM_FIELDS, and its button."""
    _fragment(fragments.step(1, "Bring"))
    image = gr.Image(
        label="Picture", type="filepath", sources=["upload", "clipboard"], height=300, elem_id="picture",
        buttons=["fullscreen"], placeholder="Drop a picture here, or click to choose one",
    )  # fmt: skip
    take_only_uploads(image)
    image_note = _fragment(elem_id="picture-note")
    headline = gr.Textbox("", label="Headline", placeholder="What does the ad say first?", max_length=10_000, lines=2)
    with gr.Accordion("More about the ad (optional, makes the score better)", open=False):
        primary_text = gr.Textbox("", label="Primary text", lines=3, max_length=10_000)
        description = gr.Textbox("", label="Description", lines=2, max_length=10_000)
        with gr.Row():
            cta = gr.Textbox("", label="Button (call to action)", placeholder="Shop now", max_length=200)
            brand = gr.Textbox("", label="Brand", max_length=200)
        with gr.Row():
            category = gr.Textbox("", label="Category", placeholder="shoes", max_length=200)
            placement = gr.Dropdown(PLACEMENTS, value="", label="Placement", allow_custom_value=True)
    button = gr.Button("Score it", variant="primary", size="lg", elem_id="score-button")
    image.change(handlers.inspect, image, image_note, queue=False, api_visibility="private", show_progress="hidden")
    values = (image, headline, primary_text, description, cta, brand, category, placement)
    return dict(zip(FORM_FIELDS, values, strict=True)), button


def _improve(handlers: Handlers) -> tuple[Fields, gr.Button, gr.Button]:
    """Step 3: what the search may do, and its two buttons."""
    _fragment(fragments.step(3, "Improve"))
    faces = gr.Radio(
        [
            ("May be edited: those shown agreed, see the consent record", FACES_ALLOWED),
            ("May be edited: nobody real is shown (drawn or generated)", FACES_SYNTHETIC),
            ("Must stay as they are", FACES_LEFT),
        ],
        label="Faces in this picture", elem_id="faces",
    )  # fmt: skip
    consent = gr.Textbox(
        "", label="Consent record", placeholder="c-17", max_length=200, elem_id="consent",
        info="Its consent_id in the file that the app was started with (--consent). Without a record, faces stay as they are.",
    )  # fmt: skip
    effort = gr.Radio(
        [("Quick look", "quick"), ("Normal", "normal"), ("Thorough", "thorough")], value="normal", label="How long to search"
    )  # fmt: skip
    names = handlers.studio.direction_names
    with gr.Accordion("Fine tuning", open=False):
        directions = gr.CheckboxGroup(
            [(direction_label(name).capitalize(), name) for name in names], value=list(names), label="Allowed on faces"
        )
        labels = ("Small language model: more ideas, slower", "Phrase templates: fast")
        copywriter = gr.Radio(list(zip(labels, COPYWRITERS, strict=True)), value=COPYWRITERS[0], label="Who writes the words")
        seed = gr.Number(0, label="Seed: the same seed finds the same edit", precision=0, minimum=0)
    with gr.Row():
        improve = gr.Button("Improve it", variant="primary", size="lg", elem_id="improve-button")
        stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_id="stop-button")
    wish: Fields = {"effort": effort, "faces": faces, "directions": directions, "copywriter": copywriter, "seed": seed,
                    "consent_id": consent}  # fmt: skip
    return wish, improve, stop


def _results() -> dict[str, Any]:
    """Where a search's result appears; hidden until there is one."""
    with gr.Row(visible=False, elem_id="results", elem_classes="ac-columns") as box:
        with gr.Column(scale=5, min_width=320, visible=False) as picture_box:
            slider = gr.ImageSlider(label="Before and after", type="filepath", buttons=["fullscreen"], elem_id="slider")
            download = gr.DownloadButton("Download the edited picture (full quality)", variant="primary", elem_id="download")
        with gr.Column(scale=6, min_width=320):
            shown = _fragment(elem_id="result")
            headline = gr.Textbox(label="New headline, to copy", buttons=["copy"], interactive=False, visible=False)
            description = gr.Textbox(label="New description, to copy", buttons=["copy"], interactive=False, visible=False)
    return {"api": [slider, shown, download], "page": [box, picture_box, headline, description]}


def _wire_search(
    handlers: Handlers,
    inputs: Fields,
    outputs: list[gr.components.Component],
    buttons: tuple[gr.Button, gr.Button],
    results: dict[str, Any],
) -> list[gr.blocks.Block]:
    """Improve: show Stop, search, then settle the page. Stop asks the search to end; the search itself then says so.

    Returns:
        what `_begin` and `_settle` move.
    """
    improve_button, stop_button = buttons

    def improve(
        request: gr.Request, image_path: str | None = None, faces: str | None = None, visitor: str | None = None, **values: Any
    ) -> Iterator[tuple[Any, ...]]:
        form = {"image_path": image_path, **{name: values[name] for name in FORM_FIELDS[1:]}}
        wish = Wish(
            effort=values["effort"] or "normal", faces=faces or "", directions=tuple(values["directions"] or ()),
            copywriter=values["copywriter"], seed=int(values["seed"] or 0), consent_id=values["consent_id"] or "",
        )  # fmt: skip
        yield from map(_flat, handlers.improve(_owner(visitor, request), form, wish))

    def cancel(request: gr.Request, visitor: str | None = None) -> str:
        return handlers.cancel(_owner(visitor, request))

    page = [improve_button, stop_button, *results["page"]]
    improve_button.click(_begin, None, page, **MOVES).then(
        improve,
        None,
        outputs,
        inputs_kwargs=inputs,
        api_name="improve",
        show_progress="minimal",
        show_progress_on=outputs[0],
        **MODEL_SEAT,
    ).then(_settle, outputs[-1], page, **MOVES)
    stop_button.click(
        cancel, None, outputs[0], inputs_kwargs={"visitor": inputs["visitor"]}, api_name="cancel", queue=False,
        show_progress="hidden",
    )  # fmt: skip
    return page


def _visitor() -> gr.BrowserState:
    """Who this browser is to us: a random name kept in the browser, so that a closed page finds its search again."""
    return gr.BrowserState(storage_key="adcreative-visitor")


def _owner(visitor: str | None, request: gr.Request) -> str:
    """Return whose search is meant; a name that we did not give is the session's instead."""
    is_ours = isinstance(visitor, str) and re.fullmatch(r"[0-9a-f]{32}", visitor)
    return visitor if is_ours else request.session_hash or ""


def _flat(screen: Screen) -> tuple[Any, ...]:
    return screen.progress, screen.pair, screen.result, screen.download, screen.record


def _wire_return(
    page: gr.Blocks, handlers: Handlers, visitor: gr.BrowserState, outputs: list[gr.components.Component],
    moved: list[gr.blocks.Block],
) -> None:  # fmt: skip
    """A page that opens shows the visitor's search, if there is one; a page that closes leaves it for a while."""
    visitors: dict[str, str] = {}  # session -> owner

    def welcome(request: gr.Request, name: Any) -> list[Any]:
        name = _owner(name, request)
        name = name if len(name) == 32 else uuid4().hex
        visitors[request.session_hash or ""] = name
        return [name, *(_begin() if handlers.is_running(name) else [gr.skip()] * len(moved))]

    def resume(request: gr.Request, visitor: str | None = None) -> Iterator[tuple[Any, ...]]:
        yield from map(_flat, handlers.resume(_owner(visitor, request)))

    def leave(request: gr.Request) -> None:
        session = request.session_hash or ""
        handlers.leave(visitors.pop(session, session))

    page.load(welcome, visitor, [visitor, *moved], **MOVES).then(
        resume, None, outputs, inputs_kwargs={"visitor": visitor}, api_name="resume", show_progress="hidden",
        concurrency_id="watch", concurrency_limit=16,
    ).then(_settle, outputs[-1], moved, **MOVES)  # fmt: skip
    page.unload(leave)


def _fragment(value: str = "", **options: Any) -> gr.HTML:
    """Place for a fragment, with our style sheet alone."""
    return gr.HTML(value, apply_default_css=False, padding=False, elem_classes="ac", **options)


def _begin() -> list[dict[str, Any]]:
    hidden = gr.update(visible=False)
    return [gr.update(interactive=False), gr.update(visible=True), hidden, hidden, hidden, hidden]


def _settle(record: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Show what the finished search has to show, from its record."""
    record = record or {}
    has_result = record.get("status") in ("edited", "kept")
    has_picture = record.get("status") == "edited" and bool(record.get("faces", {}).get("edited"))
    boxes = [gr.update(visible=has_result), gr.update(visible=has_picture)]
    texts = []
    for name in ("headline", "description"):
        before, after = record.get(f"{name}_original", ""), record.get(f"{name}_edited", "")
        texts.append(gr.update(value=after, visible=bool(after) and after != before))
    return [gr.update(interactive=True), gr.update(visible=False), *boxes, *texts]


def _style() -> str:
    return (Path(__file__).parent / "templates" / "studio.css").read_text(encoding="utf-8")
