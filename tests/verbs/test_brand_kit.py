"""A brand kit reaches every new line: through `optimize` and `Studio`, and a run goes on only with the kit it began with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adcreative import pipeline
from adcreative.copywriter import Brief
from adcreative.copywriter.writer import LintedCopywriter
from adcreative.creative import Creative
from adcreative.errors import ConfigError

SMALL: dict[str, Any] = {"population": 4, "generations": 1, "copywriter": "template"}


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    path = tmp_path / "brand.json"
    metadata = {"words_to_avoid": ["cheap"], "words_to_use": ["oak"]}
    path.write_text(json.dumps({"name": "Somnia", "tone": "calm", "metadata": metadata}))
    return path


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Brief]:
    """What the copywriter was told, in order."""
    heard: list[Brief] = []
    write = LintedCopywriter.write

    def listen(self: LintedCopywriter, brief: Brief, *args: Any, **options: Any) -> Any:
        heard.append(brief)
        return write(self, brief, *args, **options)

    monkeypatch.setattr(LintedCopywriter, "write", listen)
    return heard


def test_optimize_and_studio_tell_the_copywriter_the_rules(tmp_path: Path, kit: Path, told: list[Brief]) -> None:
    ads = tmp_path / "ads.csv"
    ads.write_text("headline,category\nBeds that let you sleep,beds\n")
    pipeline.optimize(ads, tmp_path / "out", brand_kit=kit, **SMALL)
    studio, ad = pipeline.Studio(), Creative(headline="Beds that let you sleep", category="beds", brand="Other")
    studio.improve_one(ad, population_size=4, generations=1, copywriter="template", brand_kit=kit, avoid=["soft"])
    next(studio.write_lines(ad, "headline", copywriter="template", brand_kit=kit))
    assert [brief.brand for brief in told] == ["Somnia", "Other", "Other"]
    assert {brief.tone for brief in told} == {"calm"}
    assert {brief.use for brief in told} == {("oak",)}
    assert [brief.avoid for brief in told] == [("cheap",), ("soft", "cheap"), ("cheap",)]


def test_a_run_goes_on_only_with_its_brand_kit(tmp_path: Path, kit: Path) -> None:
    ads = tmp_path / "ads.csv"
    ads.write_text("headline,category\nBeds that let you sleep,beds\n")
    pipeline.optimize(ads, tmp_path / "out", brand_kit=kit, **SMALL)
    assert pipeline.optimize(ads, tmp_path / "out", brand_kit=kit, **SMALL).done == 1
    kit.write_text(json.dumps({"name": "Somnia", "metadata": {"words_to_avoid": ["best"]}}))
    with pytest.raises(ConfigError, match="brand_kit"):
        pipeline.optimize(ads, tmp_path / "out", brand_kit=kit, **SMALL)
    with pytest.raises(ConfigError, match="brand_kit"):
        pipeline.optimize(ads, tmp_path / "out", **SMALL)


def test_what_is_no_brand_kit_is_said_before_any_model_loads(tmp_path: Path, kit: Path) -> None:
    kit.write_text('{"name": "Somnia", "tones": "calm"}')
    with pytest.raises(ConfigError, match='unknown key "tones" in a brand manifest\\. Did you mean "tone"'):
        pipeline.optimize(tmp_path / "none", tmp_path / "out", brand_kit=kit)


def test_words_of_ones_own_are_held_against_the_kit(kit: Path) -> None:
    ad = Creative(headline="Beds that let you sleep", category="beds")
    changed = Creative(headline="Cheap beds that let you sleep", category="beds")
    found = pipeline.check_words(changed, original=ad, brand_kit=kit)
    assert any("'cheap', which the brand avoids" in problem for problem in found["headline"])
    assert not any("which the brand avoids" in problem for problem in pipeline.check_words(changed, original=ad)["headline"])
