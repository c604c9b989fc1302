"""The tools for agents, over the Model Context Protocol: what is offered, what is answered, and what is left to a person."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from apps.studio.pages.tools import keep_told
from tests.apps.fakes import FakeStudio
from tests.apps.test_launch import Served

gradio = pytest.importorskip("gradio")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served(FakeStudio(), mcp=True)
    yield served
    gradio.close_all()


def talk(served: Served, *calls: tuple[str, dict[str, Any]]) -> tuple[dict[str, Any], list[Any]]:
    """Return the tools by name, and the answer of each call."""

    async def meet() -> tuple[dict[str, Any], list[Any]]:
        address = f"{served.url}/gradio_api/mcp/"
        async with streamablehttp_client(address) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            return tools, [await session.call_tool(name, given) for name, given in calls]

    return asyncio.run(meet())


def text(answer: Any) -> str:
    return " ".join(getattr(part, "text", "") for part in answer.content)


def test_ten_tools_are_offered_and_none_of_them_approves(served: Served) -> None:
    tools, (approved,) = talk(served, ("approve", {"name": "An agent"}))
    assert set(tools) == {
        "score_ad",
        "check_ad",
        "explain_ad",
        "improve_ad",
        "plan_ad_test",
        "read_results",
        "rank_ads",
        "compose_ads",
        "find_concepts",
        "train_account",
    }
    assert all(len(tool.description) > 60 for tool in tools.values())
    assert not any(tool.inputSchema.get("required") for tool in tools.values())
    assert {"headline", "image_path", "usual_rate_percent", "session"} <= set(tools["score_ad"].inputSchema["properties"])
    assert approved.isError


def test_an_agent_scores_checks_explains_improves_and_plans(served: Served, image_path: Path) -> None:
    sent = f"data:image/jpeg;base64,{base64.b64encode(image_path.read_bytes()).decode()}"
    _, answers = talk(
        served,
        ("score_ad", {"headline": "Coats", "image_path": sent, "usual_rate_percent": 2}),
        ("check_ad", {"headline": "COATS!!!"}),
        ("explain_ad", {"headline": "Coats"}),
        ("improve_ad", {"headline": "Coats", "session": "one"}),
        ("plan_ad_test", {"campaign": "autumn", "session": "one"}),
        ("plan_ad_test", {"campaign": "autumn", "session": "two"}),
    )
    score, check, explained, improved, plan, stranger = map(text, answers)
    assert json.loads(score) == answers[0].structuredContent
    assert answers[0].structuredContent["rate"] == pytest.approx(0.022)
    assert "stray punctuation" in check
    assert "strongest_words" in explained
    assert "Coats today" in improved
    assert "Nothing was approved" in improved
    assert "impressions_per_arm" in plan
    assert "Call improve_ad in this session first" in stranger
    assert [answer.isError for answer in answers] == [False, False, False, False, False, True]
    assert [answer.structuredContent is None for answer in answers] == [False] * 6


def test_an_agent_ranks_composes_and_is_told_what_is_missing(served: Served) -> None:
    ads = [{"headline": "Coats"}, {"headline": "Boots", "cta": "Shop now"}]
    facts = "Coats for rain\nTaped seams, two-way zip"
    _, (ranked, composed, *refused) = talk(
        served,
        ("rank_ads", {"ads": json.dumps(ads)}),
        ("compose_ads", {"facts": facts, "brand": "Lund"}),
        ("rank_ads", {"ads": "Coats"}),
        ("find_concepts", {}),
        ("train_account", {}),
    )
    assert len((ranked.structuredContent or {}).get("ads", ())) == 2, text(ranked)
    assert len(composed.structuredContent["ads"]) == 3
    assert "Nothing was approved" in text(composed)
    assert [one.isError for one in refused] == [True] * 3
    assert "must be a JSON list of objects" in text(refused[0])
    assert all("results_path is missing" in text(one) for one in refused[1:])


def test_no_rate_is_told_where_its_level_is_not_known(served: Served) -> None:
    _, (answer,) = talk(served, ("score_ad", {"headline": "Coats"}))
    assert answer.structuredContent["change"] == pytest.approx(0.1)
    assert not [name for name in answer.structuredContent if name.startswith(("ctr", "rate"))]
    assert keep_told({"ctr": None, "ctr_low": None, "strength": 1.0}) == {"strength": 1.0}  # one of many that are ranked
    assert keep_told({"ctr": 0.02, "ctr_low": 0.01}) == {"ctr": 0.02, "ctr_low": 0.01}


def test_every_input_and_answer_is_described(served: Served) -> None:
    tools, _ = talk(served)
    for tool in tools.values():
        assert tool.outputSchema["properties"].keys() > {"error"}
        assert all(len(one.get("description", "")) > 10 for one in tool.inputSchema["properties"].values()), tool.name


@pytest.mark.parametrize("named", ["/etc/passwd", "http://127.0.0.1:22/x.png", "file:///etc/passwd"])
def test_an_agent_names_no_file_and_no_address(served: Served, named: str) -> None:
    served.studio.asked.clear()
    _, (answer,) = talk(served, ("score_ad", {"headline": "Coats", "image_path": named}))
    assert answer.isError
    assert "0.0152" not in text(answer)
