"""Wiring of the buttons of one ad to handlers, up to the edit, and display of the answers.

Every event that does something has a name and is an endpoint of the API; events that only change the page are private.
Users of the model wait in its queue (`model_queue`), in order of arrival; a search waits there and not in Gradio's queue,
which forgets a closed page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency

from adcreative.errors import AdCreativeError

from ..handlers.approvals import Approvals
from ..handlers.demo import Demo
from ..handlers.mockups import Mockups
from ..handlers.one_ad import Handlers, Screen
from ..handlers.why import Why
from ..html import fragments
from ..html.results import name_alternative
from ..sessions.ads import MAX_STATES, NO_AD
from ..sessions.owners import is_kept
from ..sessions.search_requests import CHANGES, FACE_NAME, FORM_FIELDS, SearchRequest
from .one_ad import EMPTY_SCORE, Bring
from .parts import MODEL_QUEUE, MOVES, QUICK, WATCHING, Fields, find_owner, focus_asked, fragment, press, scroll_to
from .pictures import SCORE_NOW, Fillings, wire_faces, wire_reading
from .steps import NUM_LATER_TEXTS, nothing_yet

LEAVE_DEMO = """() => {
  const at = document.activeElement;
  if (at === document.body || at?.closest('#hero')) document.querySelector('#score-button').focus({preventScroll: true});
}"""  # the samples are hidden once there is an ad
# the ad named by the address of the page (addresses.js)
WANTED_AD = "(visitor) => [visitor, window.adcreativeWanted?.('ads') ?? '']"
NUM_MOVES = 10 + NUM_LATER_TEXTS  # outputs changed by a result: buttons, the result, its shapes, boxes of the later steps


@dataclass(frozen=True, kw_only=True)
class Place:
    """The components that display an ad.

    page_ad: id of the ad on the page. outputs: outputs of a search: progress, pictures, result, file, record. moved: outputs
    of `begin` and `settle`. scored: fragment and record of a score. why: fragment and file of its explanation. step_boxes:
    the hero, shown without an ad; step 3, shown with an ad.
    """

    page_ad: gr.State
    bar: gr.HTML
    step_boxes: list[gr.blocks.Block]
    scored: list[gr.blocks.Block]
    why: list[gr.blocks.Block]
    mockups: gr.HTML
    outputs: list[gr.components.Component]
    moved: list[gr.blocks.Block]


@dataclass(frozen=True, kw_only=True)
class AdEvents:
    """The events of one ad: the handlers, the inputs (form, visitor), and the components of the answers (place)."""

    handlers: Handlers
    demo: Demo
    form: Fields
    visitor: gr.BrowserState
    place: Place

    def wire_bring(self, bring: Bring, search_request: Fields, improve_pressed: Dependency) -> Fillings:
        """Wire upload, demo ad and score; return the follow-up for other events that bring an ad."""
        score_pressed = press(bring.score)
        wire_faces(self.handlers, self.form, bring, search_request, self.visitor, [score_pressed, improve_pressed])
        fillings = wire_reading(self.handlers, self.form, bring, self.visitor)

        def note_sample(chosen: gr.EventData) -> str:
            return str(chosen.value)

        def demo(request: gr.Request, name: str = "", visitor: str | None = None) -> list[Any]:
            try:
                form = self.demo.bring(find_owner(visitor, request), name)
            except AdCreativeError as error:
                raise gr.Error(str(error), print_exception=False) from error
            return [str(form["image_path"]), *(form[name] for name in FORM_FIELDS[1:])]

        def score(
            request: gr.Request,
            image_path: str | None = None,
            visitor: str | None = None,
            usual_rate_percent: float | None = None,
            **words: str | None,
        ) -> tuple[str, dict[str, Any]]:
            owner = find_owner(visitor, request)
            return self.handlers.score(owner, image_path=image_path, usual_rate_percent=usual_rate_percent, **words)

        def show_placements(request: gr.Request, visitor: str | None = None, **form: str | None) -> str:
            return Mockups(handlers=self.handlers).show(find_owner(visitor, request), form)

        brought = bring.hero.select(note_sample, None, bring.sample, **MOVES).then(
            demo,
            None,
            list(self.form.values()),
            inputs_kwargs={"name": bring.sample, "visitor": self.visitor},
            api_name="demo",
            **QUICK,
        )
        brought.then(None, js=LEAVE_DEMO, **MOVES)
        fillings.after(brought).then(None, js=SCORE_NOW, **MOVES)
        asked = {**self.form, "usual_rate_percent": bring.usual_rate, "visitor": self.visitor}
        # API clients wait in Gradio's queue, where no connection is held open for a minute. The page calls without that
        # queue, which answers each call twice and takes longer than a score; the model queue suffices
        gr.Button("Score", visible=False).click(
            score, None, self.place.scored, inputs_kwargs=asked, api_name="score", **MODEL_QUEUE
        )
        scored = self.after_look(score_pressed).then(
            score, None, self.place.scored, inputs_kwargs=asked, **{**MOVES, "show_progress": "minimal"}
        )
        scored = focus_asked(
            scored.then(None, js=scroll_to("#score"), **MOVES), self.place.scored[1], {"headline": "#headline"}
        )
        self.wire_bar(scored).then(
            show_placements,
            None,
            self.place.mockups,
            inputs_kwargs={**self.form, "visitor": self.visitor},
            api_name="placements",
            **{**QUICK, "show_progress": "hidden"},
        )
        return fillings

    def wire_bar(self, event: Dependency) -> Dependency:
        """Update the display of the ad's current step after an event."""

        def bar(request: gr.Request, visitor: str | None) -> str:
            return self.handlers.bar(find_owner(visitor, request))

        return event.then(bar, self.visitor, self.place.bar, **MOVES)

    def wire_why(self, why: Why, button: gr.Button, record: gr.JSON) -> None:
        """Wire the explanation of a score on request: a heat map and the effect of each word."""

        def explain(request: gr.Request, visitor: str | None = None, **form: str | None) -> Iterator[tuple[Any, ...]]:
            for shown, path, record in why.explain(find_owner(visitor, request), form):
                yield shown, str(path) if path else None, record

        page = self.place.why[1]
        self.after_look(press(button)).then(
            explain,
            None,
            [*self.place.why, record],
            inputs_kwargs={**self.form, "visitor": self.visitor},
            api_name="explain",
            show_progress="hidden",
            **WATCHING,
        ).then(lambda path: gr.update(visible=bool(path)), page, page, **MOVES)

    def wire_look(self) -> None:
        """Whenever the form holds another ad, show the data of that ad and clear the data of the ad before."""
        gr.on(
            [component.change for component in self.form.values()],  # type: ignore[attr-defined]
            **self._looking(),
        )

    def after_look(self, pressed: Dependency) -> Dependency:
        """Return an event that follows `pressed` after the page shows the form's ad: a pending `look` then has nothing to do,
        and cannot clear what the button will show."""
        return pressed.then(**self._looking())

    def _looking(self) -> dict[str, Any]:
        place = self.place
        shown = [place.page_ad, place.bar, *place.step_boxes, *place.scored, *place.why, place.mockups]
        asked = {**self.form, "visitor": self.visitor, "page_ad": place.page_ad, "record_shown": place.outputs[-1]}
        return {
            "fn": self.look,
            "inputs": None,
            "outputs": [*shown, *place.outputs, *place.moved],
            "inputs_kwargs": asked,
            "trigger_mode": "always_last",
            **MOVES,
        }

    def look(
        self, request: gr.Request, page_ad: str, record_shown: object = None, visitor: str | None = None, **form: str | None
    ) -> list:
        """Return the data of the form's ad, or leave the page unchanged when it shows that ad already."""
        place, owner = self.place, find_owner(visitor, request)
        num_shown = 1 + 1 + len(place.step_boxes) + len(place.scored) + len(place.why) + 1
        num_results = len(place.outputs) + len(place.moved)
        found = self.handlers.look(owner, form, page_ad)
        if found is None:
            return [gr.skip()] * (num_shown + num_results)
        (shown, record), screen = found.score or (fragments.placeholder(EMPTY_SCORE), None), found.screen
        why, page = found.why or ("", None)
        has_ad = found.ad != NO_AD
        shown_now = [
            found.ad,
            self.handlers.bar(owner),
            gr.update(visible=not has_ad),
            gr.update(visible=has_ad and found.is_readable),
            shown,
            record,
            why,
            gr.update(value=str(page) if page else None, visible=page is not None),
            found.mockups,
        ]
        if not record_shown and screen == Screen():  # no result to clear, and an open accordion stays open
            return [*shown_now, *[gr.skip()] * num_results]
        is_running = self.handlers.is_running(owner)
        moves = [gr.update(interactive=not is_running), gr.update(visible=is_running)]
        settled = self.settle(request, screen.record, visitor, is_other=True)
        return [*shown_now, *flat(screen), *moves, *settled[len(moves) :]]

    def wire_search(self, search_request: Fields, improve_pressed: Dependency, stop_button: gr.Button) -> None:
        """Wire "Improve": show Stop, search, then settle the page. Stop asks the search to end, which the search reports."""
        place = self.place

        def cancel(request: gr.Request, visitor: str | None = None) -> str:
            return self.handlers.cancel(find_owner(visitor, request))

        def show_end(request: gr.Request, visitor: str | None) -> object:
            """Replace the answer to Stop, which may arrive after the search has ended, by the search's last progress."""
            search = self.handlers.board.find(find_owner(visitor, request))
            return gr.skip() if search is None or search.screen is None else search.screen.progress

        ended = (
            improve_pressed.then(begin, None, place.moved, **MOVES)
            .then(
                _improve(self.handlers),
                None,
                place.outputs,
                inputs_kwargs={**self.form, **search_request, "visitor": self.visitor},
                api_name="improve",
                show_progress="minimal",
                show_progress_on=place.outputs[0],
                **WATCHING,
            )
            .then(self.settle, [place.outputs[-1], self.visitor], place.moved, **MOVES)
        )
        shown = self.wire_bar(ended).then(None, js=scroll_to("#results"), **MOVES)
        focus_asked(
            shown,
            place.outputs[-1],
            {"faces": "#faces", "consent_id": "#consent", "changes": "#changes", "headline": "#headline"},
        )
        stop_button.click(
            cancel,
            None,
            place.outputs[0],
            inputs_kwargs={"visitor": self.visitor},
            api_name="cancel",
            queue=False,
            show_progress="hidden",
        ).then(show_end, self.visitor, place.outputs[0], **MOVES)

    def wire_choice(self, results: dict[str, Any]) -> None:
        """Wire the choice of another version."""
        place = self.place

        def choose(request: gr.Request, choice: str | None = None, visitor: str | None = None) -> tuple[Any, ...]:
            try:
                return flat(self.handlers.choose(find_owner(visitor, request), choice))
            except AdCreativeError as error:
                return fragments.problem(error), *[gr.skip()] * (len(place.outputs) - 1)

        def pick(request: gr.Request, card: gr.EventData, visitor: str | None = None) -> tuple[Any, ...]:
            return choose(request, name_alternative(int(card.index) + 1), visitor)

        settle = (self.settle, [place.outputs[-1], self.visitor], place.moved)
        taken = results["take"].click(
            choose,
            None,
            place.outputs,
            inputs_kwargs={"choice": results["choice"], "visitor": self.visitor},
            api_name="choose",
            show_progress="minimal",
            **MODEL_QUEUE,
        )
        self.wire_bar(taken.then(*settle, **MOVES))
        picked = results["cards"].select(
            pick,
            None,
            place.outputs,
            inputs_kwargs={"visitor": self.visitor},
            api_visibility="private",
            show_progress="minimal",
            **MODEL_QUEUE,
        )
        self.wire_bar(picked.then(*settle, **MOVES)).then(None, js=scroll_to("#results"), **MOVES)

    def wire_return(self, page: gr.Blocks, hero: gr.HTML, fillings: Fillings) -> None:
        """Wire opening a page, which shows its visitor's last ad and search, and closing it, which keeps them for a while."""
        handlers, place = self.handlers, self.place
        visitors: dict[str, str] = {}  # session -> owner, the latest MAX_STATES

        def welcome(request: gr.Request, name: str | None, wanted: str | None) -> list[Any]:
            name = find_owner(name, request)
            if wanted and handlers.open_kept is not None and is_kept(name):
                with suppress(AdCreativeError):  # deleted: the page opens with its last ad
                    handlers.open_kept(name, wanted)
            visitors[request.session_hash or ""] = name
            if len(visitors) > MAX_STATES:
                del visitors[next(iter(visitors))]
            return [name, *(begin() if handlers.is_running(name) else [gr.skip()] * len(place.moved))]

        def resume(request: gr.Request, visitor: str | None = None) -> Iterator[tuple[Any, ...]]:
            for screen in handlers.resume(find_owner(visitor, request)):
                yield flat(screen) if screen != Screen() else (gr.skip(),) * len(place.outputs)

        is_back = gr.State(False)

        def has_ad(request: gr.Request, visitor: str | None) -> bool:
            return handlers.find_brought(find_owner(visitor, request)) is not None

        def bring_back(request: gr.Request, visitor: str | None) -> list[Any]:
            """Put the last ad back into the form; apart from `resume`, whose answer for a new page would collide with a picture
            uploaded at that moment."""
            owner = find_owner(visitor, request)
            brought = handlers.find_brought(owner)
            if brought is None or brought.creative is None:
                return [gr.skip()] * (len(self.form) + 1)
            values = {name: getattr(brought.creative, name) for name in FORM_FIELDS}
            path = values["image_path"]
            values["image_path"] = str(path) if path and Path(path).is_file() else None
            return [*values.values(), fillings.tell_again(owner, values)]

        def leave(request: gr.Request) -> None:
            handlers.leave(visitors.pop(request.session_hash or "", find_owner(None, request)))

        def settle_return(request: gr.Request, record: dict[str, Any] | None, visitor: str | None) -> list[Any]:
            return self.settle(request, record, visitor, is_return=True)

        wanted = gr.Textbox("", visible=False)
        page.load(welcome, [self.visitor, wanted], [self.visitor, *place.moved], js=WANTED_AD, **MOVES).then(
            has_ad,
            self.visitor,
            is_back,
            **{**MOVES, "queue": True},  # the change of a state is sent through the queue alone
        ).then(
            resume,
            None,
            place.outputs,
            inputs_kwargs={"visitor": self.visitor},
            api_name="resume",
            show_progress="hidden",
            **WATCHING,
        ).then(settle_return, [place.outputs[-1], self.visitor], place.moved, **MOVES)
        page.load(lambda: fragments.hero(self.demo.samples(), self.demo.answer()), None, hero, **MOVES)
        is_back.change(bring_back, self.visitor, [*self.form.values(), fillings.came], **MOVES)
        page.unload(leave)

    def settle(
        self,
        request: gr.Request,
        record: dict[str, Any] | None,
        visitor: str | None,
        *,
        is_other: bool = False,
        is_return: bool = False,
    ) -> list[Any]:
        """Return the updates of the page after a search has ended, from the record of its result.

        is_other: another ad is on the page now. is_return: the page was just opened, and may have no result.
        """
        owner = find_owner(visitor, request)
        record, screen = record or {}, self.handlers.find_screen(owner)
        if not is_other and (self.handlers.is_running(owner) or (is_return and screen is None)):
            return [gr.skip()] * NUM_MOVES  # a slowly opening page must not hide the outputs of a newer search
        if screen is None or record.get("shown") != screen.shown:
            record = {}  # no result, or a result of an ad that is no longer on the page
        has_result = record.get("status") in ("edited", "kept")
        is_edited = record.get("status") == "edited"
        is_kept = (
            has_result and not is_edited and screen is not None and screen.creative is not None and screen.creative.has_image
        )
        texts = [record.get(f"{name}_edited") or "" for name in ("headline", "description")]
        return [
            gr.update(interactive=True),
            gr.update(visible=False),
            gr.update(visible=has_result),
            gr.update(visible=is_edited and screen is not None and screen.pair is not None),
            screen.cards if screen else "",
            gr.update(visible=is_kept),
            "",
            gr.update(value=None, visible=False),
            gr.update(visible=has_result),
            gr.update(visible=is_edited),
            *texts,
            *nothing_yet(Approvals(handlers=self.handlers).say(owner) if is_edited else ""),
            record.get("shown") or "",
        ]


