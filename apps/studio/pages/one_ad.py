"""The forms of one ad, up to the edit: upload, score, improve, result. Layout only; `events` wires the buttons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError
from adcreative.pipeline import read_brand_kit
from adcreative.report.words import direction_label

from ..handlers.one_ad import Handlers
from ..html import fragments
from ..sessions.search_requests import (
    FACE_NAME,
    FACES_ALLOWED,
    FACES_LEFT,
    FACES_SYNTHETIC,
    FORM_FIELDS,
    MAX_BRIEF_CHARS,
    MIN_BOLDNESS,
    WRITERS,
)
from .consent import Consent, build_consent
from .parts import MOVES, Fields, fragment, take_only_uploads

MAX_FACES = 12
# a click on a card's button selects that version
TAKE_CLICKS = """element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-edit]');
  if (one) trigger('select', {index: Number(one.dataset.edit)});
});"""
SAMPLE_CLICKS = """element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-sample]');
  if (one) trigger('select', {value: one.dataset.sample});
});"""
PLACEMENTS = ("", "feed", "story", "reel", "search", "display", "right column")
EMPTY_SCORE = "How strong your ad is, with the range it may lie in, appears here."


@dataclass(frozen=True, kw_only=True)
class Bring:
    """Steps 1 and 2: the form, named as in FORM_FIELDS, the usual click rate, the buttons, the note about the picture, the
    sample ad, and the score."""

    form: Fields
    usual_rate: gr.Number
    score: gr.Button
    sample: gr.Textbox
    image_note: gr.HTML
    read_note: gr.HTML
    hero: gr.HTML
    hero_box: gr.Row
    score_shown: gr.HTML
    why: gr.Button


def build_bring() -> Bring:
    """Build steps 1 and 2."""
    sample = gr.Textbox("", visible=False)
    with gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=5, min_width=320):
            fragment(fragments.step(1, "Your ad"))
            image = gr.Image(
                label="Picture",
                type="filepath",
                sources=["upload", "clipboard"],
                height=380,
                elem_id="picture",
                buttons=["fullscreen"],
                placeholder="Drop an ad here, or click to choose one: JPG, PNG, HEIC, WebP",
            )
            take_only_uploads(image)
            image_note = fragment(elem_id="picture-note")
        with gr.Column(scale=6, min_width=320, elem_classes="ac-words-column"):
            with gr.Row(elem_id="hero-box") as hero_box:
                hero = fragment(fragments.placeholder(""), elem_id="hero", js_on_load=SAMPLE_CLICKS)
            headline = gr.Textbox(
                "", label="Headline", placeholder="What does the ad say first?", max_length=10_000, lines=2, elem_id="headline"
            )
            read_note = fragment(elem_id="read-note")
            with gr.Accordion("More about the ad (makes the score better)", open=False):
                primary_text = gr.Textbox("", label="Primary text", lines=3, max_length=10_000)
                description = gr.Textbox("", label="Description", lines=2, max_length=10_000)
                with gr.Row():
                    cta = gr.Textbox("", label="Button (call to action)", placeholder="Shop now", max_length=200)
                    brand = gr.Textbox("", label="Brand", max_length=200)
                with gr.Row():
                    category = gr.Textbox("", label="Category", placeholder="shoes", max_length=200)
                    placement = gr.Dropdown(PLACEMENTS, value="", label="Placement", allow_custom_value=True)
                usual_rate = gr.Number(
                    0,
                    label="Your usual click rate, % (0: not known)",
                    minimum=0,
                    maximum=99,
                    elem_id="usual-rate",
                    info="How often your ads are clicked on average. With it, the score is a click rate.",
                )
            score = gr.Button("Score it", size="lg", elem_id="score-button")
            fragment(fragments.step(2, "Score"))
            score_shown = fragment(fragments.placeholder(EMPTY_SCORE), elem_id="score")
            why = gr.Button("Why? Show where the picture and the words matter", size="sm", elem_id="why-button")
    values = (image, headline, primary_text, description, cta, brand, category, placement)
    return Bring(
        form=dict(zip(FORM_FIELDS, values, strict=True)),
        usual_rate=usual_rate,
        score=score,
        sample=sample,
        image_note=image_note,
        read_note=read_note,
        hero=hero,
        hero_box=hero_box,
        score_shown=score_shown,
        why=why,
    )


def build_improve(handlers: Handlers) -> tuple[Fields, Consent, gr.Button, gr.Button, gr.HTML]:
    """Build step 3: permitted changes, effort, its two buttons, and its progress fragment."""
    names = handlers.studio.direction_names
    labels = [(direction_label(name).capitalize(), name) for name in names]
    with gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=5, min_width=320):
            fragment(fragments.step(3, "Improve"))
            changes = gr.CheckboxGroup(
                [("Words beside the picture", "words"), ("Words in the picture", "text"), ("Light, colour, crop", "look")],
                value=["words", "text", "look"],
                label="What may be changed",
                elem_id="changes",
            )
            faces = gr.Radio(
                [
                    ("Yes, I have their written consent", FACES_ALLOWED),
                    ("Yes, nobody real is shown (drawn or generated)", FACES_SYNTHETIC),
                    ("No, they must stay as they are", FACES_LEFT),
                ],
                label="May the faces in this picture be changed?",
                elem_id="faces",
                visible=False,
            )
            consent = build_consent(labels, handlers.studio.consent_ids)
            faces.change(lambda answer: gr.update(visible=answer == FACES_ALLOWED), faces, consent.box, **MOVES)
            face_names = gr.CheckboxGroup(
                [f"{FACE_NAME} {number}" for number in range(1, MAX_FACES + 1)],
                label="Which faces (none ticked: all)",
                visible=False,
                elem_id="face-names",
            )
            brief = gr.Textbox(
                "",
                label="What should the new words say? Your notes (optional)",
                lines=2,
                max_length=MAX_BRIEF_CHARS,
                elem_id="brief",
                placeholder="Free returns until 31 January. Made of recycled wool. Calm tone.",
                info="New words may use the facts in your notes; nothing is made up.",
            )
            tuning = _build_tuning(labels)
        with gr.Column(scale=6, min_width=320):
            effort = gr.Radio(
                [("Quick look (seconds)", "quick"), ("Normal (half a minute)", "normal"), ("Thorough (minutes)", "thorough")],
                value="normal",
                label="How long to look",
                elem_id="effort",
                info="You can stop at any time and keep the best found so far.",
            )
            with gr.Row():
                improve = gr.Button("Improve it", variant="primary", size="lg", elem_id="improve-button")
                stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_id="stop-button")
            progress = fragment(elem_id="progress")
    search_request: Fields = {
        "effort": effort,
        "changes": changes,
        "faces": faces,
        "consent_id": consent.chosen,
        "face_names": face_names,
        "brief": brief,
        **tuning,
    }
    order = (
        "effort",
        "faces",
        "directions",
        "copywriter",
        "seed",
        "consent_id",
        "face_names",
        "boldness",
        "brief",
        "avoid",
        "brand_kit_path",
        "changes",
    )
    return {name: search_request[name] for name in order}, consent, improve, stop, progress


def _build_tuning(labels: list[tuple[str, str]]) -> Fields:
    with gr.Accordion("Fine tuning", open=False):
        avoid = gr.Textbox("", label="Words not to use, separated by commas", max_length=1000, placeholder="cheap, best")
        brand_kit = gr.File(
            label="Brand kit (optional, JSON): tone, words to use and to avoid, disclaimers",
            file_types=[".json"],
            height=150,
            elem_id="brand-kit",
        )
        take_only_uploads(brand_kit)
        kit_note = fragment(elem_id="brand-kit-note")
        brand_kit.change(_describe_kit, brand_kit, kit_note, **MOVES)
        directions = gr.CheckboxGroup(labels, value=[name for _, name in labels], label="Allowed on faces")
        boldness = gr.Slider(
            MIN_BOLDNESS,
            1,
            value=1,
            step=0.1,
            label="How bold",
            info="1 goes as far as a face still looks like itself.",
            elem_id="boldness",
        )
        copywriter = gr.Radio(list(WRITERS), value=WRITERS[0][1], label="Who writes the words", elem_id="writer")
        seed = gr.Number(0, label="Number of the try: the same number finds the same versions", precision=0, minimum=0)
    return {
        "avoid": avoid,
        "brand_kit_path": brand_kit,
        "directions": directions,
        "boldness": boldness,
        "copywriter": copywriter,
        "seed": seed,
    }


def _describe_kit(path: str | None) -> str:
    """Return a fragment with the rules of an uploaded brand kit, or with the error of an invalid file."""
    try:
        return fragments.brand_kit(read_brand_kit(Path(path))) if path else ""
    except AdCreativeError as error:
        return fragments.problem(error)


def build_results() -> dict[str, Any]:
    """Build the components of a search's result; hidden without a result."""
    with gr.Column(visible=False, elem_id="results") as box:
        with gr.Row(elem_classes="ac-columns"):
            with gr.Column(scale=5, min_width=320, visible=False) as picture_box:
                slider = gr.ImageSlider(label="Before and after", type="filepath", buttons=["fullscreen"], elem_id="slider")
                download = gr.DownloadButton("Download as a draft (full size, not approved yet)", elem_id="download")
            with gr.Column(scale=6, min_width=320):
                shown = fragment(elem_id="result")
        cards = fragment(elem_id="cards", js_on_load=TAKE_CLICKS)
        choice, take = gr.Textbox("", visible=False), gr.Button("Take", visible=False)
    return {"api": [slider, shown, download], "page": [box, picture_box, cards], "choice": choice, "take": take, "cards": cards}
