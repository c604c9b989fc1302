"""The part of the account page for questions about the results: columns, rotation, retirement dates, keywords."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..handlers.insights import Insights, InsightScreen
from .parts import (
    MOVES,
    WATCHING,
    Fields,
    file_to_take,
    find_owner,
    fragment,
    read_choices,
    scroll_to,
    take_only_uploads,
    wire_work,
)

LABELS = [
    ("Which of your columns say anything", "columns"),
    ("Tomorrow's rotation", "rotation"),
    ("Retire by", "retire"),
    ("Keywords", "keywords"),
]


def build_question() -> tuple[Fields, gr.Button, gr.Button]:
    """Build the choice of a question, its button and the stop button, below the upload of the account page."""
    with gr.Accordion("Ask more of these results", open=False, elem_id="insights"):
        question = gr.Radio(LABELS, value="columns", label="Question", elem_id="question")
        labels = gr.File(
            label="Keywords, a table with a column “keyword” (CSV)", height=120, visible=False, elem_id="insight-labels"
        )
        take_only_uploads(labels)
        answer = gr.Button("Answer", variant="primary", elem_id="insight-button")
        stop = gr.Button("Stop", variant="stop", size="sm", visible=False, elem_id="insight-stop")
    question.change(lambda asked: gr.update(visible=asked == "keywords"), question, labels, **MOVES)
    return {"question": question, "labels_path": labels}, answer, stop


def build_answer() -> list[gr.blocks.Block]:
    """Build the outputs of an answer: fragment, table to download, record."""
    shown = fragment(elem_id="insight")
    table = file_to_take("The table, for a spreadsheet", height=90, elem_id="insight-table")
    return [shown, table, gr.JSON(visible=False)]


def wire_insights(
    page: gr.Blocks,
    insights: Insights,
    asked: Fields,
    buttons: tuple[gr.Button, gr.Button],
    outputs: list[gr.blocks.Block],
    chosen: Fields,
    names: tuple[str, ...],
) -> None:
    """Wire answering and stopping; `chosen` are the dropdowns of the export's columns, `names` our names of the columns."""
    answer, stop = buttons

    def flat(screen: InsightScreen) -> list[Any]:
        return [screen.shown, str(screen.table) if screen.table else None, screen.record]

    def ask_account(
        request: gr.Request,
        question: str = "columns",
        results_path: str | None = None,
        labels_path: str | None = None,
        visitor: str | None = None,
        **columns: str | None,
    ) -> Iterator[Any]:
        ours = read_choices(columns, names)
        yield from map(flat, insights.ask(find_owner(visitor, request), question, results_path, labels_path, ours))

    def settle(request: gr.Request, path: str | None, visitor: str | None) -> list[Any]:
        return [gr.update(visible=insights.is_running(find_owner(visitor, request))), gr.update(visible=bool(path))]

    answer.click(lambda: gr.update(visible=True), None, stop, **MOVES).then(
        ask_account,
        None,
        outputs,
        inputs_kwargs={**asked, **chosen},
        api_name="ask_account",
        show_progress="hidden",
        **WATCHING,
    ).then(settle, [outputs[1], asked["visitor"]], [stop, outputs[1]], **MOVES).then(None, js=scroll_to("#insight"), **MOVES)
    api = {"resume": "resume_question", "cancel": "cancel_question"}
    found = wire_work(page, insights, asked["visitor"], stop, outputs, flat=flat, **api)  # type: ignore[arg-type]
    found.then(settle, [outputs[1], asked["visitor"]], [stop, outputs[1]], **MOVES)
