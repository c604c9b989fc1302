"""The commands as tools for agents (Model Context Protocol): score and rank, check, explain, improve, compose, plan, read
results, find concepts, train.

No tool approves or packs anything: only a person can, in the page. The tools use the handlers of the buttons, and wait in
the same model queue.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
from collections.abc import Callable
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import mcp

from adcreative.catalog.tables import write_rows
from adcreative.errors import AdCreativeError
from adcreative.pipeline import check_picture, check_words, concepts

from ..calls import read_endpoints
from ..handlers.account import Accounts
from ..handlers.make import SHAPES, MakeForm, Makes
from ..handlers.many_ads import Folders
from ..handlers.one_ad import Handlers
from ..handlers.steps import Steps
from ..handlers.training import Trainings
from ..handlers.why import Why
from ..sessions.privacy import private_dir
from ..sessions.search_requests import CHANGES, FACES_LEFT, FORM_FIELDS, SearchRequest, build_creative
from .parts import MODEL_QUEUE, QUICK, WATCHING, Fields, take_only_uploads

FOR_A_PERSON = "Nothing was approved. A person looks at the result in the page of this app, and approves and packs it there."


# fields of an answer that agents may rely on; further fields may follow
NUMBER = {"type": ["number", "null"]}
ANSWERS: dict[str, dict[str, Any]] = {
    "score_ad": {
        "change": NUMBER,
        "change_low": NUMBER,
        "change_high": NUMBER,
        "rate": NUMBER,
        "enough_data": {"type": "boolean"},
    },
    "check_ad": {"words": {"type": "object"}, "picture": {"type": "object"}},
    "explain_ad": {"strongest_words": {"type": "array"}, "parts": {"type": "array"}},
    "improve_ad": {"status": {"type": "string"}, "approval": {"type": "string"}},
    "plan_ad_test": {"tests": {"type": "array"}},
    "read_results": {"ads": {"type": "array"}},
    "rank_ads": {"ads": {"type": "array"}, "failed": {"type": "array"}},
    "compose_ads": {"ads": {"type": "array"}, "approval": {"type": "string"}},
    "find_concepts": {"concepts": {"type": "array"}, "next": {"type": "array"}, "lines": {"type": "array"}},
    "train_account": {"ads": {"type": "integer"}, "level": NUMBER, "coverage": NUMBER, "spearman": NUMBER},
}
BUTTONS = {
    "Press “Improve it” first (step 3).": "Call improve_ad in this session first.",
    "Upload the table": "results_path is missing: upload the table",
}


class AnsweringInJson(mcp.GradioMCPServer):
    """Answers are JSON, in the text and as structured content with a schema; an error is JSON too, and names no button."""

    def create_mcp_server(self) -> Any:
        server: Any = super().create_mcp_server()
        types: Any = self.types
        listing, calling = (server.request_handlers[one] for one in (types.ListToolsRequest, types.CallToolRequest))

        async def list_tools(request: Any) -> Any:
            result = await listing(request)
            for tool in result.root.tools:
                tool.outputSchema = {
                    "type": "object",
                    "properties": {**ANSWERS.get(tool.name, {}), "error": {"type": "string"}},
                }
            return result

        async def call_tool(request: Any) -> Any:
            result = await calling(request)
            answer = result.root
            if not answer.isError and answer.content and getattr(answer.content[0], "text", "").startswith("{"):
                answer.structuredContent = json.loads(answer.content[0].text)
                answer.isError = "error" in answer.structuredContent
            return result

        server.request_handlers |= {types.ListToolsRequest: list_tools, types.CallToolRequest: call_tool}
        return server

    def postprocess_output_data(self, data: Any, root_url: str) -> Any:
        parts: list[Any] = []
        for one in chain.from_iterable(one if isinstance(one, tuple) else [one] for one in data):  # outputs arrive as one tuple
            if _is_answer(one):
                parts.append(self.types.TextContent(type="text", text=_write(one)))
            elif one is not None:
                parts += super().postprocess_output_data([one], root_url)
        return parts


def _write(answer: dict[str, Any]) -> str:
    """Return an answer as JSON, with names of buttons replaced by names of tools."""
    said = json.dumps(answer, ensure_ascii=False, default=str)
    for button, call in BUTTONS.items():
        said = said.replace(button, call)
    return said


def _is_answer(output: object) -> bool:
    return isinstance(output, dict) and not {"path", "meta"} <= output.keys()


def build_tools(page: gr.Blocks, handlers: Handlers, steps: Steps) -> None:
    """Register the tools, and hide every other endpoint of the page from agents."""
    mcp.DEFAULT_TEMP_DIR = str(private_dir())  # agents' pictures are stored and deleted like uploads
    mcp.GradioMCPServer = AnsweringInJson  # type: ignore[misc]
    for event in page.fns.values():
        event.api_visibility = "private" if event.api_visibility == "private" else "undocumented"
    image = gr.Image(type="filepath", visible=False)
    photo, logo = gr.Image(type="filepath", visible=False), gr.File(visible=False)
    results, folder = gr.File(visible=False), gr.File(visible=False)
    for upload in (image, results, folder, photo, logo):
        take_only_uploads(upload)
    words: Fields = {
        name: gr.Textbox("", visible=False)
        for name in ("headline", "primary_text", "description", "cta", "brand", "category", "placement")
    }
    session, campaign, metric = (gr.Textbox(value, visible=False) for value in ("", "", "ctr"))
    usual, daily = gr.Number(0, visible=False), gr.Number(10_000, visible=False)
    effort = gr.Radio(["quick", "normal", "thorough"], value="quick", visible=False)
    ad: Fields = {"image_path": image, **words}
    said, made = gr.JSON(visible=False), gr.File(visible=False)
    _offer(_score(handlers), {**ad, "usual_rate_percent": usual, "session": session}, [said], MODEL_QUEUE)
    _offer(_check, ad, [said], QUICK)
    _offer(_explain(Why(handlers=handlers)), {**ad, "session": session}, [said], WATCHING)
    wanted: Fields = {**ad, "effort": effort, "usual_rate_percent": usual, "session": session}
    _offer(_improve(handlers), wanted, [said, made], WATCHING)
    plan: Fields = {"campaign": campaign, "daily_impressions": daily, "usual_rate_percent": usual, "session": session}
    _offer(_plan(steps), plan, [said], QUICK)
    _offer(_read(Accounts(handlers=handlers)), {"results_path": results, "metric": metric, "session": session}, [said], QUICK)
    ranked: Fields = {"ads": gr.Textbox("", visible=False), "folder_path": folder, "session": session}
    _offer(_rank(Folders(handlers=handlers)), ranked, [said], WATCHING)
    facts, colours = gr.Textbox("", visible=False), gr.Textbox("", visible=False)
    brief: Fields = {"photo_path": photo, "logo_path": logo, "brand": words["brand"], "facts": facts, "colours": colours}
    _offer(_compose(Makes(handlers=handlers)), {**brief, "session": session}, [said, made], WATCHING)
    learnt: Fields = {"results_path": results, "session": session}
    _offer(_find_concepts(handlers), learnt, [said], WATCHING)
    _offer(_train(Trainings(handlers=handlers)), learnt, [said], WATCHING)


def _offer(tool: Callable[..., Any], inputs: Fields, outputs: list[gr.blocks.Block], how: dict[str, Any]) -> None:
    """Register a function as a tool; a missing input gets the value of its component."""
    hidden = gr.Button(visible=False)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD

    @wraps(tool)
    def call(*values: object) -> object:
        return tool(**dict(zip(inputs, values, strict=True)))

    told, known = inspect.getdoc(tool) or "", read_endpoints()["inputs"]
    told += "" if "Args:" in told else "\n\nArgs:"
    call.__doc__ = "\n".join([told, *(f"    {name}: {known[name]}" for name in inputs if f" {name}: " not in told)])
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind, default=getattr(one, "value", None)) for name, one in inputs.items()]
    )
    options = {name: value for name, value in how.items() if name != "show_progress"}
    hidden.click(call, list(inputs.values()), outputs, api_name=tool.__name__, **options)


def _owner(session: str | None) -> str:
    """Return the owner of an agent's session, distinct from the owners of pages."""
    return hashlib.sha256(f"agent:{session or ''}".encode()).hexdigest()[:32]


