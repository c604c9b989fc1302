"""The page "Make": photos, logo and typed lines become a wall of ads; open and change an ad; download all ads as a zip.

Our own HTML reports clicks by `select`, with the clicked value; everything else is Gradio's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError
from adcreative.pipeline import read_brief

from ..handlers.make import SAMPLES, SHAPES, TYPED_ROLES, WORDS, AdScreen, MakeForm, Makes, MakeScreen, list_samples, read_lines
from ..handlers.sizes import RATIOS
from ..html import fragments
from ..html import make as make_fragments
from .parts import (
    MOVES,
    QUICK,
    WATCHING,
    Fields,
    file_to_take,
    find_owner,
    fragment,
    press,
    scroll_to,
    take_only_uploads,
    wire_work,
)

TYPE_HINT = (
    "Slow mornings, properly made\nRoasted on Tuesday, at your door on Thursday.\n12.90 €\nFree delivery over 30 €\nOrder a bag"
)
PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"]
# Choices are kept in the page: a user who presses "Make the ads" at once waits for no answer before.
CHOOSE_LINES = """element.addEventListener('change', (event) => {
  const one = event.target.closest('[data-line]'), kept = document.querySelector('#make-lines').dataset;
  if (one) kept.chosen = JSON.stringify({...JSON.parse(kept.chosen ?? '{}'), [one.dataset.line]: one.value});
});"""
KEEP_CHOSEN = """(roles) => { document.querySelector('#make-lines').dataset.chosen = JSON.stringify(roles ?? {}); }"""
SHOW_CHOSEN = """() => {
  const shown = document.querySelector('#make-lines'), chosen = JSON.parse(shown.dataset.chosen ?? '{}');
  for (const one of shown.querySelectorAll('[data-line]')) one.value = chosen[one.dataset.line] ?? one.value;
}"""
OPEN_CLICKS = """element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-make], [data-sample]')?.dataset;
  if (one) trigger('select', {index: 0, value: one.make ?? one.sample});
});"""
SET_CLICKS = """const set = (one, value) => trigger('select', {index: 0, value: [one.dataset.set, value]});
element.addEventListener('click', (event) => {
  const one = event.target.closest('button[data-set]');
  if (one) set(one, one.dataset.value);
});
element.addEventListener('change', (event) => {
  if (event.target.matches('input[data-set]')) set(event.target, event.target.value);
});"""
# the file is available a moment after the page is notified
TAKE_ZIP = """() => { let left = 40; const look = () => {
  const link = document.querySelector('#make-zip a[download]');
  if (link) link.click(); else if (left--) setTimeout(look, 100);
}; setTimeout(look, 200); }"""


def build_make(page: gr.Blocks, makes: Makes, visitor: gr.BrowserState) -> None:
    """Build the page, inside its tab."""
    with gr.Row(elem_classes="ac-columns ac-make"):
        with gr.Column(scale=4, min_width=320, elem_classes="ac-make-form"):
            form, brought, lines, roles = _build_form()
            button = gr.Button("Make the ads", variant="primary", size="lg", elem_id="make-button")
        with gr.Column(scale=8, min_width=320):
            opened = _build_panel()
            brands = {name: read_brief(SAMPLES / name).brand.name for name in list_samples()}
            empty = make_fragments.samples({name: SAMPLES / name for name in brands}, brands)
            stop = gr.Button("Stop, and keep what is there", size="sm", visible=False, elem_id="make-stop")
            packed, files = fragment(elem_id="make-packed"), file_to_take("Your ads, in one zip", elem_id="make-zip", height=70)
            pack = gr.Button("Download all as a zip", visible=False, elem_id="make-pack")
            wall = fragment(empty, elem_id="make-wall", js_on_load=OPEN_CLICKS)
            record = gr.JSON(visible=False)
    _wire_brought(makes, visitor, form, brought)
    _wire_lines(form["facts"], lines, roles)
    _wire_return(page, makes, visitor, {**form, "roles": roles})
    _wire_making(page, makes, visitor, {**form, "roles": roles}, [wall, record], [button, stop, pack, files, opened["box"]])
    _wire_opened(makes, visitor, wall, opened, form)
    _wire_pack(makes, visitor, pack, packed, files)


def _build_form() -> tuple[Fields, gr.HTML, gr.HTML, gr.JSON]:
    """Build the form; return its fields, the fragments of photos and of lines, and the chosen roles."""
    fragment(fragments.heading("What you have"))
    with gr.Row():
        size: dict[str, Any] = {"height": 96, "min_width": 120}
        photos = gr.File(label="Photos", file_count="multiple", file_types=PICTURES, elem_id="make-photos", **size)
        logo = gr.File(label="Logo (SVG, PNG)", file_types=[".svg", *PICTURES], elem_id="make-logo", **size)
    for upload in (photos, logo):
        take_only_uploads(upload)
    brought = fragment(elem_id="make-brought")
    brand = gr.Textbox("", label="Brand name", max_length=60, elem_id="make-brand", placeholder="Morrow Coffee")
    facts = gr.Textbox(
        "",
        label="What the ads may say, one message a line",
        lines=6,
        max_lines=14,
        max_length=4000,
        elem_id="make-facts",
        placeholder=TYPE_HINT,
        info="The first line leads. Prices, offers and the button are found by themselves.",
    )
    lines, roles = fragment(elem_id="make-lines", js_on_load=CHOOSE_LINES), gr.JSON({}, visible=False)
    with gr.Accordion("Colours and shapes", open=False, elem_id="make-more"):
        colours = gr.Textbox(
            "", label="Colours (optional)", placeholder="#0b7261, #f4b942", max_length=100, info="Left out: from logo or photo."
        )
        shapes = gr.CheckboxGroup(list(SHAPES), value=list(RATIOS), label="Shapes (width : height)", elem_id="make-shapes")
    files: Fields = {"photo_paths": photos, "logo_path": logo}
    return {**files, "brand": brand, "facts": facts, "colours": colours, "shapes": shapes}, brought, lines, roles


def _build_panel() -> dict[str, Any]:
    """Build the panel that shows and changes an opened ad; hidden without an opened ad."""
    with gr.Column(visible=False, elem_id="make-panel") as box:
        shown = fragment(elem_id="make-ad", js_on_load=SET_CLICKS)
        said, name = fragment(elem_id="make-said"), gr.Textbox("", visible=False)
        with gr.Row():
            words = {
                role: gr.Textbox("", label=role.capitalize(), max_length=250, elem_id=f"make-{role}", min_width=240)
                for role in WORDS
            }
        with gr.Row(elem_classes="ac-panel-buttons"):
            apply = gr.Button("Apply words", size="sm", elem_id="make-apply", min_width=120)
            another = gr.Button("Another layout", size="sm", elem_id="make-another", min_width=120)
            undo = gr.Button("Undo", size="sm", elem_id="make-undo", interactive=False, min_width=90)
            close = gr.Button("Back to all ads", size="sm", elem_id="make-close", min_width=120)
    return {
        "box": box,
        "shown": shown,
        "said": said,
        "name": name,
        "words": words,
        "apply": apply,
        "another": another,
        "undo": undo,
        "close": close,
    }


def _wire_brought(makes: Makes, visitor: gr.BrowserState, form: Fields, shown: gr.HTML) -> None:
    """Show photos and logo after each upload."""

    def bring(request: gr.Request, photos: list[str] | None, logo: str | None, visitor: str | None) -> str:
        return makes.bring(find_owner(visitor, request), photos or (), logo)

    uploads = [form["photo_paths"], form["logo_path"]]
    changed = [one.change for one in uploads]  # type: ignore[attr-defined]
    gr.on(changed, bring, [*uploads, visitor], shown, trigger_mode="always_last", **MOVES)


def _wire_return(page: gr.Blocks, makes: Makes, visitor: gr.BrowserState, form: Fields) -> None:
    """Fill the form of an opening page with the inputs of the latest set."""

    def fill(request: gr.Request, visitor: str | None) -> list[Any]:
        kept = makes.find_form(find_owner(visitor, request))
        if kept is None:
            return [gr.skip()] * len(form)
        filled = {**vars(kept), "photo_paths": [*kept.photos] or None, "logo_path": kept.logo}
        return [filled[name] for name in form]

    page.load(fill, visitor, [*form.values()], **MOVES).then(None, form["roles"], None, js=KEEP_CHOSEN, **MOVES)


def _wire_lines(facts: gr.blocks.Block, shown: gr.HTML, roles: gr.JSON) -> None:
    """Show lines with their roles during typing; a chosen role stays with its line."""

    def show(facts: str | None, chosen: object) -> str:
        return make_fragments.lines(read_lines(facts, _chosen(chosen)), TYPED_ROLES)

    asked = [facts, roles]
    facts.change(  # type: ignore[attr-defined]
        show, asked, shown, js=_with_chosen(asked, roles), trigger_mode="always_last", **MOVES
    ).then(None, js=SHOW_CHOSEN, **MOVES)


def _with_chosen(asked: list[Any], roles: object) -> str:
    """Return the script that replaces the input `roles` in `asked` by the roles chosen on the page."""
    return (
        f"(...asked) => {{ const kept = document.querySelector('#make-lines')?.dataset.chosen;"
        f" if (kept) asked[{asked.index(roles)}] = JSON.parse(kept); return asked.slice(0, {len(asked)}); }}"
    )


def _chosen(roles: object) -> dict[str, str]:
    return {str(line): str(role) for line, role in roles.items()} if isinstance(roles, Mapping) else {}


def _wire_making(
    page: gr.Blocks, makes: Makes, visitor: gr.BrowserState, form: Fields, outputs: list[Any], settled: list[Any]
) -> None:
    """Wire making and stopping, and resume a set made before the page was closed."""

    def make_ads(
        request: gr.Request,
        photo_paths: list[str] | None = None,
        logo_path: str | None = None,
        brand: str = "",
        facts: str = "",
        colours: str = "",
        shapes: list[str] | None = None,
        roles: object = None,
        visitor: str | None = None,
    ) -> Iterator[list[Any]]:
        brought = MakeForm(
            photos=tuple(photo_paths or ()),
            logo=logo_path,
            brand=brand or "",
            facts=facts or "",
            roles=_chosen(roles),
            colours=colours or "",
            shapes=shapes,
        )
        yield from map(_flat, makes.make(find_owner(visitor, request), brought))

    def settle(request: gr.Request, visitor: str | None) -> list[Any]:
        """Return the visibility of the buttons; the next step's button is in colour."""
        owner = find_owner(visitor, request)
        is_running, has_ads = makes.is_running(owner), makes.has_ads(owner)
        is_done = has_ads and not is_running
        return [
            gr.update(
                interactive=not is_running,
                variant="secondary" if is_done else "primary",
                value="Make them anew" if is_done else "Make the ads",
            ),
            gr.update(visible=is_running),
            gr.update(visible=is_done, variant="primary"),
            gr.update(visible=False),
            gr.update() if is_done else gr.update(visible=False),
        ]

    def begin() -> list[Any]:
        hidden = gr.update(visible=False)
        return [gr.update(interactive=False), gr.update(visible=True), hidden, hidden, hidden]

    brought = {**form, "visitor": visitor}
    asked = {
        "inputs_kwargs": brought,
        "js": _with_chosen([*brought.values()], form["roles"]),
        "api_name": "make_ads",
        "show_progress": "hidden",
    }
    pressed = press(settled[0])
    pressed.then(begin, None, settled, **MOVES).then(None, js=scroll_to("#make-wall"), **MOVES)
    pressed.then(make_ads, None, outputs, **asked, **WATCHING).then(settle, visitor, settled, **MOVES)
    found = wire_work(page, makes, visitor, settled[1], outputs, flat=_flat, resume="resume_ads", cancel="cancel_ads")
    found.then(settle, visitor, settled, **MOVES)


