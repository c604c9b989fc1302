"""Events of an uploaded picture: show its size and faces, ask about the faces, read its words.

Over a slow network answers come late, in another order than their questions, or not at all. Each answer therefore names its
picture: the page, which alone knows its current picture, accepts an answer for that picture, once, and no other; without
an answer, every button that needs one repeats the question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import gradio as gr
from gradio.events import Dependency

from ..handlers.one_ad import Handlers
from ..html import fragments
from ..sessions.came_with import CameWith
from ..sessions.search_requests import FACES_LEFT, FORM_FIELDS
from .one_ad import Bring
from .parts import MODEL_QUEUE, MOVES, Fields, find_owner

_LAST = {"trigger_mode": "always_last"}
# an uploaded picture is scored at once
SCORE_NOW = "() => setTimeout(() => document.querySelector('#score-button:not([disabled])')?.click(), 60)"
READ = ("headline", "primary_text", "description", "cta")
# the picture on the page, in the form of `name_picture`
_NAME = r"const picture = (image?.path ?? '').split(/[\\/]/).slice(-2).join('/');"
# one answer about the picture on the page: a second answer must not reset the user's statement about its faces
TAKE_FACES = f"""(answer, image, taken) => {{
  {_NAME}
  if (answer?.picture !== picture || taken === picture) return Array(5).fill(undefined);
  const update = (changes) => ({{__type__: 'update', ...changes}}), {{note, names, is_asked}} = answer;
  return [picture, note, update({{choices: names.map((name) => [name, name]), value: names, visible: names.length > 1}}),
    update({{value: is_asked ? null : answer.left, visible: is_asked}}), update({{value: ''}})];
}}"""
# words of the previous picture (read in it, of a pack, of a list, the demo's) are cleared with it, unless the user changed them
CLEAR_CAME = f"""(came, ...fields) => {json.dumps(FORM_FIELDS[1:])}.map(
  (name, number) => came?.came?.[name] && fields[number] === came.came[name] ? '' : undefined)"""
FIND_HIDDEN = "(image) => /[.]hei[cf]$/i.test(image?.path ?? '') ? image.path : ''"
# notes are cleared and restored with their picture; notes typed before any picture belong to the first picture
KEEP_NOTES = f"""(image, notes) => {{
  {_NAME}
  const kept = (window.adcreativeNotes ??= {{picture: '', of: {{}}}}), before = kept.picture;
  if (picture === before) return undefined;
  kept.picture = picture;
  if (before) kept.of[before] = notes;
  return before ? kept.of[picture] ?? '' : notes || kept.of[picture];
}}"""
# read words fill only empty fields
FILL_EMPTY = f"""(came, image, ...fields) => {{
  {_NAME}
  return {json.dumps(READ)}.map(
    (name, number) => came?.picture === picture && !fields[number] && came.read?.[name] ? came.read[name] : undefined);
}}"""

# the note about read words is cleared with its picture, whatever fills the form: a winner has words of its own
CLEAR_NOTE = f"""(came, image, note) => {{
  {_NAME}
  return came?.note && came.note === note && came.picture !== picture ? '' : undefined;
}}"""


def name_picture(image_path: str | None) -> str:
    """Return the id of an uploaded picture for page and server: its folder, named by content, and its name."""
    return "/".join(PurePath(image_path).parts[-2:]) if image_path else ""


def wire_faces(
    handlers: Handlers, form: Fields, bring: Bring, search_request: Fields, visitor: gr.BrowserState, presses: Sequence[Any]
) -> None:
    """Show a picture's size and faces and ask about the faces, after an upload; also after each of `presses`, if no answer has
    come yet. Notes typed for the previous picture are cleared.

    The question is repeated for another picture. The browser reports one picture more than once.
    """

    def ask_faces(request: gr.Request, image_path: str | None, taken: str, visitor: str | None) -> object:
        picture = name_picture(image_path)
        if picture == taken:
            return gr.skip()  # an answer on its way is not cleared
        note, names, is_asked = handlers.inspect(image_path, find_owner(visitor, request))
        return {"picture": picture, "note": note, "names": names, "is_asked": is_asked, "left": FACES_LEFT}

    image = form["image_path"]
    image.change(None, [image, search_request["brief"]], search_request["brief"], js=KEEP_NOTES, **MOVES)  # type: ignore[attr-defined]
    answer, taken = gr.JSON(visible=False), gr.Textbox("", visible=False)
    for ask in (image.change, *(pressed.then for pressed in presses)):  # type: ignore[attr-defined]
        ask(ask_faces, [image, taken, visitor], answer, trigger_mode="always_last", **MOVES).then(
            None,
            [answer, image, taken],
            [taken, bring.image_note, *(search_request[name] for name in ("face_names", "faces", "consent_id"))],
            js=TAKE_FACES,
            **MOVES,
        )


@dataclass(frozen=True, kw_only=True)
class Fillings:
    """Follow-up of an event that filled the form: the page notes the words that belong to the picture, and clears them with it.

    came: on the page, the picture's words (name -> text), the words read last and the note about them.
    """

    handlers: Handlers
    form: Fields
    bring: Bring
    visitor: gr.BrowserState
    hidden: gr.Textbox = field(default_factory=lambda: gr.Textbox("", visible=False))  # a picture that browsers cannot show
    came: gr.JSON = field(default_factory=lambda: gr.JSON(visible=False))
    kept: CameWith = field(default_factory=CameWith)

    def after(self, filled: Dependency) -> Dependency:
        """Note the words of a picture after an event that filled the form with its ad."""

        def note(request: gr.Request, visitor: str | None = None, **form: str | None) -> dict[str, Any]:
            return self._note(find_owner(visitor, request), form, {name: form[name] for name in FORM_FIELDS[1:]})

        return filled.success(note, None, self.came, inputs_kwargs=self._asked, **MOVES)

    def read_after(self, filled: Dependency) -> None:
        """As `after`; for an ad without words, the words in its picture are read, and a note says so."""

        def begin(*words: str | None) -> list[Any]:
            return [gr.skip(), ""] if any(words) else _begin_reading()

        begun = self.after(filled).success(begin, self._words, [self.bring.score, self.bring.read_note], **MOVES)
        self._fill(begun.then, api_visibility="private")

    def tell_again(self, owner: str, form: Mapping[str, Any]) -> dict[str, Any]:
        """Return the picture's words for a reopened page."""
        return self._note(owner, form, {})

    def wire_upload(self) -> None:
        """Read the words of an uploaded picture into the form, for correction; scores are blocked until then. The words of the
        previous picture are cleared."""
        image, note, others = self.form["image_path"], self.bring.read_note, [self.form[name] for name in FORM_FIELDS[1:]]
        image.change(None, [self.came, image, note], note, js=CLEAR_NOTE, **MOVES)  # type: ignore[attr-defined]
        # first, and in the page alone: over a slow network nobody may score a picture with another picture's words meanwhile
        cleared = image.upload(None, [self.came, *others], others, js=CLEAR_CAME, **MOVES)  # type: ignore[attr-defined]
        self.hidden.change(self._show_in_browser, [image, self.visitor], image, **MOVES)
        image.change(None, image, self.hidden, js=FIND_HIDDEN, **MOVES)  # type: ignore[attr-defined]
        begun = cleared.then(_begin_reading, None, [self.bring.score, note], **_LAST, **MOVES)
        self._fill(begun.then, api_name="read_words")

    def _show_in_browser(self, request: gr.Request, image_path: str | None, visitor: str | None) -> object:
        path = self.handlers.show_in_browser(find_owner(visitor, request), image_path)
        return gr.skip() if path is None else str(path)

    def _fill(self, asked: Callable[..., Dependency], **named: str) -> None:
        asked(
            self._read,
            None,
            [self.bring.read_note, self.came],
            inputs_kwargs=self._asked,
            **named,
            **_LAST,
            **{**MODEL_QUEUE, "show_progress": "hidden"},
        ).then(None, [self.came, self.form["image_path"], *self._words], self._words, js=FILL_EMPTY, **MOVES).then(
            lambda: gr.update(interactive=True), None, self.bring.score, **MOVES
        ).then(None, js=SCORE_NOW, **MOVES)

    def _read(self, request: gr.Request, visitor: str | None = None, **form: str | None) -> tuple[str, dict[str, Any]]:
        owner = find_owner(visitor, request)
        said, read = self.handlers.read_words(owner, form)
        return said, {**self._note(owner, form, read), "note": said, "read": read}

    def _note(self, owner: str, form: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        picture = name_picture(form["image_path"])
        return {"picture": picture, "came": self.kept.note(owner, picture, fields) if picture else {}}

    @property
    def _words(self) -> list[gr.blocks.Block]:
        return [self.form[name] for name in READ]

    @property
    def _asked(self) -> Fields:
        return {**self.form, "visitor": self.visitor}


def _begin_reading() -> list[Any]:
    return [gr.update(interactive=False), fragments.note("Reading the picture …")]


def wire_reading(handlers: Handlers, form: Fields, bring: Bring, visitor: gr.BrowserState) -> Fillings:
    """Wire reading the words of uploaded pictures; return the follow-up of other events that fill the form."""
    fillings = Fillings(handlers=handlers, form=form, bring=bring, visitor=visitor)
    handlers.also_forget.append(fillings.kept.forget)
    fillings.wire_upload()
    return fillings
