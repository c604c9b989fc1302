"""What happens when a picture is brought: its size and faces are told, the faces are asked about, its words are read.

Over a slow network answers come late, in another order than their questions, or not at all. Each answer therefore names its
picture: the page, which alone knows the picture that it shows, takes the answer for that one, once, and no other; while it has
none, the question is put again with every button that needs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import gradio as gr

from ..handlers.one_ad import Handlers
from ..html import fragments
from ..sessions.came_with import CameWith
from ..sessions.wishes import FACES_LEFT, FORM_FIELDS
from .one_ad import Bring
from .parts import MODEL_QUEUE, MOVES, Fields, find_owner

_LAST = {"trigger_mode": "always_last"}
# a picture that was brought is scored at once
SCORE_NOW = "() => setTimeout(() => document.querySelector('#score-button:not([disabled])')?.click(), 60)"
READ = ("headline", "primary_text", "description", "cta")
# the picture on the page, as `name_picture` has it
_NAME = r"const picture = (image?.path ?? '').split(/[\\/]/).slice(-2).join('/');"
# an answer about the picture on the page, once: what the person says of its faces must not be reset by a second one
TAKE_FACES = f"""(answer, image, taken) => {{
  {_NAME}
  if (answer?.picture !== picture || taken === picture) return Array(5).fill(undefined);
  const update = (changes) => ({{__type__: 'update', ...changes}}), {{note, names, is_asked}} = answer;
  return [picture, note, update({{choices: names.map((name) => [name, name]), value: names, visible: names.length > 1}}),
    update({{value: is_asked ? null : answer.left, visible: is_asked}}), update({{value: ''}})];
}}"""
# words that came with the picture before (read in it, of a pack, of a list, the demo's) go with it, unless they were changed
CLEAR_CAME = f"""(came, ...fields) => {json.dumps(FORM_FIELDS[1:])}.map(
  (name, number) => came?.came?.[name] && fields[number] === came.came[name] ? '' : undefined)"""
FIND_HIDDEN = "(image) => /[.]hei[cf]$/i.test(image?.path ?? '') ? image.path : ''"
# notes go with the picture that they were typed for, and come back with it; what was typed before any picture is for the first
KEEP_NOTES = f"""(image, notes) => {{
  {_NAME}
  const kept = (window.adcreativeNotes ??= {{picture: '', of: {{}}}}), before = kept.picture;
  if (picture === before) return undefined;
  kept.picture = picture;
  if (before) kept.of[before] = notes;
  return before ? kept.of[picture] ?? '' : notes || kept.of[picture];
}}"""
# what was read goes into fields that are empty still
FILL_EMPTY = f"""(came, image, ...fields) => {{
  {_NAME}
  return {json.dumps(READ)}.map(
    (name, number) => came?.picture === picture && !fields[number] && came.read?.[name] ? came.read[name] : undefined);
}}"""

# what is said of the words that were read goes with their picture, whoever fills the form: a winner brings its own words
CLEAR_NOTE = f"""(came, image, note) => {{
  {_NAME}
  return came?.note && came.note === note && came.picture !== picture ? '' : undefined;
}}"""


def name_picture(image_path: str | None) -> str:
    """Return what page and server know an uploaded picture by: its folder, which is named by content, and its name."""
    return "/".join(PurePath(image_path).parts[-2:]) if image_path else ""


def wire_faces(
    handlers: Handlers, form: Fields, bring: Bring, wish: Fields, visitor: gr.BrowserState, presses: Sequence[Any]
) -> None:  # fmt: skip
    """Say what a picture shows and ask about its faces, when it is brought; after each of `presses`, if that is missing still.
    Notes typed for the picture before go.

    The question is asked anew for another picture. The browser tells of one picture more than once.
    """

    def ask_faces(request: gr.Request, image_path: str | None, taken: str, visitor: str | None) -> Any:
        picture = name_picture(image_path)
        if picture == taken:
            return gr.skip()  # an answer that is on its way is not taken away
        note, names, is_asked = handlers.inspect(image_path, find_owner(visitor, request))
        return {"picture": picture, "note": note, "names": names, "is_asked": is_asked, "left": FACES_LEFT}

    image = form["image_path"]
    image.change(None, [image, wish["brief"]], wish["brief"], js=KEEP_NOTES, **MOVES)  # type: ignore[attr-defined]
    answer, taken = gr.JSON(visible=False), gr.Textbox("", visible=False)
    for ask in (image.change, *(pressed.then for pressed in presses)):  # type: ignore[attr-defined]
        ask(ask_faces, [image, taken, visitor], answer, trigger_mode="always_last", **MOVES).then(
            None, [answer, image, taken],
            [taken, bring.image_note, *(wish[name] for name in ("face_names", "faces", "consent_id"))], js=TAKE_FACES, **MOVES,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fillings:
    """What follows an event that filled the form: the page notes what came with the picture, so that it goes with it.

    came: on the page, what came with the picture (name of it -> text) and, of that, what was read last and what is said of it.
    """

    handlers: Handlers
    form: Fields
    bring: Bring
    visitor: gr.BrowserState
    hidden: gr.Textbox = field(default_factory=lambda: gr.Textbox("", visible=False))  # a picture that browsers do not show
    came: gr.JSON = field(default_factory=lambda: gr.JSON(visible=False))
    kept: CameWith = field(default_factory=CameWith)

    def after(self, filled: Any) -> Any:
        """Note what came with a picture after an event that filled the form with its ad."""

        def note(request: gr.Request, visitor: str | None = None, **form: Any) -> dict[str, Any]:
            return self._note(find_owner(visitor, request), form, {name: form[name] for name in FORM_FIELDS[1:]})

        return filled.success(note, None, self.came, inputs_kwargs=self._asked, **MOVES)

    def read_after(self, filled: Any) -> None:
        """As `after`; where the ad came without words, those in its picture are read, and that is said."""

        def begin(*words: str | None) -> list[Any]:
            return [gr.skip(), ""] if any(words) else _begin_reading()

        begun = self.after(filled).success(begin, self._words, [self.bring.score, self.bring.read_note], **MOVES)
        self._fill(begun.then, api_visibility="private")

    def tell_again(self, owner: str, form: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a page that is opened anew has to know of what came with the picture that it shows."""
        return self._note(owner, form, {})

    def wire_upload(self) -> None:
        """Read the words of an uploaded picture into the form, where they can be corrected; until then no score is asked for.
        What came with the picture before goes."""
        image, note, others = self.form["image_path"], self.bring.read_note, [self.form[name] for name in FORM_FIELDS[1:]]
        image.change(None, [self.came, image, note], note, js=CLEAR_NOTE, **MOVES)  # type: ignore[attr-defined]
        # first of all, and in the page alone: over a slow network nobody may score a picture with another's words meanwhile
        cleared = image.upload(None, [self.came, *others], others, js=CLEAR_CAME, **MOVES)  # type: ignore[attr-defined]
        self.hidden.change(self._show_in_browser, [image, self.visitor], image, **MOVES)
        image.change(None, image, self.hidden, js=FIND_HIDDEN, **MOVES)  # type: ignore[attr-defined]
        begun = cleared.then(_begin_reading, None, [self.bring.score, note], **_LAST, **MOVES)
        self._fill(begun.then, api_name="read_words")

    def _show_in_browser(self, request: gr.Request, image_path: str | None, visitor: str | None) -> Any:
        path = self.handlers.show_in_browser(find_owner(visitor, request), image_path)
        return gr.skip() if path is None else str(path)

    def _fill(self, asked: Any, **named: str) -> None:
        asked(
            self._read, None, [self.bring.read_note, self.came], inputs_kwargs=self._asked, **named, **_LAST,
            **{**MODEL_QUEUE, "show_progress": "hidden"},
        ).then(None, [self.came, self.form["image_path"], *self._words], self._words, js=FILL_EMPTY, **MOVES).then(
            lambda: gr.update(interactive=True), None, self.bring.score, **MOVES
        ).then(None, js=SCORE_NOW, **MOVES)  # fmt: skip

    def _read(self, request: gr.Request, visitor: str | None = None, **form: Any) -> tuple[str, dict[str, Any]]:
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
    """Read the words of uploaded pictures; return what follows other events that fill the form."""
    fillings = Fillings(handlers=handlers, form=form, bring=bring, visitor=visitor)
    handlers.also_forget.append(fillings.kept.forget)
    fillings.wire_upload()
    return fillings
