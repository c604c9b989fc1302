"""The page: what stands where, and which button calls which handler.

Every event that does something has a name and is an endpoint of the API: /demo, /score, /improve, /cancel, /resume, /choose,
/forget here, those of the later steps in `step_pages`. What only moves the page about is private. Whoever needs the model waits
for its one seat (`seat`), in order of arrival; a search waits there and not in Gradio's queue, which forgets a closed page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError
from adcreative.report.rendering import read_part

from .handlers.many_ads import Folders
from .handlers.one_ad import Handlers, Screen
from .handlers.steps import Steps
from .handlers.training import Trainings
from .handlers.why import Why
from .handlers.words import Words
from .html import fragments
from .html import steps as step_fragments
from .pages.account import build_account
from .pages.many_ads import build_folder
from .pages.one_ad import build_bring, build_improve, build_results
from .pages.parts import MODEL_SEAT, MOVES, RESULTS, WATCHING, Fields, clear_when_mended, find_owner, fragment
from .pages.steps import NUM_LATER_TEXTS, build_steps, nothing_yet
from .pages.theme import build_theme
from .port import Studio
from .sessions.ads import MAX_STATES
from .sessions.privacy import private_dir, safe_settings, silence_network
from .sessions.seat import MAX_WAITING
from .sessions.wishes import FACE_NAME, FACES_LEFT, FORM_FIELDS, Wish

NUM_MOVES = 8 + NUM_LATER_TEXTS  # two buttons, what a result shows, the later steps
EMPTY_SCORE = "The number appears here, with the range it may lie in and the reasons for it."


class StudioPage(gr.Blocks):
    """Blocks that launch with the safe settings, whoever launches them, and never with a public link."""

    def launch(self, *args: Any, **options: Any) -> Any:
        looks = {"theme": build_theme(), "css": str(read_part("parts.css")) + _style()}
        return super().launch(*args, **{**safe_settings(), **looks, **options, "share": False})


def build_app(pipeline: Studio, *, notice: str = "") -> gr.Blocks:
    """Build the page on top of `pipeline` (a `pipeline.Studio` or anything with its methods).

    Args:
        notice: a warning shown on top of the page.
    """
    silence_network()
    if hasattr(pipeline, "keep_features_in"):
        pipeline.keep_features_in(private_dir() / "features")
    handlers = Handlers(studio=pipeline, result_dir=private_dir() / RESULTS, cards=tuple(getattr(pipeline, "cards", ())))
    steps, folders = Steps(handlers=handlers), Folders(handlers=handlers)
    with StudioPage(title="adcreative studio", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        visitor = _visitor()
        fragment(fragments.header(notice))
        with gr.Tabs() as tabs:
            with gr.Tab("One ad", id="ad"):
                form = _build_ad(page, handlers, steps, visitor)
            with gr.Tab("Many ads", id="folder"):
                build_folder(page, folders, visitor, form, tabs)
            with gr.Tab("Your account", id="account"):
                build_account(page, steps, Trainings(handlers=handlers), visitor)
        with gr.Accordion("Models used here, and their licences", open=False, elem_id="licences"):
            fragment(step_fragments.weights(getattr(pipeline, "weights", ())))
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=8)
    return page


def _build_ad(page: gr.Blocks, handlers: Handlers, steps: Steps, visitor: gr.BrowserState) -> Fields:
    """Build the steps from an ad to an export, on one page; return the form of the ad."""
    with gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=5, min_width=320):
            form, score_button, demo_button, image_note = build_bring()
        with gr.Column(scale=6, min_width=320):
            fragment(fragments.step(2, "Score"))
            score_shown = fragment(fragments.placeholder(EMPTY_SCORE), elem_id="score")
            why_shown = _build_why(Why(handlers=handlers), form, visitor)
            wish, improve_button, stop_button = build_improve(handlers)
            progress_shown = fragment(elem_id="progress")
    results = build_results()
    later_box, words, use_words = build_steps(steps, Words(handlers=handlers), visitor)
    results["page"] += [later_box, *words.values()]
    with gr.Accordion("Numbers for the record", open=False):
        score_record, record = gr.JSON(label="Score"), gr.JSON(label="Improve")
    forget_button = gr.Button("Delete my ad and everything made of it", size="sm", elem_id="forget-button")
    with gr.Row(visible=False, elem_id="forget-box") as forget_box:
        fragment(fragments.note("Delete the ad, its result, what was approved and packed? This cannot be undone."))
        keep_button = gr.Button("Keep it", size="sm", elem_id="keep-button")
        sure_button = gr.Button("Yes, delete it all", size="sm", variant="stop", elem_id="sure-button")
    asked_of = gr.State("")  # the picture whose faces were asked about
    form["image_path"].change(  # type: ignore[attr-defined]
        _show_faces(handlers),
        [form["image_path"], asked_of, visitor],
        [asked_of, image_note, *(wish[name] for name in ("face_names", "faces", "consent_id"))],
        **MOVES,
    )
    demo_button.click(
        _demo(handlers), None, list(form.values()), inputs_kwargs={"visitor": visitor}, api_name="demo",
        show_progress="minimal", **MODEL_SEAT,
    )  # fmt: skip
    score_button.click(
        _score(handlers), None, [score_shown, score_record], inputs_kwargs={**form, "visitor": visitor}, api_name="score",
        show_progress="minimal", **MODEL_SEAT,
    )  # fmt: skip
    outputs = [progress_shown, *results["api"], record]
    moved = _wire_search(handlers, {**form, **wish, "visitor": visitor}, outputs, (improve_button, stop_button), results)
    _wire_ad(handlers, form, visitor, [score_shown, score_record, *why_shown], outputs, moved)
    clear_when_mended([wish[name] for name in ("faces", "consent_id", "directions", "brand_kit_path")], record, progress_shown)
    _wire_return(page, handlers, visitor, outputs, moved, form)
    _wire_choice(handlers, visitor, outputs, results, moved)
    use_words(outputs, _flat, _settle(handlers), moved)

    def forget(request: gr.Request, visitor: str | None = None) -> str:
        handlers.forget(find_owner(visitor, request))
        return fragments.note("Deleted.")

    forget_button.click(lambda: gr.update(visible=True), None, forget_box, **MOVES)
    keep_button.click(lambda: gr.update(visible=False), None, forget_box, **MOVES)
    sure_button.click(forget, None, progress_shown, inputs_kwargs={"visitor": visitor}, api_name="forget", queue=False).then(
        None, js="() => window.location.reload()", **MOVES
    )
    return form


def _build_why(why: Why, form: Fields, visitor: gr.BrowserState) -> list[gr.blocks.Block]:
    """Step 2, what the number rests on: a heat map and what each word does, when asked for; return where it is shown."""
    button = gr.Button("Why this number? Show the heat map", size="sm", elem_id="why-button")
    shown, record = fragment(elem_id="why"), gr.JSON(visible=False)
    page = gr.File(label="The whole explanation, as a page", interactive=False, visible=False, elem_id="why-page")

    def explain(request: gr.Request, visitor: str | None = None, **form: Any) -> Iterator[tuple[Any, ...]]:
        for shown, path, record in why.explain(find_owner(visitor, request), form):
            yield shown, str(path) if path else None, record

    button.click(
        explain, None, [shown, page, record], inputs_kwargs={**form, "visitor": visitor}, api_name="explain",
        show_progress="hidden", **WATCHING,
    ).then(lambda path: gr.update(visible=bool(path)), page, page, **MOVES)  # fmt: skip
    return [shown, page]


def _show_faces(handlers: Handlers) -> Any:
    def show_faces(request: gr.Request, image_path: str | None, asked_of: str, visitor: str | None) -> list[Any]:
        """Show what a picture holds, and ask about its faces anew: an answer is for one picture.

        The browser tells of one picture more than once; an answer that was given between stays.
        """
        if image_path and image_path == asked_of:
            return [gr.skip()] * 5
        shown, names, is_asked = handlers.inspect(image_path, find_owner(visitor, request))
        answer = gr.update(value=None if is_asked else FACES_LEFT, visible=is_asked)
        return [
            image_path or "",
            shown,
            gr.update(choices=names, value=names, visible=len(names) > 1),
            answer,
            gr.update(value="", visible=False),
        ]

    return show_faces


def _score(handlers: Handlers) -> Any:
    def score(
        request: gr.Request, image_path: str | None = None, visitor: str | None = None, **words: Any
    ) -> tuple[str, dict[str, Any]]:
        return handlers.score(find_owner(visitor, request), image_path=image_path, **words)

    return score


def _wire_ad(
    handlers: Handlers, form: Fields, visitor: gr.BrowserState, scored: list[Any], outputs: list[Any], moved: list[Any]
) -> None:
    """Whenever the form holds another ad, show what belongs to that one, and nothing of the ad before."""
    settle, page_ad = _settle(handlers), gr.State("")

    def look(request: gr.Request, page_ad: str, record_shown: Any = None, visitor: str | None = None, **form: Any) -> list[Any]:
        owner = find_owner(visitor, request)
        found = handlers.look(owner, form, page_ad)
        if found is None:
            return [gr.skip()] * (1 + len(scored) + len(outputs) + len(moved))
        (shown, record), screen = found.score or (fragments.placeholder(EMPTY_SCORE), None), found.screen
        why, page = found.why or ("", None)
        score = [found.ad, shown, record, why, gr.update(value=str(page) if page else None, visible=page is not None)]
        if not record_shown and screen == Screen():  # there is no result to take away, and what is open stays untouched
            return [*score, *[gr.skip()] * (len(outputs) + len(moved))]
        is_running = handlers.is_running(owner)
        moves = [gr.update(interactive=not is_running), gr.update(visible=is_running)]
        return [
            *score, *_flat(screen),
            *moves, *settle(request, screen.record, visitor, is_other=True)[len(moves) :],
        ]  # fmt: skip

    gr.on(
        [component.change for component in form.values()],  # type: ignore[attr-defined]
        look, None, [page_ad, *scored, *outputs, *moved], trigger_mode="always_last",
        inputs_kwargs={**form, "visitor": visitor, "page_ad": page_ad, "record_shown": outputs[-1]},
        # through the queue, whose answers arrive in the order in which they were given: a look from before an answer cannot
        # take that answer away
        **{**MOVES, "queue": True}, **WATCHING,
    )  # fmt: skip


def _demo(handlers: Handlers) -> Any:
    def demo(request: gr.Request, visitor: str | None = None) -> list[Any]:
        form = handlers.demo(find_owner(visitor, request))
        return [str(form["image_path"]), *(form[name] for name in FORM_FIELDS[1:])]

    return demo


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
        request: gr.Request,
        image_path: str | None = None,
        faces: str | None = None,
        visitor: str | None = None,
        brand_kit_path: str | None = None,
        **values: Any,
    ) -> Iterator[tuple[Any, ...]]:
        form = {"image_path": image_path, **{name: values[name] for name in FORM_FIELDS[1:]}}
        wish = Wish(
            effort=values["effort"] or "normal", faces=faces or "", directions=tuple(values["directions"] or ()),
            copywriter=values["copywriter"], seed=int(values["seed"] or 0), consent_id=values["consent_id"] or "",
            face_numbers=tuple(int(name.removeprefix(FACE_NAME)) for name in values["face_names"] or ()),
            boldness=float(values["boldness"] or 1), brief=values["brief"] or "", avoid=values["avoid"] or "",
            brand_kit=Path(brand_kit_path) if brand_kit_path else None,
        )  # fmt: skip
        yield from map(_flat, handlers.improve(find_owner(visitor, request), form, wish))

    def cancel(request: gr.Request, visitor: str | None = None) -> str:
        return handlers.cancel(find_owner(visitor, request))

    page = [improve_button, stop_button, *results["page"]]
    improve_button.click(_begin, None, page, **MOVES).then(
        improve,
        None,
        outputs,
        inputs_kwargs=inputs,
        api_name="improve",
        show_progress="minimal",
        show_progress_on=outputs[0],
        **WATCHING,
    ).then(_settle(handlers), [outputs[-1], inputs["visitor"]], page, **MOVES)
    stop_button.click(
        cancel, None, outputs[0], inputs_kwargs={"visitor": inputs["visitor"]}, api_name="cancel", queue=False,
        show_progress="hidden",
    )  # fmt: skip
    return page


def _visitor() -> gr.BrowserState:
    """Who this browser is to us: a random name kept in the browser, so that a closed page finds its search again."""
    return gr.BrowserState(storage_key="adcreative-visitor")


def _flat(screen: Screen) -> tuple[Any, ...]:
    return screen.progress, screen.pair, screen.result, screen.download, screen.record


def _wire_return(
    page: gr.Blocks, handlers: Handlers, visitor: gr.BrowserState, outputs: list[gr.components.Component],
    moved: list[gr.blocks.Block], form: Fields,
) -> None:  # fmt: skip
    """A page that opens shows the visitor's search and its ad, if there is one; a page that closes leaves it for a while."""
    visitors: dict[str, str] = {}  # session -> owner, the latest MAX_STATES

    def welcome(request: gr.Request, name: Any) -> list[Any]:
        name = find_owner(name, request)
        visitors[request.session_hash or ""] = name
        if len(visitors) > MAX_STATES:
            del visitors[next(iter(visitors))]
        return [name, *(_begin() if handlers.is_running(name) else [gr.skip()] * len(moved))]

    def resume(request: gr.Request, visitor: str | None = None) -> Iterator[tuple[Any, ...]]:
        for screen in handlers.resume(find_owner(visitor, request)):
            yield _flat(screen) if screen != Screen() else (gr.skip(),) * len(outputs)

    is_back = gr.State(False)

    def has_ad(request: gr.Request, visitor: str | None) -> bool:
        screen = handlers.find_screen(find_owner(visitor, request))
        return screen is not None and screen.creative is not None

    def bring_back(request: gr.Request, visitor: str | None) -> list[Any]:
        """Put the ad of the finished search back into the form; apart from `resume`, since what it says of the form of a new
        page would meet a picture that is being brought just then."""
        screen = handlers.find_screen(find_owner(visitor, request))
        if screen is None or screen.creative is None:
            return [gr.skip()] * len(form)
        values = {name: getattr(screen.creative, name) for name in FORM_FIELDS}
        path = values["image_path"]
        return [str(path) if path and path.is_file() else None, *(values[name] for name in FORM_FIELDS[1:])]

    def leave(request: gr.Request) -> None:
        handlers.leave(visitors.pop(request.session_hash or "", find_owner(None, request)))

    page.load(welcome, visitor, [visitor, *moved], **MOVES).then(
        resume, None, outputs, inputs_kwargs={"visitor": visitor}, api_name="resume", show_progress="hidden", **WATCHING
    ).then(_settle(handlers, is_return=True), [outputs[-1], visitor], moved, **MOVES).then(
        has_ad, visitor, is_back, **{**MOVES, "queue": True}  # the change of a state is told through the queue alone
    )  # fmt: skip
    is_back.change(bring_back, visitor, list(form.values()), **MOVES)
    page.unload(leave)


