"""The part of the account page that trains on the account's results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..handlers.training import Trainings, TrainingScreen
from .parts import MOVES, WATCHING, Fields, file_to_take, find_owner, fragment, read_choices, take_only_uploads

HINT = (
    "Let the scores learn from these results: 60 ads with clicks are enough to begin with. It takes a minute or two; nothing "
    "leaves this computer."
)


def build_training(
    page: gr.Blocks, trainings: Trainings, visitor: gr.BrowserState, results: gr.File, chosen: Fields, names: tuple[str, ...]
) -> tuple[gr.File, gr.HTML]:
    """Build it under the upload of the account page; `chosen` are the dropdowns of its columns, `names` ours for them.

    Returns:
        where the pictures of the ads are uploaded; and where stands what works in the account, to be put where there is room.
    """
    works = fragment(elem_id="works", render=False)
    with gr.Accordion("Train on these results", open=True, elem_id="training"):
        gr.Markdown(HINT)
        pictures = gr.File(label="Their pictures, or a zip (optional)", file_count="multiple", height=170,
                           elem_id="training-pictures")  # fmt: skip
        take_only_uploads(pictures)
        ready = fragment(elem_id="training-ready")
        train = gr.Button("Train on my results", variant="primary", elem_id="training-button")
        stop = gr.Button("Stop", variant="stop", size="sm", visible=False, elem_id="training-stop")
        shown = fragment(elem_id="trained")
        card = file_to_take("The card of your model", elem_id="training-card")
        forget = gr.Button("Score without my results again", size="sm", visible=False, elem_id="training-forget")
        record = gr.JSON(visible=False)
    outputs, settled = [shown, card, record, works], [stop, card, forget]

    def flat(screens: Iterator[TrainingScreen]) -> Iterator[Any]:
        for screen in screens:
            yield screen.shown, str(screen.card) if screen.card else None, screen.record, screen.works

    def train_account(
        request: gr.Request, results_path: str | None = None, picture_paths: list[str] | None = None,
        visitor: str | None = None, **columns: str | None,
    ) -> Iterator[Any]:  # fmt: skip
        ours = read_choices(columns, names)
        yield from flat(trainings.train(find_owner(visitor, request), results_path, picture_paths, ours))

    def resume_training(request: gr.Request, visitor: str | None = None) -> Iterator[Any]:
        for screen in trainings.resume(find_owner(visitor, request)):
            yield from flat(iter([screen])) if screen.shown else iter([[gr.skip()] * len(outputs)])

    def forget_training(request: gr.Request, visitor: str | None = None) -> list[Any]:
        return [trainings.forget(find_owner(visitor, request)), None, {}, ""]

    results.change(_look(trainings), [results, visitor], ready, **{**MOVES, "queue": True})
    settle = _settle(trainings)
    inputs: Fields = {"results_path": results, "picture_paths": pictures, "visitor": visitor, **chosen}
    train.click(lambda: [gr.update(visible=True), ""], None, [stop, ready], **MOVES).then(
        train_account, None, outputs, inputs_kwargs=inputs, api_name="train_account", show_progress="hidden", **WATCHING
    ).then(settle, [card, visitor], settled, **MOVES)
    page.load(
        resume_training, None, outputs, inputs_kwargs={"visitor": visitor}, api_name="resume_training", show_progress="hidden",
        **WATCHING,
    ).then(settle, [card, visitor], settled, **MOVES)  # fmt: skip
    stop.click(
        _cancel(trainings), None, shown, inputs_kwargs={"visitor": visitor}, api_name="cancel_training", queue=False,
        show_progress="hidden",
    )  # fmt: skip
    forget.click(
        forget_training, None, outputs, inputs_kwargs={"visitor": visitor}, api_name="forget_training", queue=False
    ).then(settle, [card, visitor], settled, **MOVES)
    return pictures, works


def _look(trainings: Trainings) -> Any:
    def look(request: gr.Request, results_path: str | None, visitor: str | None) -> str:
        return trainings.look(find_owner(visitor, request), results_path)

    return look


def _settle(trainings: Trainings) -> Any:
    def settle(request: gr.Request, path: str | None, visitor: str | None) -> list[Any]:
        owner = find_owner(visitor, request)
        return [
            gr.update(visible=trainings.is_running(owner)), gr.update(visible=bool(path)),
            gr.update(visible=trainings.has_own(owner)),
        ]  # fmt: skip

    return settle


def _cancel(trainings: Trainings) -> Any:
    def cancel_training(request: gr.Request, visitor: str | None = None) -> str:
        return trainings.cancel(find_owner(visitor, request))

    return cancel_training