def _score(handlers: Handlers) -> Callable[..., Any]:
    def score_ad(usual_rate_percent: float | None = None, session: str = "", **form: str | None) -> dict[str, Any]:
        """
        Predict how an ad does against a usual one, with a 90 % interval, the reasons, and warnings about the number.

        Args:
            image_path: the picture of the ad, uploaded or as a data URI; may be left out.
            usual_rate_percent: how often the account's ads are clicked, in percent; 0: unknown, and no rate is stated.
            session: any name; ads of one session are kept apart from those of others.
        """
        record = handlers.score(_owner(session), usual_rate_percent=usual_rate_percent, **form)[1]
        return record if record.get("rate") is not None else keep_told({**record, "ctr": None})

    return score_ad


def keep_told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without rates where its rate is not told, so that no agent quotes one."""
    is_told = row.get("ctr") is not None
    return {name: value for name, value in row.items() if is_told or not name.startswith(("ctr", "rate"))}


def _check(**form: str | None) -> dict[str, Any]:
    """
    Hold an ad against the rules of platforms, without any model: words by length and wording, the picture by shape and size.

    Args:
        image_path: the picture of the ad, uploaded or as a data URI; may be left out.
    """
    try:
        creative = build_creative(form)
        fit = check_picture(creative)
    except AdCreativeError as error:
        return {"error": str(error)}
    words = {kind: list(problems) for kind, problems in check_words(creative).items()}
    fits = {} if fit is None else {"fits": list(fit.fits), "problems": list(fit.problems), "notes": list(fit.notes)}
    return {"words": words, "picture": fits}


def _explain(why: Why) -> Callable[..., Any]:
    def explain_ad(session: str = "", **form: str | None) -> dict[str, Any]:
        """
        Say what an ad's score rests on: each word left out, regions of the picture covered, parts of the ad.

        Args:
            image_path: the picture of the ad, uploaded or as a data URI; may be left out.
            session: any name; ads of one session are kept apart from those of others.
        """
        *_, (_, _, record) = why.explain(_owner(session), form)
        return record

    return explain_ad


def _improve(handlers: Handlers) -> Callable[..., Any]:
    def improve_ad(
        effort: str = "quick", usual_rate_percent: float | None = None, session: str = "", **form: str | None
    ) -> tuple[dict[str, Any], str | None]:
        """
        Search better words for an ad, and set them into its picture; faces stay as they are, since consent is a person's to
        state. Returns the result with its alternatives, and the edited picture as a draft. Approving it is left to a person.

        Args:
            image_path: the picture of the ad, uploaded or as a data URI; may be left out.
            effort: "quick" (seconds), "normal" or "thorough" (minutes).
            usual_rate_percent: how often the account's ads are clicked, in percent; 0: unknown, and no gain is stated.
            session: any name; plan_ad_test plans the test of the latest result of the same session.
        """
        usual = usual_rate_percent / 100 if usual_rate_percent else None
        search_request = SearchRequest(effort=effort, faces=FACES_LEFT, changes=CHANGES, usual_rate=usual)
        *_, last = handlers.improve(_owner(session), form, search_request)
        return {**last.record, "approval": FOR_A_PERSON}, str(last.download) if last.download else None

    return improve_ad


def _plan(steps: Steps) -> Callable[..., Any]:
    def plan_ad_test(
        campaign: str = "", daily_impressions: float | None = 10_000, usual_rate_percent: float | None = None, session: str = ""
    ) -> dict[str, Any]:
        """
        Plan the test of the session's improved ad against the original: impressions, days, and the names of the two ads.

        Args:
            campaign: its name; results are joined by it.
        """
        return steps.plan(_owner(session), campaign, daily_impressions, usual_rate_percent)[1]

    return plan_ad_test


def _read(accounts: Accounts) -> Callable[..., Any]:
    def read_results(results_path: str | None = None, metric: str = "ctr", session: str = "") -> dict[str, Any]:
        """
        Read an ad platform's export (CSV or Excel): its ads ranked, those with too little data last, and which ones tire.

        Args:
            results_path: the export, uploaded.
            metric: "ctr", "cpc", "cost_per_conversion" or "roas".
        """
        *_, last = accounts.ask(_owner(session), results_path, None, metric=metric)
        return last.record

    return read_results


def _rank(folders: Folders) -> Callable[..., Any]:
    def rank_ads(ads: str = "", folder_path: str | None = None, session: str = "") -> dict[str, Any]:
        """
        Rank many ads against each other, the strongest first, each with the reasons; what cannot be scored is listed apart.

        Args:
            folder_path: a zip of pictures with a table of their words, or such a table alone (CSV, Excel), uploaded; in place
                of `ads`.
        """
        owner, uploads = _owner(session), [folder_path] if folder_path else []
        if ads and not uploads:
            try:
                told = json.loads(ads)
            except ValueError:
                told = None
            if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
                return {"error": "ads must be a JSON list of objects, each with a headline."}
            table = folders.handlers.owner_dir(owner) / "agent" / "ads.csv"
            table.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            rows = ({name: str(one.get(name) or "") for name in FORM_FIELDS[1:]} for one in told)
            write_rows(table, rows, FORM_FIELDS[1:])
            uploads = [str(table)]
        *_, last = folders.score(owner, uploads)
        return last.record | {name: [*map(keep_told, rows)] for name, rows in last.record.items() if name == "ads"}

    return rank_ads


def _compose(makes: Makes) -> Callable[..., Any]:
    def compose_ads(
        photo_path: str | None = None,
        logo_path: str | None = None,
        brand: str = "",
        facts: str = "",
        colours: str = "",
        session: str = "",
    ) -> tuple[dict[str, Any], str | None]:
        """
        Compose twelve new ads from a photo, a logo and typed facts, each in all shapes; nothing is said that the facts do not
        say. Returns what each ad shows and says, and a zip of all of them as drafts. Approving them is left to a person.

        Args:
            photo_path: a photo of what is sold, without words on it; may be left out.
            logo_path: the logo as a picture; may be left out.
            facts: what may be said, one line each; the first one leads.
            colours: such as #0b7261, separated by commas; empty: of the photo.
        """
        owner = _owner(session)
        form = MakeForm(
            photos=[photo_path] if photo_path else (),
            logo=logo_path,
            brand=brand,
            facts=facts,
            colours=colours,
            shapes=tuple(SHAPES),
        )
        *_, last = makes.make(owner, form)
        made = str(makes.pack(owner)) if last.record.get("status") == "made" else None
        return {**last.record, "approval": FOR_A_PERSON}, made

    return compose_ads


def _find_concepts(handlers: Handlers) -> Callable[..., Any]:
    def find_concepts(results_path: str | None = None, session: str = "") -> dict[str, Any]:
        """
        Group an account's ads by what they show and say, with what each group was worth, and say what to make next.
        """
        owner = _owner(session)
        out = handlers.owner_dir(owner) / "concepts"
        try:
            if not results_path:
                raise AdCreativeError("results_path is missing: upload the table of results.")
            handlers.belongings.note(owner, results_path)
            shutil.rmtree(out, ignore_errors=True)
            handlers.aside(concepts, Path(results_path), out, features=handlers.choices.features_of(owner))
        except AdCreativeError as error:
            return {"error": str(error)}
        found: dict[str, Any] = json.loads((out / "concepts.json").read_text(encoding="utf-8"))
        return found

    return find_concepts


def _train(trainings: Trainings) -> Callable[..., Any]:
    def train_account(results_path: str | None = None, session: str = "") -> dict[str, Any]:
        """
        Learn from an account's results; from then on ads of this session are scored as that account's. Takes minutes.
        """
        *_, last = trainings.train(_owner(session), results_path)
        return last.record

    return train_account


_check.__name__ = "check_ad"
