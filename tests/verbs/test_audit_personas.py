"""`audit-personas` on planted answers and on a folder as ADS-16 lays it out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.errors import CatalogError, ConfigError, TrainingError


@pytest.fixture
def desk(tmp_path: Path) -> Path:
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
            rows.append({"person": f"P{person}", "creative": f"Ad {n}", "rating": round(float(np.clip(value, 1, 5)), 2),
                         "openness": round(openness, 3), "age": 20 + person})  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "answers.csv", index=False)
    (tmp_path / "personas.toml").write_text('["Explorers"]\nopenness = 2.0\n["Keepers"]\nopenness = -2.0\n')
    return tmp_path


def test_the_planted_effect_is_found_and_ranks_ads_by_persona(desk: Path) -> None:
    summary = pipeline.audit_personas(
        desk / "answers.csv", desk / "audit.json", creatives=desk / "ads.csv", personas=desk / "personas.toml"
    )
    found = json.loads((desk / "audit.json").read_text())
    assert found["is_useful"]
    assert found["auc_within_person"]["new_people"]["value"] > 0.75
    assert found["auc_within_person"]["shuffled_profiles"]["value"] < 0.6
    effects = pd.read_csv(desk / "audit.csv")
    assert (effects.iloc[0].trait, effects.iloc[0].feature) == ("openness", "words: a question")
    assert effects.iloc[0].low > 0
    ranked = pd.read_csv(desk / "audit.personas.csv")
    top = {name: set(rows.nsmallest(15, "rank").creative) for name, rows in ranked.groupby("persona")}
    odd = {f"Ad {n}" for n in range(1, 30, 2)}
    assert len(top["Explorers"] & odd) >= 14
    assert len(top["Keepers"] & odd) <= 1
    assert "the evidence is of 40 people" in summary.warnings[0]
    assert any("profiles say which ads a new person prefers" in line for line in summary.lines)


def write_ads16(folder: Path, num_people: int) -> None:
    rng = np.random.default_rng(1)
    for number in range(1, num_people + 1):
        person = folder / "Corpus" / f"U{number:04d}"
        person.mkdir(parents=True)
        answers = rng.integers(-2, 3, 10)
        pd.DataFrame({"Question": [f"q{n}" for n in range(10)], "Answer": answers}).to_csv(
            person / f"{person.name}-B5.csv", sep=";", index=False
        )
        pd.DataFrame({"Gender": ["F"], "Age": [30], "Income": [2]}).to_csv(
            person / f"{person.name}-INF.csv", sep=";", index=False
        )
        likes = (answers[5] - answers[0]) / 2
        cells = {}
        for category in range(1, 5):
            centre = 3 + likes * (1 if category % 2 else -1)
            cells[f"Category {category}"] = ",".join(
                str(int(one)) for one in np.clip(np.rint(rng.normal(centre, 0.8, 15)), 1, 5)
            )
        table = pd.DataFrame([dict.fromkeys(cells, "text"), cells])
        table.to_csv(person / f"{person.name}-RT.csv", sep=";", index=False)


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
    ],
)
def test_wrong_personas_are_refused(personas: str, message: str, desk: Path) -> None:
    (desk / "personas.toml").write_text(personas)
    with pytest.raises(ConfigError, match=message):
        pipeline.audit_personas(
            desk / "answers.csv", desk / "audit.json", creatives=desk / "ads.csv", personas=desk / "personas.toml"
        )
    assert not (desk / "audit.json").exists()


def test_wrong_tables_are_refused(desk: Path) -> None:
    table = pd.read_csv(desk / "answers.csv")
    for change, message, error in (
        (lambda rows: rows.drop(columns="rating"), "no column for the answer", CatalogError),
        (lambda rows: rows.drop(columns=["openness", "age"]), "declares no profile", CatalogError),
        (lambda rows: rows.assign(creative="?"), r'no ad of bad.csv is known, such as "\?"', CatalogError),
        (lambda rows: rows.assign(rating="good"), "must hold numbers", CatalogError),
        (lambda rows: rows.head(300), "10 people and 30 ads have answers", TrainingError),
    ):
        change(table).to_csv(desk / "bad.csv", index=False)
        with pytest.raises(error, match=message):
            pipeline.audit_personas(desk / "bad.csv", desk / "audit.json", creatives=desk / "ads.csv")
    with pytest.raises(ConfigError, match="the ads that were answered are needed"):
        pipeline.audit_personas(desk / "answers.csv", desk / "audit.json")
    (desk / "bad.toml").write_text("[[")
    with pytest.raises(CatalogError, match="cannot be read as TOML"):
        pipeline.audit_personas(
            desk / "answers.csv", desk / "audit.json", creatives=desk / "ads.csv", personas=desk / "bad.toml"
        )
    (desk / "same.csv").write_text("ad_name,headline\n" + "".join(f"Ad {n},Same words\n" for n in range(30)))
    with pytest.raises(CatalogError, match="no feature can have an effect"):
        pipeline.audit_personas(desk / "answers.csv", desk / "audit.json", creatives=desk / "same.csv")
