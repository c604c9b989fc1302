"""The page as a whole: the tabs and their contents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from adcreative.pipeline import run_here
from adcreative.report.rendering import read_part

from .calls import CheckedCalls
from .handlers.account import Accounts
from .handlers.brand import Brands
from .handlers.consents import Consents
from .handlers.demo import Demo
from .handlers.insights import Insights
from .handlers.language import Languages
from .handlers.library import HOME, Library
from .handlers.make import Makes
from .handlers.many_ads import Folders
from .handlers.next_test import PlannedTests
from .handlers.one_ad import Handlers
from .handlers.sizes import Sizes
from .handlers.steps import Steps
from .handlers.training import Trainings
from .handlers.why import Why
from .handlers.words import Words
from .html import fragments
from .html.plain import TEMPLATE_DIR
from .pages.account import build_account
from .pages.consent import wire_consent
from .pages.events import AdEvents, Place, build_why, flat
from .pages.library import build_library
from .pages.make import build_make
from .pages.many_ads import build_folder
from .pages.next_test import build_tests
from .pages.one_ad import build_bring, build_improve, build_results
from .pages.parts import MOVES, RESULTS, clear_when_mended, find_owner, fragment, press
from .pages.pictures import Fillings
from .pages.settings import build_settings
from .pages.sizes import build_kept_sizes
from .pages.steps import build_steps, build_words
from .pages.theme import build_theme, font_faces
from .pages.tools import build_tools
from .sessions.ads import NO_AD
from .sessions.belongings import FEATURES
from .sessions.model_queue import MAX_WAITING, ModelQueue
from .sessions.owners import KEPT, is_kept
from .sessions.privacy import private_dir, safe_settings, silence_network
from .sessions.read_ahead import ReadAhead

if TYPE_CHECKING:
    from adcreative.pipeline import Studio
    from adcreative.workspace.store import Workspace


# Gradio announces the first to screen readers and has no text for it; Gradio's texts for the others suit no app
WORDS = {
    "common.complete": "Done",
    "upload_text.drop_file": "Drop it here",
    "upload_text.click_to_upload": "choose from this computer",
}


class StudioPage(CheckedCalls):
    """Blocks that always launch with the safe settings, and never with a public link."""

    model_queue: ModelQueue

    def launch(self, *args: Any, **options: Any) -> Any:
        looks: dict[str, Any] = {
            "theme": build_theme(),
            "css": font_faces() + str(read_part("parts.css")) + _read("studio.css"),
        }
        looks["head"] = f"<script>{_read('addresses.js')}{_read('answers.js')}</script>"
        looks["i18n"] = gr.I18n(en=WORDS)
        return super().launch(*args, **{**safe_settings(), **looks, **options, "share": False})


def build_app(
    pipeline: Studio,
    *,
    notice: str = "",
    is_for_agents: bool = False,
    workspace: Workspace | None = None,
    aside: Callable[..., Any] = run_here,
) -> StudioPage:
    """Build the page on top of `pipeline` (a `pipeline.Studio` or anything with its methods).

    Args:
        notice: a warning shown on top of a page that anybody can reach; with a notice the app contacts no other server.
        is_for_agents: offer tools to agents in addition to the page (`pages.tools`).
        aside: runs long work outside the process of the app, such as reading a table.
        workspace: where ads and all else of one person are kept; None: each visit is kept in memory, private to its visitor.
    """
    silence_network()
    pipeline = pipeline.with_features_in(private_dir() / FEATURES / "everybody")
    kept_dir = None if workspace is None else workspace.folder / HOME
    handlers = Handlers(
        studio=pipeline, result_dir=private_dir() / RESULTS, cards=tuple(pipeline.cards), kept_dir=kept_dir, aside=aside
    )
    library = None if workspace is None else Library(handlers=handlers, workspace=workspace)
    steps, folders = Steps(handlers=handlers), Folders(handlers=handlers)
    with StudioPage(title="adcreative", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        # identity of this browser: a random name stored in the browser, so that a reopened page finds its search again
        visitor = (
            gr.BrowserState(storage_key="adcreative-visitor")
            if library is None
            else gr.BrowserState(KEPT, storage_key="adcreative-tab", secret=KEPT)  # of one tab, over restarts (addresses.js)
        )
        with gr.Row(elem_id="head"):
            fragment(fragments.header(notice, is_kept=library is not None))
            brand = gr.Dropdown(
                [("No brand", "")], value="", label="Brand", show_label=False, visible=False, elem_id="brand-switch"
            )
        with gr.Tabs(overflow_behavior="wrap") as tabs:  # on a phone too, no tab is hidden in a menu
            with gr.Tab("Make", id="make", elem_id="page-make"):
                makes = Makes(handlers=handlers)
                build_make(page, makes, visitor)
            with gr.Tab("Your ad", id="ad", elem_id="page-ad"):
                fillings = _build_ad(page, handlers, steps, visitor, library)
            if library is not None:
                with gr.Tab("Library", id="library", elem_id="page-ads") as shelf:
                    build_library(page, library, visitor, fillings.form, fillings.came, fillings.tell_again, tabs, shelf)
            with gr.Tab("Many ads", id="folder", elem_id="page-many"):
                build_folder(page, folders, visitor, fillings, tabs)
            with gr.Tab("Your account", id="account", elem_id="page-account"):
                asked = Accounts(handlers=handlers), Trainings(handlers=handlers), Insights(handlers=handlers)
                build_account(page, *asked, visitor, fillings, tabs)
            with gr.Tab("Tests", id="tests", elem_id="page-tests") as tests:
                build_tests(page, PlannedTests(handlers=handlers), visitor, fillings, tabs, tests)
            languages = Languages(handlers=handlers, may_ask_servers=not notice)
            build_settings(
                Brands(handlers=handlers),
                languages,
                Consents(handlers=handlers),
                visitor,
                pipeline.weights,
                brand,
                page,
                library,
            )
        _open_where_left(page, handlers, makes, visitor, tabs)
        if is_for_agents:
            build_tools(page, handlers, steps)
    page.model_queue = handlers.model_queue
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=8)
    return page


def _open_where_left(page: gr.Blocks, handlers: Handlers, makes: Makes, visitor: gr.BrowserState, tabs: gr.Tabs) -> None:
    """Open the page of one ad for a visitor with an ad and no set of new ads, unless the address names a page."""
    named = gr.Textbox("", visible=False)

    def find_tab(request: gr.Request, visitor: str | None, named: str | None) -> object:
        owner = find_owner(visitor, request)
        is_elsewhere = named or makes.is_running(owner) or makes.has_ads(owner)
        return gr.skip() if is_elsewhere or handlers.find_brought(owner) is None else gr.Tabs(selected="ad")

    page.load(find_tab, [visitor, named], tabs, js="(visitor) => [visitor, window.adcreativeNamed ?? '']", **MOVES)


def _build_ad(page: gr.Blocks, handlers: Handlers, steps: Steps, visitor: gr.BrowserState, library: Library | None) -> Fillings:
    """Build the steps from an ad to an export on one page; return the follow-up of events that fill the form of the ad."""
    bar = fragment(elem_id="ad-bar")
    with gr.Column(elem_id="step-ad"):
        fragment(fragments.fold("Your ad and its score"))
        bring = build_bring()
        why_shown, why_record = build_why()
    with gr.Column(visible=False, elem_id="improve-box") as improve_box:
        fragment(fragments.fold("Improve it again"))
        search_request, consent, improve_button, stop_button, progress_shown = build_improve(handlers)
    mockups = fragment(elem_id="placements")
    results = build_results()
    kept_sizes = build_kept_sizes(Sizes(handlers=handlers), visitor)
    words_box, texts, use_words = build_words(Words(handlers=handlers), visitor)
    later_box, later, later_events = build_steps(steps, visitor)
    with gr.Accordion("Numbers for the record", open=False, elem_id="record"):
        score_record, record = gr.JSON(label="Score"), gr.JSON(label="Improve")
    place = Place(
        page_ad=gr.State(NO_AD),
        bar=bar,
        step_boxes=[bring.hero_box, improve_box],
        scored=[bring.score_shown, score_record],
        why=why_shown,
        mockups=mockups,
        outputs=[progress_shown, *results["api"], record],
        moved=[
            improve_button,
            stop_button,
            *results["page"],
            *kept_sizes,
            words_box,
            later_box,
            *texts.values(),
            *later.values(),
        ],
    )
    events = AdEvents(handlers=handlers, demo=Demo(handlers=handlers), form=bring.form, visitor=visitor, place=place)
    improve_pressed = press(improve_button)
    fillings = events.wire_bring(bring, search_request, improve_pressed)
    events.wire_why(Why(handlers=handlers, read_ahead=ReadAhead(handlers.model_queue)), bring.why, why_record)
    events.wire_search({**search_request, "usual_rate_percent": bring.usual_rate}, improve_pressed, stop_button)
    events.wire_look()
    wire_consent(Consents(handlers=handlers), consent, bring.form, visitor)
    clear_when_mended(
        [search_request[name] for name in ("faces", "consent_id", "directions", "brand_kit_path", "changes")],
        record,
        progress_shown,
    )
    events.wire_return(page, bring.hero, fillings)
    events.wire_choice(results)
    use_words(place.outputs, flat, events.settle, place.moved)
    for event in later_events:
        events.wire_bar(event)
    _build_forget(handlers, visitor, progress_shown, library)
    return fillings


def _build_forget(handlers: Handlers, visitor: gr.BrowserState, shown: gr.HTML, library: Library | None) -> None:
    """Delete everything of the owner, after a confirmation."""
    forget_button = gr.Button("Delete my ad and everything made of it", size="sm", elem_id="forget-button")
    with gr.Row(visible=False, elem_id="forget-box") as forget_box:
        fragment(fragments.note("Delete the ad, its result, what was approved and packed? This cannot be undone."))
        keep_button = gr.Button("Keep it", size="sm", elem_id="keep-button")
        sure_button = gr.Button("Yes, delete it all", size="sm", variant="stop", elem_id="sure-button")

    def forget(request: gr.Request, visitor: str | None = None) -> str:
        owner = find_owner(visitor, request)
        if library is not None and is_kept(owner):
            library.delete_ad(owner, handlers.desk.find(owner).ad)
        else:
            handlers.forget(owner)
        return fragments.note("Deleted.")

    forget_button.click(lambda: gr.update(visible=True), None, forget_box, **MOVES)
    keep_button.click(lambda: gr.update(visible=False), None, forget_box, **MOVES)
    sure_button.click(forget, None, shown, inputs_kwargs={"visitor": visitor}, api_name="forget", queue=False).then(
        None, js="() => window.location.reload()", **MOVES
    )


def _read(name: str) -> str:
    return (TEMPLATE_DIR / name).read_text(encoding="utf-8")
