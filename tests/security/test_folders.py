"""Ways out of the folder: names in tables, links, archives, addresses, and what is written under such names."""

from __future__ import annotations

import json
import os
import socket
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from adcreative.catalog import read_catalog
from adcreative.catalog.images import read_image
from adcreative.errors import CatalogError, CreativeError
from adcreative.report.pictures import picture_path
from adcreative.runs.folder import safe_stem

PICTURE = Image.fromarray(np.full((80, 80, 3), 90, np.uint8))
WAYS_OUT = (
    "../secret.png",
    "images/../../secret.png",
    "..\\secret.png",
    "/etc/passwd",
    "C:\\secret.png",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data",
    "https://example.com/a.png",
    "data:image/png;base64,AAAA",
    "//host/share/a.png",
    "images/%2e%2e/%2e%2e/secret.png",
    "~/secret.png",
    "secret.png\x00.png",
    "....//secret.png",
)


@pytest.fixture
def ads(tmp_path: Path) -> Path:
    """A folder with one good picture; the secret lies beside the folder."""
    PICTURE.save(tmp_path / "secret.png")
    (tmp_path / "ads" / "images").mkdir(parents=True)
    PICTURE.save(tmp_path / "ads" / "images" / "good.png")
    return tmp_path / "ads"


def write_table(folder: Path, suffix: str, names: list[str]) -> None:
    rows = [{"file_name": name, "headline": f"Ad number {n}"} for n, name in enumerate(names)]
    path = folder / f"metadata.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [",".join(f'"{value}"' for value in row.values()) for row in rows]
        path.write_text("\n".join(["file_name,headline", *lines]) + "\n")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_no_row_of_a_table_leads_out_of_its_folder(ads: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: Any) -> None:
        raise AssertionError("a file_name was looked up on the network")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr(socket.socket, "connect", no_network)
    write_table(ads, suffix, ["images/good.png", *WAYS_OUT])
    catalog = read_catalog(ads)
    assert [creative.file_name for creative in catalog.creatives] == ["images/good.png"]
    assert len(catalog.failures) == len(WAYS_OUT)
    assert all(failure.remedy for failure in catalog.failures)


def test_links_that_lead_out_are_refused_and_links_inside_are_read(ads: Path) -> None:
    secret = ads.parent / "secret.png"
    os.symlink(secret, ads / "images" / "link.png")
    os.symlink(ads.parent, ads / "up")
    os.symlink(ads / "images" / "link.png", ads / "images" / "twice.png")
    os.symlink("loop.png", ads / "loop.png")
    os.symlink(ads / "images" / "good.png", ads / "inside.png")
    write_table(ads, "csv", ["images/link.png", "up/secret.png", "images/twice.png", "loop.png", "inside.png"])
    catalog = read_catalog(ads)
    assert [creative.file_name for creative in catalog.creatives] == ["inside.png"]
    (ads / "metadata.csv").unlink()
    catalog = read_catalog(ads)  # without a table, the folder's pictures are listed
    assert {creative.file_name for creative in catalog.creatives} == {"images/good.png", "inside.png"}


def test_archives_are_not_unpacked(ads: Path) -> None:
    """A zip that would write outside (zip slip) is read nowhere: not as a table, not as a picture, not as a folder."""
    path = ads / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../slipped.txt", "x")
    for name in ("evil.zip", "evil.csv", "evil.parquet"):
        (ads / name).write_bytes(path.read_bytes())
        with pytest.raises(CatalogError):
            read_catalog(ads / name)
    (ads / "evil.png").write_bytes(path.read_bytes())
    with pytest.raises(CreativeError, match="a zip archive"):
        read_image(ads / "evil.png")
    assert not list(ads.parent.rglob("slipped.txt"))


@pytest.mark.parametrize(
    "name",
    [
        "../../x.png",
        "..",
        "a/b\\c.png",
        "x\n\r.png",
        "=cmd|' /C calc'!A0.png",
        "ü" * 300 + ".png",
        "",
        "con.png",
        "🦊.png",
        "<img src=x onerror=alert(1)>.png",
        "a\u202egnp.png",
        "-rf.png",
    ],
)
def test_output_names_stay_inside_and_fit_the_file_system(tmp_path: Path, name: str) -> None:
    stem = safe_stem(name)
    path = tmp_path / f"00001-{stem}.edited.png.provenance.json"
    path.write_text("x")
    assert path.resolve().parent == tmp_path.resolve()
    assert len(path.name.encode()) < 200
    assert not set(stem) & set("/\\<>:\"'|?*\n\r=\u202e")
    assert stem


def test_a_planted_result_row_shows_no_other_picture_in_the_report(ads: Path) -> None:
    images = ads / "images"
    os.symlink(ads.parent / "secret.png", images / "link.edited.png")
    for named in ("../secret.png", str(ads.parent / "secret.png"), "images/../../secret.png", "images/link.edited.png"):
        assert picture_path({"edited_image": named, "file_name": "x.png"}, "edited", images) is None
    assert picture_path({"original_image": "images/good.png"}, "original", images) is not None
