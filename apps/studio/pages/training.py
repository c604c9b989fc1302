"""The part of the account page that trains on the account's results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError

from ..handlers.models import MAX_NAME
from ..handlers.training import Trainings, TrainingScreen
from ..html import fragments
from .parts import MOVES, WATCHING, Fields, file_to_take, find_owner, fragment, read_choices, take_only_uploads, wire_work

HINT = (
    "Let the scores learn from these results: 60 ads with clicks are enough to begin with. It takes some minutes; nothing "
    "leaves this computer."
)
MODELS_HINT = "Every model that you trained here, or on the command line: a model is the folder that “train” writes, in a zip."
SHIPPED = ("The model that comes with the app", "")


def build_training(
    page: gr.Blocks, trainings: Trainings, visitor: gr.BrowserState, results: gr.File, chosen: Fields, ours: tuple[str, ...]
) -> tuple[gr.File, gr.HTML]:
    """Build the part below the upload of the account page; `chosen` are the dropdowns of columns, `ours` our names of them.

    Returns:
        the upload of the ads' pictures; and the fragment about what works in the account, to be placed by the caller.
    """
    works = fragment(elem_id="works", render=False)
    with gr.Accordion("Train on these results", open=True, elem_id="training"):
        gr.Markdown(HINT)
        pictures = gr.File(
            label="Their pictures, or a zip (optional)", file_count="multiple", height=170, elem_id="training-pictures"
        )
        take_only_uploads(pictures)
        ready = fragment(elem_id="training-ready")
        train = gr.Button("Train on my results", elem_id="training-button")
        stop = gr.Button("Stop", variant="stop", size="sm", visible=False, elem_id="training-stop")
        shown = fragment(elem_id="trained")
        card = file_to_take("The card of your model", elem_id="training-card")
        forget = gr.Button("Score without my results again", size="sm", visible=False, elem_id="training-forget")
        record = gr.JSON(visible=False)
    outputs, settled = [shown, card, record, works], [stop, card, forget]
    settle = _settle(trainings)
    _build_models(page, trainings, visitor, outputs, (settle, [card, visitor], settled))

    def flat(screen: TrainingScreen) -> list[Any]:
        return [screen.shown, str(screen.card) if screen.card else None, screen.record, screen.works]

    def train_account(
        request: gr.Request,
        results_path: str | None = None,
        picture_paths: list[str] | None = None,
        visitor: str | None = None,
        **columns: str | None,
    ) -> Iterator[Any]:
        said = read_choices(columns, ours)
        yield from map(flat, trainings.train(find_owner(visitor, request), results_path, picture_paths, said))

    def forget_training(request: gr.Request, visitor: str | None = None) -> list[Any]:
        return [trainings.forget(find_owner(visitor, request)), None, {}, ""]

    results.change(_look(trainings), [results, visitor], ready, **{**MOVES, "queue": True})
    inputs: Fields = {"results_path": results, "picture_paths": pictures, "visitor": visitor, **chosen}
    train.click(lambda: [gr.update(visible=True), ""], None, [stop, ready], **MOVES).then(
        train_account, None, outputs, inputs_kwargs=inputs, api_name="train_account", show_progress="hidden", **WATCHING
    ).then(settle, [card, visitor], settled, **MOVES)
    names = {"resume": "resume_training", "cancel": "cancel_training"}
    wire_work(page, trainings, visitor, stop, outputs, flat=flat, **names).then(settle, [card, visitor], settled, **MOVES)
    forget.click(
        forget_training, None, outputs, inputs_kwargs={"visitor": visitor}, api_name="forget_training", queue=False
    ).then(settle, [card, visitor], settled, **MOVES)
    return pictures, works


def _build_models(
    page: gr.Blocks, trainings: Trainings, visitor: gr.BrowserState, outputs: list[Any], settle: tuple[Any, ...]
) -> None:
    """Build the choice among the owner's models: name, choose, download, upload, delete."""
    with gr.Accordion("My models", open=False, elem_id="models"):
        fragment(fragments.note(MODELS_HINT))
        chosen = gr.Dropdown([SHIPPED], value="", label="Score my ads with", elem_id="model-chosen")
        called = gr.Textbox("", label="What it is called", max_length=MAX_NAME, elem_id="model-name")
        with gr.Row():
            take = gr.Button("Take it away (zip)", size="sm", elem_id="model-take")
            delete = gr.Button("Delete this model", size="sm", elem_id="model-delete")
        taken = file_to_take("The model, as a folder in a zip", height=90, elem_id="model-taken")
        brought = gr.File(label="Bring a model (zip of its folder)", file_types=[".zip"], height=120, elem_id="model-brought")
        take_only_uploads(brought)
        said = fragment(elem_id="model-said")
    models, rest = trainings.models, [chosen, called, said]

    def look(owner: str, problem: str = "") -> list[Any]:
        named, name = models.names(owner), models.chosen(owner)
        return [gr.update(choices=[SHIPPED, *named], value=name), {one: called for called, one in named}.get(name, ""), problem]

    def doing(act: Callable[..., object]) -> Callable[..., list[Any]]:
        def do(request: gr.Request, visitor: str | None, *values: object) -> list[Any]:
            owner, problem = find_owner(visitor, request), ""
            try:
                act(owner, *values)
            except AdCreativeError as error:
                problem = fragments.problem(error)
            screen = trainings.show(owner)
            return [screen.shown, str(screen.card) if screen.card else None, screen.record, screen.works, *look(owner, problem)]

        return do

    def pack(request: gr.Request, visitor: str | None, name: str | None) -> list[Any]:
        try:
            return [gr.update(value=str(models.pack(find_owner(visitor, request), name)), visible=True), ""]
        except AdCreativeError as error:
            return [gr.skip(), fragments.problem(error)]

    def show(request: gr.Request, visitor: str | None) -> list[Any]:
        return look(find_owner(visitor, request))

    for asked, act, inputs in (
        (chosen.input, models.choose, [chosen]),
        (called.submit, models.rename, [chosen, called]),
        (delete.click, models.delete, [chosen]),
        (brought.upload, models.bring, [brought]),
    ):
        asked(doing(act), [visitor, *inputs], [*outputs, *rest], **MOVES).then(*settle, **MOVES)
    take.click(pack, [visitor, chosen], [taken, said], **MOVES)
    outputs[2].change(show, visitor, rest, **MOVES)  # a training has ended
    page.load(show, visitor, rest, **MOVES)


def _look(trainings: Trainings) -> Callable[..., str]:
    def look(request: gr.Request, results_path: str | None, visitor: str | None) -> str:
        return trainings.look(find_owner(visitor, request), results_path)

    return look


def _settle(trainings: Trainings) -> Callable[..., list[Any]]:
    def settle(request: gr.Request, path: str | None, visitor: str | None) -> list[Any]:
        owner = find_owner(visitor, request)
        return [
            gr.update(visible=trainings.is_running(owner)),
            gr.update(visible=bool(path)),
            gr.update(visible=trainings.has_own(owner)),
        ]

    return settle
