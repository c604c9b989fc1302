"""The consent records in step 3: choose a record, or add one by form or file; each record is checked at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers.consents import Consents
from ..sessions.search_requests import FORM_FIELDS
from .parts import MOVES, QUICK, Fields, find_owner, fragment, take_only_uploads


@dataclass(frozen=True, kw_only=True)
class Consent:
    """The consent records: the choice of a record, and a form or a file for a new record."""

    box: gr.Column
    chosen: gr.Dropdown
    note: gr.HTML
    person: gr.Textbox
    expires: gr.Textbox
    edits: gr.CheckboxGroup
    form: gr.Accordion
    add: gr.Button
    file: gr.File


def build_consent(names: list[tuple[str, str]], records: tuple[str, ...]) -> Consent:
    with gr.Column(visible=False, elem_id="consent-box", elem_classes="ac-consent") as box:
        chosen = gr.Dropdown(
            ["", *records],
            value="",
            label="Whose consent",
            elem_id="consent",
            allow_custom_value=True,
            info="Faces are changed only as far as the record allows.",
        )
        note = fragment(elem_id="consent-note")
        with gr.Accordion("Add a record of consent", open=not records, elem_id="consent-new") as form:
            with gr.Row():
                person = gr.Textbox("", label="Who agreed", placeholder="Ada Example", max_length=200)
                expires = gr.Textbox("", label="Until when", placeholder="2027-06-30", max_length=10)
            edits = gr.CheckboxGroup(names, label="What may be changed (none ticked: everything)")
            add = gr.Button("Add this record", size="sm", elem_id="consent-add")
            file = gr.File(
                label="Or a file of records (TOML or JSON)", file_types=[".toml", ".json"], height=150, elem_id="consent-file"
            )
            take_only_uploads(file)
    return Consent(
        box=box, chosen=chosen, note=note, person=person, expires=expires, edits=edits, form=form, add=add, file=file
    )


def wire_consent(consents: Consents, consent: Consent, form_fields: Fields, visitor_state: gr.BrowserState) -> None:
    """Wire choosing a record and adding one by form or file; each record is checked at once."""

    def add_consent(
        request: gr.Request,
        person: str = "",
        expires: str = "",
        edits: list[str] | None = None,
        visitor: str | None = None,
        **form: str | None,
    ) -> list[Any]:
        return _records(consents.add(find_owner(visitor, request), person, expires, edits, form))

    def read_consents(
        request: gr.Request, consents_path: str | None = None, visitor: str | None = None, **form: str | None
    ) -> list[Any]:
        return _records(consents.upload(find_owner(visitor, request), consents_path, form))

    def check_consent(request: gr.Request, consent_id: str | None, visitor: str | None, *form: object) -> str:
        values = dict(zip(FORM_FIELDS, form, strict=True))
        return consents.check(find_owner(visitor, request), consent_id, values)

    def list_records(request: gr.Request, answer: str | None, visitor: str | None) -> object:
        return gr.update(choices=["", *consents.names(find_owner(visitor, request))])

    shown = [consent.note, consent.chosen, consent.form]
    consent.add.click(
        add_consent,
        None,
        shown,
        inputs_kwargs={
            "person": consent.person,
            "expires": consent.expires,
            "edits": consent.edits,
            **form_fields,
            "visitor": visitor_state,
        },
        api_name="add_consent",
        **QUICK,
    )
    consent.file.upload(
        read_consents,
        None,
        shown,
        inputs_kwargs={"consents_path": consent.file, **form_fields, "visitor": visitor_state},
        api_name="read_consents",
        **QUICK,
    )
    consent.chosen.input(check_consent, [consent.chosen, visitor_state, *form_fields.values()], consent.note, **MOVES)
    form_fields["image_path"].change(  # type: ignore[attr-defined]
        list_records, [form_fields["image_path"], visitor_state], consent.chosen, **MOVES
    )


def _records(answer: tuple[str, list[str], str]) -> list[Any]:
    shown, names, chosen = answer
    choices = ["", *names]
    if not chosen:
        return [shown, gr.update(choices=choices), gr.skip()]
    return [shown, gr.update(choices=choices, value=chosen), gr.update(open=False)]
