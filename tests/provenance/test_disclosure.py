from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from adcreative.creative import Edit
from adcreative.provenance.disclosure import NOT_LEGAL_ADVICE, Disclosure, disclosures, disclosures_of_run
from adcreative.provenance.errors import ProvenanceError

FACE, WORDS = Edit(face=0, direction="smile", strength=1.0), Edit(face=-1, direction="headline", strength=0.0)
TODAY = date(2026, 11, 24)


def ids(found: list[Disclosure]) -> set[str]:
    return {one.rule_id for one in found}


def test_a_face_edit_of_a_real_person_in_the_eu() -> None:
    found = disclosures(["eu"], [FACE, WORDS], TODAY)
    assert ids(found) == {"eu-ai-act-50-4", "eu-ai-act-50-2"}
    assert all(one.is_in_force and one.level == "required" and one.advice == NOT_LEGAL_ADVICE for one in found)
    assert "not legal advice" in NOT_LEGAL_ADVICE


def test_new_york_asks_about_persons_who_do_not_exist() -> None:
    assert ids(disclosures(["New York"], [FACE], TODAY, is_synthetic=True)) == {"us-ny-gbl-396-b"}
    assert ids(disclosures(["New York"], [], TODAY, is_synthetic=True)) == {"us-ny-gbl-396-b"}
    (real,) = disclosures(["ny"], [FACE], TODAY)
    assert (real.rule_id, real.level) == ("us-ny-gbl-396-b-real", "check")


def test_a_rule_is_in_force_from_its_day() -> None:
    for day, in_force in ((date(2026, 8, 1), False), (date(2026, 8, 2), True)):
        assert {one.is_in_force for one in disclosures(["eu"], [FACE], day)} == {in_force}


def test_words_alone_ask_for_nothing() -> None:
    assert disclosures(["all"], [WORDS], TODAY) == []
    assert disclosures(["all"], [], TODAY) == []


def test_platforms_go_by_their_names_and_required_comes_first() -> None:
    found = disclosures(["Instagram", "youtube", "tiktok", "eu", "meta"], [{"face": 0}], TODAY)
    assert {one.market for one in found} == {"meta", "google", "tiktok", "eu"}
    assert len(ids(found)) == len(found)
    assert [one.level for one in found] == sorted((one.level for one in found), key=["required", "platform", "check"].index)


def test_every_rule_is_dated_and_sourced() -> None:
    found = disclosures(["all"], [FACE], TODAY) + disclosures(["all"], [FACE], TODAY, is_synthetic=True)
    assert {one.market for one in found} == {"eu", "us-ny", "meta", "tiktok", "google"}
    for one in found:
        assert one.sources
        assert all(source.startswith("https://") for source in one.sources)
        assert one.checked_on <= TODAY
        assert one.as_dict()["applies_from"] == one.applies_from.isoformat()


RULE = """
market: eu
name: European Union
rules:
  - {id: eu-ai-act-50-2, title: Ours, level: check, when: {edited: face, person: any}, applies_from: 2027-01-01,
     duty: d, how: h, checked_on: 2026-11-01, sources: [our lawyer]}
"""


def test_own_rules_replace_ours_by_id(tmp_path: Path) -> None:
    (tmp_path / "eu.yaml").write_text(RULE)
    found = disclosures(["eu"], [FACE], TODAY, rules_dir=tmp_path)
    assert {one.rule_id: one.title for one in found}["eu-ai-act-50-2"] == "Ours"
    assert "eu-ai-act-50-4" in ids(found)
    assert "Ours" not in {one.title for one in disclosures(["eu"], [FACE], TODAY)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("market: [", "not valid YAML"),
        ("a: 1", "must have market, name and rules"),
        (RULE.replace("sources: [our lawyer]", "note: x"), "has no sources"),
        (RULE.replace("level: check", "level: maybe"), "needs level required/platform/check"),
        (RULE.replace("2027-01-01", "soon"), "needs dates"),
        (RULE.replace("duty: d", "duty: 123"), "duty and how of rule eu-ai-act-50-2 must be texts"),
        (RULE.replace("name: European Union", "name: 7"), "each of aliases must be texts"),
        (RULE.replace("edited: face", "edited: [face]"), "when.edited"),
        (RULE.replace("[our lawyer]", "7"), "at least one source"),
    ],
)
def test_a_wrong_rule_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "eu.yaml").write_text(text)
    with pytest.raises(ProvenanceError, match=message):
        disclosures(["eu"], [FACE], TODAY, rules_dir=tmp_path)


def test_unknown_market_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match=r'no disclosure rules for "tiktock". Did you mean "tiktok"'):
        disclosures(["tiktock"], [FACE], TODAY)
    with pytest.raises(ProvenanceError, match=r"holds no \.yaml"):
        disclosures(["eu"], [FACE], TODAY, rules_dir=tmp_path)


@pytest.mark.parametrize("faces", [[(0,), (-1,)], [(-1,), (0,)], [(0, -1), ()], [(-1,), (-1, -1)], [(), ()], [(2, 2), (1,)]])
@pytest.mark.parametrize("consent_id", ["", "c-1; synthetic-person"])
def test_duties_of_a_run_are_those_of_all_its_edits_at_once(faces: list[tuple[int, ...]], consent_id: str) -> None:
    rows = [{"status": "edited", "consent_id": consent_id, "edits": [{"face": face} for face in made]} for made in faces]
    edits = [edit for row in rows for edit in row["edits"]]
    everything = disclosures(["all"], edits, TODAY, is_synthetic=bool(consent_id)) if edits else []  # naive twin
    assert disclosures_of_run(rows, TODAY) == everything