def _wire_choice(
    handlers: Handlers, visitor: gr.BrowserState, outputs: list[gr.components.Component], results: dict[str, Any],
    moved: list[gr.blocks.Block],
) -> None:  # fmt: skip
    """Take another edit than the one that was offered."""

    def choose(request: gr.Request, choice: str | None = None, visitor: str | None = None) -> tuple[Any, ...]:
        try:
            return _flat(handlers.choose(find_owner(visitor, request), choice))
        except AdCreativeError as error:
            return fragments.problem(error), *[gr.skip()] * (len(outputs) - 1)

    def pick(request: gr.Request, dot: gr.EventData, visitor: str | None = None) -> tuple[Any, ...]:
        return choose(request, fragments.name_alternative(int(dot.index) + 1), visitor)

    settle = _settle(handlers)
    results["take"].click(
        choose, None, outputs, inputs_kwargs={"choice": results["choice"], "visitor": visitor}, api_name="choose",
        show_progress="minimal", **MODEL_SEAT,
    ).then(settle, [outputs[-1], visitor], moved, **MOVES)  # fmt: skip
    results["map"].select(
        pick, None, outputs, inputs_kwargs={"visitor": visitor}, api_visibility="private", show_progress="minimal", **MODEL_SEAT
    ).then(settle, [outputs[-1], visitor], moved, **MOVES)