def _flat(screen: MakeScreen) -> list[Any]:
    return [screen.shown, screen.record]


def _wire_opened(makes: Makes, visitor: gr.BrowserState, wall: gr.HTML, opened: Mapping[str, Any], form: Fields) -> None:
    """Wire a click on the wall, which opens an ad or a sample; change, undo and close the opened ad."""
    words, name = opened["words"], opened["name"]
    ad_record = gr.JSON(visible=False)
    outputs = [opened["box"], name, opened["shown"], opened["said"], *words.values(), opened["undo"], wall, ad_record]
    asked = {"name": name, "visitor": visitor}

    def say(find: Callable[[], AdScreen]) -> list[Any]:
        try:
            screen = find()
        except AdCreativeError as error:
            return [*[gr.skip()] * 3, fragments.problem(error), *[gr.skip()] * (len(words) + 2), {"error": str(error)}]
        return [
            gr.update(visible=True),
            screen.name,
            screen.shown,
            "",
            *screen.words,
            gr.update(interactive=screen.can_undo),
            screen.wall or gr.skip(),
            screen.record,
        ]

    def open_ad(request: gr.Request, name: str | None = None, visitor: str | None = None) -> list[Any]:
        return say(lambda: makes.open(find_owner(visitor, request), name))

    def change_ad(
        request: gr.Request,
        name: str | None = None,
        field: str = "",
        value: str = "",
        visitor: str | None = None,
        **words: str | None,
    ) -> list[Any]:
        changes = {role: text for role, text in words.items() if text is not None} | ({field: value} if field else {})
        return say(lambda: makes.change(find_owner(visitor, request), name, changes))

    def undo_ad(request: gr.Request, name: str | None = None, visitor: str | None = None) -> list[Any]:
        return say(lambda: makes.undo(find_owner(visitor, request), name))

    def sample_brief(request: gr.Request, name: str | None = None, visitor: str | None = None) -> list[Any]:
        try:
            photo, brand, facts = makes.sample(find_owner(visitor, request), name)
        except AdCreativeError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return [[photo], brand, facts]

    def pick(request: gr.Request, event: gr.EventData, visitor: str | None = None) -> list[Any]:
        """Open the clicked ad or sample."""
        picked = str(event.value)
        if picked in list_samples():
            return [*sample_brief(request, picked, visitor), *[gr.skip()] * len(outputs)]
        return [*[gr.skip()] * 3, *open_ad(request, picked, visitor)]

    def set_look(request: gr.Request, event: gr.EventData, name: str | None = None, visitor: str | None = None) -> list[Any]:
        field, value = map(str, event.value)
        changes = {"palette": value, "accent": ""} if field == "palette" else {field: value}
        return say(lambda: makes.change(find_owner(visitor, request), name, changes))

    brought = [form["photo_paths"], form["brand"], form["facts"]]
    picked = wall.select(
        pick,
        None,
        [*brought, *outputs],
        inputs_kwargs={"visitor": visitor},
        show_progress_on=wall,
        **{**MOVES, "show_progress": "minimal"},
    )
    picked.then(None, js=FOLLOW_PICK, **MOVES)
    opened["shown"].select(
        set_look, None, outputs, inputs_kwargs=asked, **{**MOVES, "show_progress": "minimal"}, show_progress_on=opened["shown"]
    )
    changing: dict[str, Any] = {**QUICK, "show_progress_on": opened["shown"]}
    gr.on(
        [opened["apply"].click, *(one.submit for one in words.values())],
        change_ad,
        None,
        outputs,
        inputs_kwargs={**asked, **words},
        api_name="change_ad",
        **changing,
    )
    field, value = gr.Textbox("layout", visible=False), gr.Textbox("another", visible=False)
    opened["another"].click(
        change_ad, None, outputs, inputs_kwargs={**asked, "field": field, "value": value}, api_name="set_ad", **changing
    )
    opened["undo"].click(undo_ad, None, outputs, inputs_kwargs=asked, api_name="undo_ad", **changing)
    opened["close"].click(lambda: gr.update(visible=False), None, opened["box"], **MOVES).then(
        None, js=scroll_to("#make-wall"), **MOVES
    )
    take = gr.Button(visible=False)
    take.click(open_ad, None, outputs, inputs_kwargs=asked, api_name="open_ad", **QUICK)
    take.click(sample_brief, None, brought, inputs_kwargs=asked, api_name="sample_brief", **QUICK)


# scroll to the opened ad, else to the filled form
FOLLOW_PICK = """() => setTimeout(() => {
  const panel = document.querySelector('#make-panel'), button = document.querySelector('#make-button');
  const place = panel?.offsetParent ? panel : button;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  place.scrollIntoView({block: place === panel ? 'start' : 'nearest', behavior: calm ? 'auto' : 'smooth'});
  if (place === panel) panel.tabIndex = -1;
  place.focus({preventScroll: true});
}, 150)"""


def _wire_pack(makes: Makes, visitor: gr.BrowserState, pack: gr.Button, said: gr.HTML, files: gr.File) -> None:
    """Return the zip of all ads in their current state."""

    def pack_ads(request: gr.Request, visitor: str | None = None) -> list[Any]:
        try:
            path = makes.pack(find_owner(visitor, request))
        except AdCreativeError as error:
            return [fragments.problem(error), gr.update(value=None, visible=False)]
        return ["", gr.update(value=str(path), visible=True)]

    pack.click(pack_ads, None, [said, files], inputs_kwargs={"visitor": visitor}, api_name="pack_ads", **QUICK).success(
        None, js=TAKE_ZIP, **MOVES
    )
