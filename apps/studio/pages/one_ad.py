"""The forms of one ad, up to the edit: bring, score, improve, result. What stands where; `app` says what the buttons do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError
from adcreative.pipeline import read_brand_kit
from adcreative.report.words import direction_label

from ..handlers.one_ad import Handlers
from ..html import fragments
from ..sessions.wishes import (
    COPYWRITERS,
    FACE_NAME,
    FACES_ALLOWED,
    FACES_LEFT,
    FACES_SYNTHETIC,
    FORM_FIELDS,
    MAX_BRIEF_CHARS,
    MIN_BOLDNESS,
)
from .parts import MOVES, Fields, fragment, take_only_uploads

MAX_FACES, MAX_ALTERNATIVES = 12, 5
# a click on a numbered dot takes that edit; the list beside it does the same for the keyboard
MAP_CLICKS = """element.addEventListener('click', (event) => {
  const dot = event.target.closest('[data-edit]');
  if (dot) trigger('select', {index: Number(dot.dataset.edit)});
});"""
PLACEMENTS = ("", "feed", "story", "reel", "search", "display", "right column")


def build_bring() -> tuple[Fields, gr.Button, gr.Button, gr.HTML]:
    """Step 1: the form, named as in FORM_FIELDS, its button, the button for an ad to try, and what is said of the picture."""
    fragment(fragments.step(1, "Your ad"))
    image = gr.Image(
        label="Picture", type="filepath", sources=["upload", "clipboard"], height=300, elem_id="picture",
        buttons=["fullscreen"], placeholder="Drop a picture here, or click to choose one",
    )  # fmt: skip
    take_only_uploads(image)
    image_note = fragment(elem_id="picture-note")
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
    demo = gr.Button("No ad at hand? Try ours", size="sm", elem_id="demo-button")
    values = (image, headline, primary_text, description, cta, brand, category, placement)
    return dict(zip(FORM_FIELDS, values, strict=True)), button, demo, image_note


def build_improve(handlers: Handlers) -> tuple[Fields, gr.Button, gr.Button]:
    """Step 3: what the search may do, and its two buttons."""
    fragment(fragments.step(3, "Improve"))
    faces = gr.Radio(
        [
            ("Yes, I have their written consent", FACES_ALLOWED),
            ("Yes, nobody real is shown (drawn or generated)", FACES_SYNTHETIC),
            ("No, they must stay as they are", FACES_LEFT),
        ],
        label="May the faces in this picture be edited?", elem_id="faces", visible=False,
    )  # fmt: skip
    consent = gr.Textbox(
        "", label="Consent record", placeholder="c-17", max_length=200, elem_id="consent", visible=False,
        info="Its name in the list of consents that this app was given. Without a record, faces stay as they are.",
    )  # fmt: skip
    faces.change(lambda answer: gr.update(visible=answer == FACES_ALLOWED), faces, consent, **MOVES)
    face_names = gr.CheckboxGroup(
        [f"{FACE_NAME} {number}" for number in range(1, MAX_FACES + 1)], label="Which faces (none ticked: all)",
        visible=False, elem_id="face-names",
    )  # fmt: skip
    effort = gr.Radio(
        [("Quick look", "quick"), ("Normal", "normal"), ("Thorough", "thorough")], value="normal", label="How long to search"
    )  # fmt: skip
    names = handlers.studio.direction_names
    brief = gr.Textbox(
        "", label="Brief: what should the new words say? (optional)", lines=2, max_length=MAX_BRIEF_CHARS, elem_id="brief",
        placeholder="Free returns until 31 January. Made of recycled wool. Calm tone.",
        info="Facts you write here may be used; the rules keep everything else out.",
    )  # fmt: skip
    with gr.Accordion("Fine tuning", open=False):
        avoid = gr.Textbox("", label="Words that may not be used, parted by commas", max_length=1000, placeholder="cheap, best")
        brand_kit = gr.File(
            label="Brand kit (optional, JSON): tone, words to use and to avoid, disclaimers", file_types=[".json"], height=110,
            elem_id="brand-kit",
        )  # fmt: skip
        take_only_uploads(brand_kit)
        kit_note = fragment(elem_id="brand-kit-note")
        brand_kit.change(_describe_kit, brand_kit, kit_note, **MOVES)
        directions = gr.CheckboxGroup(
            [(direction_label(name).capitalize(), name) for name in names], value=list(names), label="Allowed on faces"
        )
        boldness = gr.Slider(
            MIN_BOLDNESS, 1, value=1, step=0.1, label="How bold", info="1 uses all of the range in which a face stays itself.",
            elem_id="boldness",
        )  # fmt: skip
        labels = ("Small language model: more ideas, slower", "Phrase templates: fast")
        copywriter = gr.Radio(list(zip(labels, COPYWRITERS, strict=True)), value=COPYWRITERS[0], label="Who writes the words")
        seed = gr.Number(0, label="Seed: the same seed finds the same edit", precision=0, minimum=0)
    with gr.Row():
        improve = gr.Button("Improve it", variant="primary", size="lg", elem_id="improve-button")
        stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_id="stop-button")
    wish: Fields = {"effort": effort, "faces": faces, "directions": directions, "copywriter": copywriter, "seed": seed,
                    "consent_id": consent, "face_names": face_names, "boldness": boldness, "brief": brief,
                    "avoid": avoid, "brand_kit_path": brand_kit}  # fmt: skip
    return wish, improve, stop


def _describe_kit(path: str | None) -> str:
    """Say what an uploaded brand kit asks for, or why it is none."""
    try:
        return fragments.brand_kit(read_brand_kit(Path(path))) if path else ""
    except AdCreativeError as error:
        return fragments.problem(error)


def build_results() -> dict[str, Any]:
    """Where a search's result appears; hidden until there is one."""
    with gr.Row(visible=False, elem_id="results", elem_classes="ac-columns") as box:
        with gr.Column(scale=5, min_width=320, visible=False) as picture_box:
            slider = gr.ImageSlider(label="Before and after", type="filepath", buttons=["fullscreen"], elem_id="slider")
            download = gr.DownloadButton("Download as a draft (full size, not approved yet)", elem_id="download")
        with gr.Column(scale=6, min_width=320):
            shown = fragment(elem_id="result")
            with gr.Accordion("Take another edit", open=False, visible=False, elem_id="others") as others:
                edit_map = fragment(elem_id="map", js_on_load=MAP_CLICKS)
                names = [fragments.name_alternative(number) for number in range(1, MAX_ALTERNATIVES + 1)]
                choice = gr.Radio(names, label="Take instead", elem_id="choice")
                take = gr.Button("Take this edit", elem_id="take-button")
    return {"api": [slider, shown, download], "page": [box, picture_box, others, edit_map, choice], "choice": choice,
            "take": take, "map": edit_map}  # fmt: skip
