"""A problem is a code with values: the sentence may be said anew, or in another language, and no decision changes."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from adcreative import problem as problem_module
from adcreative.copywriter import Brief, check_copy
from adcreative.copywriter.lint.problem import DROPS
from adcreative.copywriter.rules import rule_pack
from adcreative.copywriter.variants import make_room
from adcreative.problem import Problem, problem_texts

SOURCE = Path(problem_module.__file__).parent


def test_a_problem_keeps_its_code_and_values_beside_its_sentence() -> None:
    (first, *_) = check_copy("x" * 200, Brief(brand="Lund"), "headline")
    assert (first.code, first.values["length"]) == ("too_long", 200)
    assert first == f"has 200 characters; {first.values['limit']} are allowed"
    again = pickle.loads(pickle.dumps(first))
    assert (again, again.code, again.values) == (first, first.code, first.values)


def test_every_code_has_a_sentence_and_every_sentence_a_code() -> None:
    texts = problem_texts()
    rules = [rule["problem"] for kind in ("marks", "hollow") for rule in rule_pack("language")[kind]]
    source = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    used = {*rules, *re.findall(r'Problem\(\s*"(\w+)"', source)}
    assert used == set(texts)
    assert set(texts) >= DROPS


def test_a_sentence_said_otherwise_changes_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    brief = Brief(
        brand="Lund", headline="Warm coats for winter", description="Free delivery this week. Made of wool for cold days."
    )
    expected = make_room(["Free delivery this week on warm coats"], brief)
    assert expected == ("Made of wool for cold days.",)
    said = {code: f"Fehler {number}" for number, code in enumerate(problem_texts())}
    monkeypatch.setattr(problem_module, "problem_texts", lambda: said)
    assert Problem("drops_offer", words="free").startswith("Fehler")
    assert make_room(["Free delivery this week on warm coats"], brief) == expected