def _begin() -> list[dict[str, Any]]:
    """Return the moves when a search begins: two buttons, then what `_settle` shows, hidden; the later texts stay."""
    hidden = gr.update(visible=False)
    return [gr.update(interactive=False), gr.update(visible=True), hidden, hidden, hidden, gr.skip(), gr.skip(), hidden,
            *[gr.skip()] * NUM_LATER_TEXTS]  # fmt: skip


def _settle(handlers: Handlers, *, is_return: bool = False) -> Any:
    """Return the moves when a search has ended; is_return: when a page was opened, which may find nothing to show."""

    def settle(request: gr.Request, record: dict[str, Any] | None, visitor: str | None, is_other: bool = False) -> list[Any]:
        """Show what the finished search has to show, from its record; is_other: another ad is on the page now."""
        owner = find_owner(visitor, request)
        record, screen = record or {}, handlers.find_screen(owner)
        if not is_other and (handlers.is_running(owner) or (is_return and screen is None)):
            return [gr.skip()] * NUM_MOVES  # a page that opens slowly must not hide what belongs to a search begun since
        if screen is None or record.get("shown") != screen.shown:
            record = {}  # no result, or it is of an ad that is no longer on the page
        has_result = record.get("status") in ("edited", "kept")
        has_picture = record.get("status") == "edited" and bool(record.get("faces", {}).get("edited"))
        choices = screen.choices if screen is not None else ()
        texts = [record.get(f"{name}_edited") or "" for name in ("headline", "description")]
        return [
            gr.update(interactive=True), gr.update(visible=False), gr.update(visible=has_result),
            gr.update(visible=has_picture), gr.update(visible=len(choices) > 1), screen.alternatives if screen else "",
            gr.update(choices=list(choices), value=None), gr.update(visible=record.get("status") == "edited"), *texts,
            *nothing_yet(), record.get("shown") or "",
        ]  # fmt: skip

    return settle


def _style() -> str:
    return (fragments.TEMPLATE_DIR / "studio.css").read_text(encoding="utf-8")
