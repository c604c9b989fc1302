"""Planted people: profiles that go with features are found; main effects and shuffled profiles tell no preference."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.catalog import read_catalog
from adcreative.errors import CatalogError, ConfigError, TrainingError
from adcreative.papers.personas.answers import describe_ads, measure_features
from adcreative.papers.personas.model import Audit, Responses, audit_personas, effect_intervals, fit_persona_model
from tests import fake_models


@lru_cache(maxsize=2)
def plant(interaction: float = 1.0, seed: int = 0) -> tuple[Responses, np.ndarray]:
    """120 people x 300 ads: answers 1 to 5 from person, ad, trait main effects, and trait x feature effects W."""
    rng = np.random.default_rng(seed)
    traits, features = rng.normal(0, 1, (120, 5)), rng.normal(0, 1, (300, 6))
    effects = rng.normal(0, 0.35, (5, 6)) * interaction
    person = rng.normal(0, 0.5, 120) + 0.4 * traits[:, 0]
    score = 3 + person[:, None] + 0.05 * rng.normal(0, 1, 300) + traits @ effects @ features.T
    value = np.clip(np.rint(score + rng.normal(0, 0.6, score.shape)), 1, 5)
    who, what = (one.ravel() for one in np.indices(value.shape))
    return Responses(who, what, value.ravel(), traits, features), effects


@pytest.fixture(scope="module")
def audit() -> Audit:
    return audit_personas(plant()[0])


def test_profiles_tell_what_new_people_prefer_and_shuffled_ones_do_not(audit: Audit) -> None:
    print({name: round(one.value, 3) for name, one in audit.figures.items()})
    assert audit.figures["new_people"].value >= 0.80
    assert audit.figures["new_people_and_ads"].value >= 0.80
    assert audit.figures["shuffled_profiles"].value <= 0.55
    assert audit.figures["without_profiles"].value <= 0.58
    assert audit.is_useful


def test_without_interaction_the_audit_says_so() -> None:
    found = audit_personas(plant(interaction=0.0, seed=3)[0])
    assert not found.is_useful
    assert found.figures["new_people"].value <= found.figures["without_profiles"].value + 0.02


def test_effects_and_their_intervals_hold_what_was_planted(audit: Audit) -> None:
    responses, effects = plant()
    assert np.corrcoef(audit.effects.ravel(), effects.ravel())[0, 1] > 0.95
    exact = responses.traits @ effects @ responses.features.T  # answers that are not cut at 1 and 5
    noise = np.random.default_rng(4).normal(0, 2, len(responses.value))
    low, high = effect_intervals(replace(responses, value=exact[responses.person, responses.ad] + noise), strength=1.0)
    truth = effects * np.outer(responses.traits.std(axis=0), responses.features.std(axis=0))
    assert ((low <= truth) & (truth <= high)).mean() > 0.8
    assert ((high - low) < 0.1).all()


def test_too_few_people_or_answers_that_are_all_the_same_are_refused() -> None:
    responses, _ = plant()
    with pytest.raises(TrainingError, match="10 people and 300 ads have answers"):
        audit_personas(responses.of_people(np.arange(10)))
    with pytest.raises(TrainingError, match="all answers are the same"):
        fit_persona_model(replace(responses, value=np.full(len(responses.value), 3.0)))


@pytest.fixture
def panel(tmp_path: Path) -> Path:
    """40 people x 30 ads; open people like questions, others do not."""
    rng = np.random.default_rng(0)
    ads = pd.DataFrame({"ad_name": [f"Ad {n}" for n in range(30)], "category": ["shoes", "food", "travel"] * 10})
    ads["headline"] = [f"Is this number {n}?" if n % 2 else f"This is number {n}" for n in range(30)]
    ads.to_csv(tmp_path / "ads.csv", index=False)
    rows = []
    for person in range(40):
        openness = rng.normal()
        for n in range(30):
            value = 3 + 1.2 * openness * (1 if n % 2 else -1) + rng.normal(0, 0.7)
            rows.append(
                {
                    "person": f"P{person}",
                    "creative": f"Ad {n}",
                    "rating": round(float(np.clip(value, 1, 5)), 2),
                    "openness": round(openness, 3),
                    "age": 20 + person,
                }
            )
    pd.DataFrame(rows).to_csv(tmp_path / "answers.csv", index=False)
    (tmp_path / "personas.toml").write_text('["Explorers"]\nopenness = 2.0\n["Keepers"]\nopenness = -2.0\n')
    return tmp_path


def run(panel: Path, answers: str = "answers.csv", **options: Any) -> Any:
    options = {"creatives": panel / "ads.csv", "personas": panel / "personas.toml", **options}
    return pipeline.audit_personas(panel / answers, panel / "audit.json", **options)


def test_the_planted_effect_is_found_and_ranks_ads_by_persona(panel: Path) -> None:
    summary = run(panel)
    found = json.loads((panel / "audit.json").read_text())
    assert found["is_useful"]
    assert found["auc_within_person"]["new_people"]["value"] > 0.75
    assert found["auc_within_person"]["shuffled_profiles"]["value"] < 0.6
    effects = pd.read_csv(panel / "audit.csv")
    assert (effects.iloc[0].trait, effects.iloc[0].feature) == ("openness", "words: a question")
    assert effects.iloc[0].low > 0
    ranked = pd.read_csv(panel / "audit.personas.csv")
    top = {name: set(rows.nsmallest(15, "rank").creative) for name, rows in ranked.groupby("persona")}
    odd = {f"Ad {n}" for n in range(1, 30, 2)}
    assert len(top["Explorers"] & odd) >= 14
    assert len(top["Keepers"] & odd) <= 1
    assert "the evidence is of 40 people" in summary.warnings[0]
    assert any("profiles say which ads a new person prefers" in line for line in summary.lines)


def write_ads16(folder: Path, num_people: int) -> None:
    """Extraverts like categories 1 and 3, others do not."""
    rng = np.random.default_rng(1)
    for number in range(1, num_people + 1):
        person = folder / "Corpus" / f"U{number:04d}"
        person.mkdir(parents=True)
        answers = rng.integers(-2, 3, 10)
        likes = (answers[5] - answers[0]) / 2
        cells = {
            f"Category {one}": ",".join(
                str(int(rating)) for rating in np.clip(np.rint(rng.normal(3 + likes * (1 if one % 2 else -1), 0.8, 15)), 1, 5)
            )
            for one in range(1, 5)
        }
        tables = {
            "B5": pd.DataFrame({"Answer": answers}),
            "INF": pd.DataFrame({"Age": [30]}),
            "RT": pd.DataFrame([dict.fromkeys(cells, "text"), cells]),
        }
        for name, table in tables.items():
            table.to_csv(person / f"{person.name}-{name}.csv", sep=";", index=False)


def test_ads16_is_read_as_it_is_laid_out(tmp_path: Path) -> None:
    write_ads16(tmp_path / "ads16", 40)
    pipeline.audit_personas(tmp_path / "ads16", tmp_path / "audit.json")
    found, effects = json.loads((tmp_path / "audit.json").read_text()), pd.read_csv(tmp_path / "audit.csv")
    assert found["num_ads"] == 60
    assert set(found["traits"]) == {"extraversion", "agreeableness", "conscientiousness", "neuroticism", "openness"}
    assert effects.iloc[0].trait == "extraversion"
    assert effects.iloc[0].feature.startswith("category: Category")
    (tmp_path / "ads16" / "Corpus" / "U0003" / "U0003-B5.csv").write_text("Answer\n1\n")
    with pytest.raises(CatalogError, match=r"U0003-B5\.csv must have 10 numbers"):
        pipeline.audit_personas(tmp_path / "ads16", tmp_path / "audit.json")


@pytest.mark.parametrize(
    ("personas", "message"),
    [
        ("", "at least one table"),
        ('["A"]\nhonesty = 1', "names honesty, which nobody declared; known: openness, age"),
        ('["A"]\nopenness = "high"', "openness must be a number"),
        ("A = 1", "must be a table of traits"),
        ("[[", "is not valid TOML"),
    ],
)
def test_wrong_personas_are_refused(personas: str, message: str, panel: Path) -> None:
    (panel / "personas.toml").write_text(personas)
    with pytest.raises((ConfigError, CatalogError), match=message):
        run(panel)
    assert not (panel / "audit.json").exists()


def test_wrong_tables_are_refused(panel: Path) -> None:
    table = pd.read_csv(panel / "answers.csv")
    for change, message, error in (
        (lambda rows: rows.drop(columns="rating"), "no column for the answer", CatalogError),
        (lambda rows: rows.drop(columns=["openness", "age"]), "declares no profile", CatalogError),
        (lambda rows: rows.assign(creative="?"), r'no ad of bad.csv is known, such as "\?"', CatalogError),
        (lambda rows: rows.assign(rating="good"), "must hold numbers", CatalogError),
        (lambda rows: rows.assign(person=[None, *rows.person[1:]]), "names nobody in 1 rows", CatalogError),
        (lambda rows: rows.head(300), "10 people and 30 ads have answers", TrainingError),
    ):
        change(table).to_csv(panel / "bad.csv", index=False)
        with pytest.raises(error, match=message):
            run(panel, "bad.csv", personas=None)
    with pytest.raises(ConfigError, match="the ads that were answered are needed"):
        run(panel, creatives=None)
    (panel / "same.csv").write_text("ad_name,headline\n" + "".join(f"Ad {n},Same words\n" for n in range(30)))
    with pytest.raises(CatalogError, match="no feature can have an effect"):
        run(panel, creatives=panel / "same.csv")


def test_features_of_new_ads_are_those_of_the_audit(panel: Path) -> None:
    ads = read_catalog(panel / "ads.csv").creatives
    number, names, table = describe_ads(ads)
    again = measure_features(sorted(ads, key=lambda one: number[one.name]), names)
    assert (again == table).all()


@pytest.fixture
def audited(panel: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The panel with its audit, and ads that nobody rated."""
    run(panel, personas=None)
    pd.DataFrame(
        {"ad_name": ["Asks", "Tells", "Asks too"], "headline": ["Is this new?", "This is new", "Is it so?"], "category": "x"}
    ).to_csv(panel / "new.csv", index=False)
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return panel


