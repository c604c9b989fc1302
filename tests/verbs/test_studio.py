from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from adcreative.catalog.tables import write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.editor.preparation.picture import leave_out
from adcreative.errors import ConfigError, TrainingError
from adcreative.pipeline import SCORE_COLUMNS, BatchConfig, RunSummary, ScoreSettings
from adcreative.provenance.consent import read_consents
from adcreative.verbs.studio import Studio


@dataclass(frozen=True)
class Face:
    refusal: str | None = None


def test_faces_that_were_not_chosen_are_refused_and_keep_their_place() -> None:
    found = [Face(), Face(), Face("it is turned away")]
    faces = leave_out(found, frozenset({1}))
    assert [face.refusal for face in faces] == ["it was not chosen", None, "it is turned away"]
    assert leave_out(found, None) == found


def test_a_scored_folder_pairs_each_row_with_its_creative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table has no row for a creative that failed, and escaped cells; numbers are missing where there is no data."""
    ads = tmp_path / "ads"
    ads.mkdir()
    (ads / "metadata.csv").write_text("ad_name,headline\na,One\nb,Two\n=c,Three\n")

    def score(data: Path, out: Path, settings: ScoreSettings, *, batch: BatchConfig, **others: object) -> RunSummary:
        assert batch.restart
        rows = [{"ad_name": "a", "ctr": 0.02, "ctr_low": 0.01, "ctr_high": 0.03}, {"ad_name": "=c"}]
        write_rows(out, rows, SCORE_COLUMNS)
        write_failures(
            out.with_name(f"{out.stem}.failures.csv"), [FailedCreative(file_name="", ad_name="b", problem="p", remedy="r")]
        )
        return RunSummary(path=out, done=2, failed=1)

    monkeypatch.setattr("adcreative.verbs.score.score", score)
    found = Studio().score_folder(ads, tmp_path / "scores.csv", progress=lambda *step: None, should_stop=lambda: False)
    assert found is not None
    assert [(creative.headline, row["ctr"]) for creative, row in found.scored] == [("One", 0.02), ("Three", None)]
    assert [row["ad_name"] for row in found.failed] == ["b"]


PAGE = Path(__file__).parents[2] / "adcreative" / "docs" / "how-to-faces-and-consent.md"


def consenting_studio() -> Studio:
    studio = object.__new__(Studio)
    studio._consents = read_consents(None)
    return studio


def test_the_consent_record_of_the_page_is_taken(tmp_path: Path) -> None:
    """It allows colours of the whole picture too, which need no consent and are no fault."""
    (sample,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "consents.toml"
    path.write_text(sample)
    studio = consenting_studio().with_consents(path)
    assert studio.consent_ids == ("c-17",)
    assert "covers the files" in studio.check_consent(Creative(file_name="other.jpg", consent_id="c-17"))


def test_records_are_added_and_asked_before_a_search(tmp_path: Path) -> None:
    path = tmp_path / "consents.json"
    path.write_text(
        json.dumps(
            {
                "consent": [
                    {"consent_id": "anna", "person": "Anna", "edits": ["all"], "expires": "2999-01-01"},
                    {"consent_id": "old", "person": "Bert", "edits": ["smile"], "expires": "2001-01-01"},
                ]
            }
        )
    )
    studio = consenting_studio()
    other = studio.with_consents(path)
    assert studio.consent_ids == ()
    assert other.check_consent(Creative(consent_id="anna")) == ""
    assert "expired on 2001-01-01" in other.check_consent(Creative(consent_id="old"))
    assert "is not in consents.json" in other.check_consent(Creative(consent_id="nobody"))
    path.write_text(json.dumps({"consent": [{"consent_id": "a", "person": "A", "edits": ["smyle"], "expires": "2999-01-01"}]}))
    with pytest.raises(ConfigError, match='allows "smyle", which is no edit'):
        studio.with_consents(path)


def test_too_few_ads_are_refused_before_models_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page asks for a training of ten ads; the answer must not take the minutes that reading their pictures takes."""
    rows = "".join(f"ad {number},Words {number},1000,20\n" for number in range(10))
    (tmp_path / "results.csv").write_text(f"ad_name,headline,impressions,clicks\n{rows}")
    monkeypatch.setattr("adcreative.verbs.loading.load_tools", lambda **_: pytest.fail("models were loaded"))
    with pytest.raises(TrainingError, match="10 creatives have results; at least 60 are needed"):
        Studio().train_account(
            tmp_path / "results.csv", tmp_path / "model", progress=lambda *step: None, should_stop=lambda: False
        )
