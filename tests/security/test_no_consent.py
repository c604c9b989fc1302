"""Without consent no version touches a face, through every door: command, processes, Python, the app's API, and agents.

A picture with a face, drawn by the shipped face model, passes for one of a real person. What may change in it without consent
is the look of the whole picture (exposure, warmth, contrast, saturation, a crop) and its words; in the face's box a version
must therefore be what that look alone makes of the original. The same picture as a synthetic person's is the control: there
the face does change.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import csv
import io
import json
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.catalog.images import picture
from adcreative.cli.app import app
from adcreative.creative import SYNTHETIC_PERSON, Creative
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.genome import ADJUSTMENTS
from adcreative.editor.space.whole_picture import PictureAdjuster, protect
from apps.studio.sessions.search_requests import FACES_ALLOWED, FACES_LEFT

gradio = pytest.importorskip("gradio")

BRAND = "Fellrunner"
CONSENTS = """
[[consent]]
consent_id = "c-smile"
person = "A"
edits = ["smile"]
expires = 2999-01-01

[[consent]]
consent_id = "c-old"
person = "A"
edits = ["all"]
expires = 2020-01-01

[[consent]]
consent_id = "c-brand"
person = "A"
edits = ["all"]
expires = 2999-01-01
brands = ["Somnia"]

