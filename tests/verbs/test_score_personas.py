"""`score --persona`: the ads of a table in the order of each declared segment, by what an audit learnt."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.catalog import read_catalog
from adcreative.delivery.personas.scoring import measure_features, read_segments
from adcreative.errors import ConfigError
from adcreative.verbs.score_personas import plan_personas
from tests import fake_models
from tests.verbs.test_audit_personas import desk  # noqa: F401


@pytest.fixture
def audited(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """The desk with its audit, and ads that nobody rated."""
    pipeline.audit_personas(desk / "answers.csv", desk / "audit.json", creatives=desk / "ads.csv")
    pd.DataFrame(
        {"ad_name": ["Asks", "Tells", "Asks too"], "headline": ["Is this new?", "This is new", "Is it so?"], "category": "x"}
    ).to_csv(desk / "new.csv", index=False)
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return desk


def score(at: Path, **options: Any) -> pipeline.RunSummary:
    return pipeline.score(at / "new.csv", at / "scores.csv", **options)


def test_each_segment_gets_the_ads_that_it_prefers(audited: Path) -> None:
    summary = score(audited, persona=audited / "personas.toml", audit=audited / "audit.json")
    assert "scores.personas.csv ranks the ads for 2 personas" in summary.warnings[-1]
    found = pd.read_csv(audited / "scores.personas.csv").set_index(["persona", "creative"])
    assert found.loc[("Explorers", "Asks"), "rank"] == 1
    assert found.loc[("Explorers", "Tells"), "rank"] == 3
    assert found.loc[("Keepers", "Tells"), "rank"] == 1
    assert found.loc[("Explorers", "Asks"), "shift"] > 0.5 > -0.5 > found.loc[("Explorers", "Tells"), "shift"]
    assert len(pd.read_csv(audited / "scores.csv")) == 3


def test_without_personas_there_is_no_table(audited: Path) -> None:
    score(audited)
    assert not (audited / "scores.personas.csv").exists()


def test_features_of_new_ads_are_those_of_the_audit(audited: Path) -> None:
    from adcreative.delivery.personas.answers import describe_ads

    ads = read_catalog(audited / "ads.csv").creatives
    number, names, table = describe_ads(ads)
    again = measure_features(sorted(ads, key=lambda one: number[one.name]), names)
    assert (again == table).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"is_useful": False}, "profiles say no more than the average, so scores by persona would be noise"),
        ({"model": None}, "is no audit with a model"),
        ({"model": {"effects": [[1.0]]}}, "its effects do not fit its traits and features"),
    ],
)
def test_an_audit_that_cannot_be_used_is_refused_before_the_work(audited: Path, change: dict[str, Any], message: str) -> None:
    content = json.loads((audited / "audit.json").read_text())
    for key, value in change.items():
        content[key] = {**content[key], **value} if isinstance(value, dict) else value
    (audited / "audit.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=message):
        score(audited, persona=audited / "personas.toml", audit=audited / "audit.json")
    assert not (audited / "scores.csv").exists()


def test_one_without_the_other_and_files_of_others_are_refused(audited: Path) -> None:
    with pytest.raises(ConfigError, match=r"need both: --persona personas\.toml, and --audit"):
        score(audited, persona=audited / "personas.toml")
    (audited / "scores.personas.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"scores\.personas\.csv is there already"):
        plan_personas(
            audited / "scores.csv", audited / "personas.toml", audited / "audit.json", (audited / "new.csv",), restart=False
        )
    with pytest.raises(ConfigError, match="which nobody declared"):
        read_segments(audited / "audit.json", {"Others": {"height": 3}})