def _improve(handlers: Handlers) -> Callable[..., Iterator[tuple[Any, ...]]]:
    def improve(
        request: gr.Request,
        image_path: str | None = None,
        faces: str | None = None,
        visitor: str | None = None,
        brand_kit_path: str | None = None,
        **values: object,
    ) -> Iterator[tuple[Any, ...]]:
        asked: Mapping[str, Any] = values
        form = {"image_path": image_path, **{name: asked[name] for name in FORM_FIELDS[1:]}}
        search_request = SearchRequest(
            effort=asked["effort"] or "normal",
            faces=faces or "",
            directions=tuple(asked["directions"] or ()),
            copywriter=asked["copywriter"],
            seed=int(asked["seed"] or 0),
            consent_id=asked["consent_id"] or "",
            face_numbers=tuple(int(name.removeprefix(FACE_NAME)) for name in asked["face_names"] or ()),
            boldness=float(asked["boldness"] or 1),
            brief=asked["brief"] or "",
            avoid=asked["avoid"] or "",
            brand_kit=Path(brand_kit_path) if brand_kit_path else None,
            changes=tuple(CHANGES if asked["changes"] is None else asked["changes"]),
            usual_rate=(asked["usual_rate_percent"] or 0) / 100 or None,
        )
        yield from map(flat, handlers.improve(find_owner(visitor, request), form, search_request))

    return improve


def flat(screen: Screen) -> tuple[Any, ...]:
    return screen.progress, screen.pair, screen.result, screen.download, screen.record


def begin() -> list[dict[str, Any]]:
    """Return the updates when a search begins: two buttons, then the hidden outputs of `settle`; the later texts stay."""
    hidden = gr.update(visible=False)
    return [
        gr.update(interactive=False),
        gr.update(visible=True),
        hidden,
        hidden,
        gr.skip(),
        hidden,
        gr.skip(),
        gr.skip(),
        hidden,
        hidden,
        *[gr.skip()] * NUM_LATER_TEXTS,
    ]


def build_why() -> tuple[list[gr.blocks.Block], gr.JSON]:
    """Build the explanation of a score: the fragment and the page to download, and its record."""
    shown, record = fragment(elem_id="why"), gr.JSON(visible=False)
    page = gr.File(
        label="The whole explanation, as a page",
        interactive=False,
        elem_classes="ac-take",
        visible=False,
        height=90,
        elem_id="why-page",
    )
    return [shown, page], record