[[consent]]
consent_id = "c-folder"
person = "A"
edits = ["all"]
expires = 2999-01-01
files = ["ada-*.jpg"]
"""
REFUSED = {
    "": "has no consent_id",
    "c-old": "expired on 2020-01-01",
    "c-gone": "is not in consents.toml",
    "c-brand": "covers the brands Somnia",
    "c-folder": r"covers the files ada-\*\.jpg",
    "synthetic-person; c-old": "expired on",
}
IN_FOLDER = ("", "c-brand", "c-smile", SYNTHETIC_PERSON)  # the folder's rows: refused, for one edit, for all
SEARCH = {"population_size": 6, "generations": 1}
EXACT, JPEG = 2, 24  # levels of 255 by which a box may differ: of rounding, and of a JPEG of quality 95


@pytest.fixture(scope="module")
def ads(ad_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture with a face under refused consents, under one for a smile, and as a synthetic person's, last."""
    folder = tmp_path_factory.mktemp("no-consent")
    with (ad_folder / "metadata.csv").open() as file:
        shown = next(row for row in csv.DictReader(file) if row["consent_id"] == SYNTHETIC_PERSON)
    with Image.open(ad_folder / shown["file_name"]) as small:  # of 85 px from chin to brow; 96 are edited
        small.resize((small.width * 3 // 2, small.height * 3 // 2)).save(folder / "face.jpg", quality=95)
    lines = [f"face.jpg,Run further tonight,{BRAND},place {n},{one}" for n, one in enumerate(IN_FOLDER)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,headline,brand,placement,consent_id", *lines]) + "\n")
    (folder / "consents.toml").write_text(CONSENTS)
    return folder


@pytest.fixture(scope="module")
def studio(ads: Path) -> pipeline.Studio:
    return pipeline.Studio(consent=ads / "consents.toml")


class Face:
    """The faces of a picture, and what a version may make of them without consent."""

    def __init__(self, ads: Path, studio: pipeline.Studio) -> None:
        self.path = ads / "face.jpg"
        self.image_u8 = picture(Creative(image_path=self.path))
        assert self.image_u8 is not None
        found = studio.find_faces(Creative(image_path=self.path))
        self.boxes = [tuple(map(int, face.box_xyxy_px)) for face in found]
        assert self.boxes, "the picture has no face"
        protection = protect(self.image_u8, [face.box_xyxy_px for face in found], None)
        self.adjuster = PictureAdjuster(self.image_u8, protection, EditorConfig().look_reach)

    def difference(self, version_u8: np.ndarray, edits: Sequence[Mapping[str, Any]]) -> int:
        """Return by how many levels (0..255) a version differs, in a face's box, from the original under its look alone."""
        strengths = np.zeros(len(ADJUSTMENTS))
        for edit in edits:
            if edit["direction"] in ADJUSTMENTS:
                strengths[ADJUSTMENTS.index(edit["direction"])] = edit["strength"]
        height, width = self.image_u8.shape[:2]
        expected = self.adjuster.apply(self.image_u8, strengths).astype(int)
        x0, y0, x1, y1 = self.adjuster.crop_box(strengths[-1], height, width)
        differences = []
        for left, top, right, bottom in self.boxes:
            columns = slice(max((left - x0) * width // (x1 - x0) + 1, 0), (right - x0) * width // (x1 - x0) - 1)
            rows = slice(max((top - y0) * height // (y1 - y0) + 1, 0), (bottom - y0) * height // (y1 - y0) - 1)
            differences.append(np.abs(version_u8[rows, columns].astype(int) - expected[rows, columns]).max())
        return int(max(differences))


@pytest.fixture(scope="module")
def face(ads: Path, studio: pipeline.Studio) -> Face:
    return Face(ads, studio)


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def check_run(out: Path, face: Face) -> int:
    """Check every picture of a run over the folder; return how many were."""
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    seen = 0
    assert [row["consent_id"] for row in rows] == list(IN_FOLDER)
    *refused, smiling, synthetic = rows
    for row in refused:
        reason = REFUSED[row["consent_id"]]
        assert [re.search(reason, one) is not None for one in row["faces"]["refused"]] == [True] * row["faces"]["found"]
        assert row["faces"]["found"] >= 1
        assert row["faces"]["edited"] == 0
        assert row.get("control_image") in (None, "")
        versions = [(row["edits"], row["edited_image"], EXACT)]
        versions += [(one["edits"], one.get("image"), JPEG) for one in row["alternatives"]]
        for edits, name, tolerance in versions:
            assert all(edit["face"] == -1 for edit in edits)
            if name:
                assert face.difference(read(out / name), edits) <= tolerance, (row["row"], name)
                seen += 1
    assert {edit["direction"] for edit in smiling["edits"] if edit["face"] >= 0} <= {"smile"}
    assert smiling["faces"]["refused"] == []
    assert synthetic["faces"]["refused"] == []
    assert face.difference(read(out / synthetic["control_image"]), ()) > JPEG, "what changes a face goes unseen"
    return seen


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_command_leaves_faces_without_consent(ads: Path, face: Face, tmp_path: Path, workers: int) -> None:
    asked = [
        "optimize",
        str(ads),
        "--out",
        str(tmp_path / "out"),
        "--consent",
        str(ads / "consents.toml"),
        "--population",
        "6",
        "--generations",
        "1",
        "--keep-controls",
        "--workers",
        str(workers),
    ]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    seen = check_run(tmp_path / "out", face)
    assert seen >= len(IN_FOLDER) - 2
    print(f"command, {workers} processes: {seen} pictures of {len(IN_FOLDER) - 2} ads without consent")  # shown by pytest -rP


@pytest.mark.parametrize("consent_id", REFUSED)
def test_python_leaves_faces_without_consent(studio: pipeline.Studio, face: Face, consent_id: str) -> None:
    ad = Creative(
        image_path=face.path, file_name="face.jpg", headline="Run further tonight", brand=BRAND, consent_id=consent_id
    )
    session = studio.open_one(ad, **SEARCH)  # type: ignore[arg-type]
    outcome = session.search()
    result = outcome.result.as_dict()
    assert all(re.search(REFUSED[consent_id], one) for one in result["faces"]["refused"])
    assert result["faces"]["edited"] == 0
    assert outcome.control_u8 is None
    versions = [(result["edits"], outcome.image_u8)]
    versions += [(one["edits"], session.picture(number)) for number, one in enumerate(result["alternatives"])]
    assert len(versions) > 1
    print(f"Python: {len(versions)} versions of an ad without consent")
    for edits, image_u8 in versions:
        assert image_u8 is not None
        assert all(edit["face"] == -1 for edit in edits)
        assert face.difference(image_u8, edits) <= EXACT


def test_python_opens_the_face_of_a_synthetic_person(studio: pipeline.Studio, face: Face) -> None:
    """The same search with consent, so that the one before could have seen a change."""
    ad = Creative(image_path=face.path, file_name="face.jpg", headline="Run further tonight", brand=BRAND)
    outcome = studio.improve_one(replace(ad, consent_id=SYNTHETIC_PERSON), **SEARCH)  # type: ignore[arg-type]
    assert outcome.result.faces.refused == ()
    assert outcome.control_u8 is not None
    assert face.difference(outcome.control_u8, ()) > JPEG


@pytest.fixture(scope="module")
def served(studio: pipeline.Studio, request: pytest.FixtureRequest) -> Iterator[Any]:
    from tests.apps.test_launch import Served

    yield Served(studio, mcp=request.param)  # type: ignore[arg-type]
    gradio.close_all()


@pytest.mark.parametrize("served", [False], indirect=True)
def test_the_app_s_api_leaves_faces_without_consent(served: Any, face: Face) -> None:
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(served.url, verbose=False, httpx_kwargs={"timeout": 300})
    improve = partial(
        client.predict,
        image_path=gradio_client.handle_file(str(face.path)),
        headline="Run further tonight",
        brand=BRAND,
        effort="quick",
        api_name="/improve",
    )
    for asked, said in (
        ({}, "May the faces in this picture be changed"),
        ({"faces": FACES_ALLOWED}, "Whose consent is it"),
        *(({"faces": FACES_ALLOWED, "consent_id": one}, said) for one, said in REFUSED.items() if one),
    ):
        answer = json.dumps(improve(**asked), default=str)
        assert re.search(said.replace("consents.toml", r"consents\.toml"), answer), (asked, answer[:500])
        assert '"status": "refused"' in answer
    found = improve(faces=FACES_LEFT)
    record = next(one for one in found if isinstance(one, dict) and "edits" in one)
    assert all(edit["face"] == -1 for edit in record["edits"])
    download = next(one for one in found if isinstance(one, str) and one.endswith(".png") and "edited" in one)
    assert face.difference(read(Path(download)), record["edits"]) <= EXACT


@pytest.mark.parametrize("served", [True], indirect=True)
def test_agents_leave_faces_as_they_are(served: Any, face: Face) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    sent = f"data:image/jpeg;base64,{base64.b64encode(face.path.read_bytes()).decode()}"
    given = {"headline": "Run further tonight", "brand": BRAND, "image_path": sent}
    tricks = {"faces": "synthetic", "consent_id": SYNTHETIC_PERSON, "changes": ["faces"]}

    async def ask(more: Mapping[str, Any]) -> Any:
        address = f"{served.url}/gradio_api/mcp/"
        async with streamable_http_client(address) as (coming, going, _), ClientSession(coming, going) as session:
            await session.initialize()
            return await session.call_tool("improve_ad", {**given, **more})

    answer = asyncio.run(ask({}))
    text = " ".join(getattr(part, "text", "") for part in answer.content)
    assert "Nothing was approved" in text
    assert set(re.findall(r"[\"']face[\"']: (-?\d+)", text)) == {"-1"}
    found = re.search(r"[\"']edits[\"']: (\[.*?\])", text)
    address = re.search(r"http://127\.0\.0\.1[^\"' ]+\.png", text)
    assert found is not None
    assert address is not None, text[-500:]
    with urllib.request.urlopen(address[0]) as response:
        image_u8 = np.asarray(Image.open(io.BytesIO(response.read())).convert("RGB"))
    assert face.difference(image_u8, ast.literal_eval(found[1].replace("null", "None"))) <= EXACT
    refused = asyncio.run(ask(tricks))
    assert refused.isError
    assert not [part for part in refused.content if ".png" in getattr(part, "text", "")]