def score(at: Path, **options: Any) -> pipeline.RunSummary:
    options = {"persona": at / "personas.toml", "audit": at / "audit.json", **options}
    return pipeline.score(at / "new.csv", at / "scores.csv", **options)


def test_each_persona_gets_the_ads_that_it_prefers(audited: Path) -> None:
    score(audited, persona=None, audit=None)
    assert not (audited / "scores.personas.csv").exists()
    assert "scores.personas.csv ranks the ads for 2 personas" in score(audited).warnings[-1]
    found = pd.read_csv(audited / "scores.personas.csv").set_index(["persona", "creative"])
    assert found.loc[("Explorers", "Asks"), "rank"] == 1
    assert found.loc[("Explorers", "Tells"), "rank"] == 3
    assert found.loc[("Keepers", "Tells"), "rank"] == 1
    assert found.loc[("Explorers", "Asks"), "shift"] > 0.5 > -0.5 > found.loc[("Explorers", "Tells"), "shift"]
    assert len(pd.read_csv(audited / "scores.csv")) == 3


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
        score(audited)
    assert not (audited / "scores.csv").exists()


def test_one_without_the_other_and_files_of_others_are_refused(audited: Path) -> None:
    with pytest.raises(ConfigError, match=r"need both: --persona personas\.toml, and --audit"):
        score(audited, audit=None)
    (audited / "scores.personas.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"scores\.personas\.csv is there already"):
        score(audited)
    assert not (audited / "scores.csv").exists()
