"""What happens when a picture is brought: its size and faces are told, the faces are asked about, its words are read.

Over a slow network answers come late, in another order than their questions, or not at all. Each answer therefore names its
picture: the page, which alone knows the picture that it shows, takes the answer for that one, once, and no other; while it has
none, the question is put again with every button that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

import gradio as gr

from ..handlers.one_ad import Handlers
from ..html import fragments
from ..sessions.wishes import FACES_LEFT
from .one_ad import Bring
from .parts import MODEL_SEAT, MOVES, Fields, find_owner

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
# words that were read from the picture before go with it, unless they were corrected
CLEAR_READ = """(read, ...fields) => ['headline', 'primary_text', 'description', 'cta'].map(
  (name, number) => read?.[name] && fields[number] === read[name] ? '' : undefined)"""
# what was read goes into fields that are empty still
FILL_EMPTY = f"""(read, image, ...fields) => {{
  {_NAME}
  return ['headline', 'primary_text', 'description', 'cta'].map(
    (name, number) => read?.picture === picture && !fields[number] && read[name] ? read[name] : undefined);
}}"""

# what is said of the words that were read goes with their picture, whoever fills the form: a winner brings its own words
CLEAR_NOTE = f"""(read, image, note) => {{
  {_NAME}
  return read?.note && read.note === note && read.picture !== picture ? '' : undefined;
}}"""


def name_picture(image_path: str | None) -> str:
    """Return what page and server know an uploaded picture by: its folder, which is named by content, and its name."""
    return "/".join(PurePath(image_path).parts[-2:]) if image_path else ""


def wire_faces(
    handlers: Handlers, form: Fields, bring: Bring, wish: Fields, visitor: gr.BrowserState, presses: Sequence[Any]
) -> None:  # fmt: skip
    """Say what a picture shows and ask about its faces, when it is brought; after each of `presses`, if that is missing still.

    The question is asked anew for another picture. The browser tells of one picture more than once.
    """

    def ask_faces(request: gr.Request, image_path: str | None, taken: str, visitor: str | None) -> Any:
        picture = name_picture(image_path)
        if picture == taken:
            return gr.skip()  # an answer that is on its way is not taken away
        note, names, is_asked = handlers.inspect(image_path, find_owner(visitor, request))
        return {"picture": picture, "note": note, "names": names, "is_asked": is_asked, "left": FACES_LEFT}

    image = form["image_path"]
    answer, taken = gr.JSON(visible=False), gr.Textbox("", visible=False)
    for ask in (image.change, *(pressed.then for pressed in presses)):  # type: ignore[attr-defined]
        ask(ask_faces, [image, taken, visitor], answer, trigger_mode="always_last", **MOVES).then(
            None, [answer, image, taken],
            [taken, bring.image_note, *(wish[name] for name in ("face_names", "faces", "consent_id"))], js=TAKE_FACES, **MOVES,
        )  # fmt: skip


def wire_reading(handlers: Handlers, form: Fields, bring: Bring, visitor: gr.BrowserState) -> Callable[[Any], None]:
    """Read the words of an uploaded picture into the form, where they can be corrected; until then no score is asked for.

    Returns:
        a function that does the same after another event that filled the form, such as with one of many ads.
    """

    def read_words(request: gr.Request, visitor: str | None = None, **form: Any) -> tuple[str, dict[str, str]]:
        shown, fields = handlers.read_words(find_owner(visitor, request), form)
        return shown, {"picture": name_picture(form["image_path"]), "note": shown, **fields}

    def begin() -> list[Any]:
        return [gr.update(interactive=False), fragments.note("Reading the picture …")]

    image, read, fields = form["image_path"], gr.JSON(visible=False), [form[name] for name in READ]
    begun, last = [bring.score, bring.read_note], {"trigger_mode": "always_last"}

    def fill(asked: Any, **named: str) -> None:
        asked(
            read_words, None, [bring.read_note, read], inputs_kwargs={**form, "visitor": visitor}, **named, **last,
            **{**MODEL_SEAT, "show_progress": "hidden"},
        ).then(None, [read, image, *fields], fields, js=FILL_EMPTY, **MOVES).then(
            lambda: gr.update(interactive=True), None, bring.score, **MOVES
        )  # fmt: skip

    image.change(None, [read, image, bring.read_note], bring.read_note, js=CLEAR_NOTE, **MOVES)  # type: ignore[attr-defined]
    uploaded = image.upload(begin, None, begun, **last, **MOVES)  # type: ignore[attr-defined]
    fill(uploaded.then(None, [read, *fields], fields, js=CLEAR_READ, **MOVES).then, api_name="read_words")

    def read_after(filled: Any) -> None:
        fill(filled.success(begin, None, begun, **MOVES).then, api_visibility="private")

    return read_after
