"""Inputs that are small on disk and huge in memory, or slow on purpose: refused from the header, in a sentence, in time."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative.benchmarks.bars.grid import read_grid
from adcreative.catalog import read_catalog
from adcreative.catalog.datasets.finn_slates import read_finn_slates
from adcreative.catalog.formats.fuxictr import read_fuxictr_schema
from adcreative.catalog.images import decode_image
from adcreative.config import parse_yaml
from adcreative.errors import AdCreativeError, CatalogError, ConfigError, CreativeError
from adcreative.provenance.disclosure import disclosures
from adcreative.provenance.errors import ProvenanceError
from adcreative.runs.people import Person
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.planned import Planned, read_planned, write_test_pack
from apps.studio.handlers.uploads import gather
from apps.studio.handlers.winners import Winners
from tests.apps.fakes import FakeStudio


@pytest.fixture(autouse=True)
def _frugal() -> Iterator[None]:
    """No bomb of this file may take more than five seconds of processor time or 200 MB."""
    tracemalloc.start()
    started_s = time.process_time()
    yield
    assert time.process_time() - started_s < 5
    assert tracemalloc.get_traced_memory()[1] < 200e6
    tracemalloc.stop()


def png(width: int, height: int, *, payload: bytes = b"") -> bytes:
    """A PNG whose header claims this size, with one small data chunk."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", payload or zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg_claiming(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "JPEG")
    content = bytearray(buffer.getvalue())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def test_a_jpeg_that_lies_about_its_size() -> None:
    with pytest.raises(CreativeError, match="megapixels"):
        decode_image(jpeg_claiming(65_000, 65_000))


def test_a_stream_longer_than_its_header_says_ends_at_its_size() -> None:
    bomb = zlib.compress(bytes(40_000_000), 9)  # 40 MB behind a header of 64 x 64
    assert decode_image(png(64, 64, payload=bomb)).shape == (64, 64, 3)


def test_text_chunks_that_inflate_are_bounded() -> None:
    body = b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    content = buffer.getvalue()
    with pytest.raises(CreativeError, match=r"cannot be (read|decoded)"):
        decode_image(content[:33] + chunk + content[33:])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("columns.csv", "headline" + "," * 1_000_000 + "\nhi there\n", "more than 2,000 columns"),
        ("names.csv", ",".join(f"c{n}" for n in range(150_000)) + ",headline\nhi there\n", "more than 2,000 columns"),
        ("one.csv", "h" * 900_000 + "\nhi there\n", "one.csv"),
        (
            "keys.jsonl",
            "{" + ",".join(f'"k{n}":1' for n in range(60_000)) + ',"headline":"x"}\n',
            "more than 500 different keys",
        ),
    ],
)
def test_tables_too_wide_are_one_sentence(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CatalogError, match=message) as caught:
        read_catalog(tmp_path / name)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cell.csv", 'headline,brand\n"' + "x" * 5_000_000 + '",b\nfine ad,b\n'),
        ("line.csv", "headline,brand\nhi" + "," * 2_000_000 + "\nfine ad,b\n"),
        ("digits.csv", "headline,clicks\nbad ad," + "9" * 100_000 + "\nfine ad,1\n"),
        ("deep.jsonl", "[" * 200_000 + '\n{"headline":"fine ad"}\n'),
        ("nested.jsonl", '{"headline":' + "[" * 90_000 + "]" * 90_000 + '}\n{"headline":"fine ad"}\n'),
        ("long.jsonl", '{"headline":"' + "x" * 5_000_000 + '"}\n{"headline":"fine ad"}\n'),
        ("number.jsonl", '{"headline":"bad ad","clicks":' + "9" * 100_000 + '}\n{"headline":"fine ad"}\n'),
        ("quotes.csv", 'headline,brand\n"unclosed,b\n' + "".join(f"fine ad,{n}\n" for n in range(50))),
    ],
)
def test_a_giant_cell_costs_its_row_only(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    catalog = read_catalog(tmp_path / name)
    assert "fine ad" in {creative.headline for creative in catalog.creatives}
    assert all(len(failure.problem) < 1_000 for failure in catalog.failures)
    assert len(catalog.failures) == 1 or (name == "line.csv" and not catalog.failures)


def nest(depth: int) -> str:
    return "[" * depth + "]" * depth


def laugh(levels: int) -> str:
    """Return a short document whose aliases stand for 9 to the power of `levels` values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}'])}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (nest(200_000), "brackets are nested more than 50 deep"),
        ("rules: " + "[{a: " * 60, "brackets are nested more than 50 deep"),
        (laugh(9), "its aliases repeat parts until there are more than 1,000,000 values"),
        ("a: &a [*a]", "its aliases repeat parts until there are more than 1,000,000 values"),
        ("a: [1", "expected ',' or ']'"),
    ],
)
def test_a_yaml_bomb_is_one_sentence_in_time(text: str, problem: str, tmp_path: Path) -> None:
    """Before, 200,000 brackets took minutes, and a rule whose condition is an alias was written out whole."""
    (tmp_path / "rules.yaml").write_text(f"market: eu\nname: EU\n{text}\n")
    (tmp_path / "grid.yaml").write_text(text)
    started_s = time.process_time()
    with pytest.raises(ValueError, match=problem.replace("[", r"\[").replace("]", r"\]")):
        parse_yaml(text)
    with pytest.raises(ProvenanceError, match=r"\.yaml is not valid YAML: "):
        disclosures(["all"], [{"face": 0}], date(2026, 11, 24), rules_dir=tmp_path)
    for read in (read_grid, lambda name: read_fuxictr_schema(Path(name))):
        with pytest.raises(ConfigError, match=r"cannot be read"):
            read(str(tmp_path / "grid.yaml"))
    assert time.process_time() - started_s < 5


def test_yaml_with_a_few_aliases_is_read() -> None:
    assert parse_yaml("base: &base {x: [1, 2]}\na: {<<: *base, y: 3}\nb: *base\n")["a"] == {"x": [1, 2], "y": 3}


def test_a_cached_entry_with_a_pickle_is_not_read(tmp_path: Path) -> None:
    from adcreative.features.cache import FeatureCache

    cache = FeatureCache(tmp_path)
    path = tmp_path / "aa" / "aa1.entry"
    path.parent.mkdir()
    for planted in (pickle.dumps({"codes": 1}), _npz_with_a_pickle()):
        path.write_bytes(hashlib.sha256(planted).digest() + planted)
        assert cache.load("aa1") is None


def _npz_with_a_pickle() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, codes=np.array([{"a": 1}], dtype=object))
    return buffer.getvalue()


def pack_of(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a pack of the app with these members beside those that every pack has."""
    row = {"headline_edited": "Coats", "edited_image": "images/a.edited.png"}
    usual = {
        "technical/results.jsonl": json.dumps(row).encode(),
        "technical/results.run.json": b"{}",
        "technical/campaign.json": b'{"campaign": "c"}',
        "technical/original/metadata.csv": b"headline\nCoats\n",
    }
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in (usual | members).items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def winners(tmp_path: Path) -> Winners:
    studio = FakeStudio()
    return Winners(handlers=Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards))


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("technical/results.jsonl", zipfile.ZIP_DEFLATED),
        ("technical/results.jsonl", zipfile.ZIP_BZIP2),
        ("technical/original/metadata.csv", zipfile.ZIP_DEFLATED),
        ("technical/campaign.json", zipfile.ZIP_DEFLATED),
        ("upload/a_version-B.png", zipfile.ZIP_DEFLATED),
        ("upload/a_version-B.png", zipfile.ZIP_LZMA),
    ],
)
def test_a_pack_that_unpacks_to_a_hundred_times_its_size_is_refused(
    tmp_path: Path, winners: Winners, name: str, method: int
) -> None:
    """Before, 1.2 MB of results.jsonl and metadata.csv took 2.7 GB."""
    package = pack_of(tmp_path / "pack.zip", {name: bytes(90_000_000)}, method)
    tracemalloc.reset_peak()
    if name != "technical/campaign.json":
        with pytest.raises(AdCreativeError, match=r"too large to be one of ours|not a package of this app"):
            winners.take("me", str(package))
    if name in ("technical/results.jsonl", "technical/campaign.json"):
        with pytest.raises(AdCreativeError, match=r"too large to be one of ours|not a package of this app"):
            read_planned(package, tmp_path / "planned")
    assert tracemalloc.get_traced_memory()[1] < 40e6
    assert not (tmp_path / "planned").exists()


def test_the_packs_of_a_test_are_bounded_together_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.studio.handlers.packing.MAX_PACK_BYTES", 3_000_000)
    plan = {"tests": [{"test": str(number), "arms": []} for number in range(4)]}
    members = {f"technical/{number}.zip": bytes(1_000_000) for number in range(1, 5)}
    members |= {"technical/test.json": b'{"campaign": "c"}', "technical/plan/plan.json": json.dumps(plan).encode()}
    package = pack_of(tmp_path / "test.zip", members)
    with pytest.raises(AdCreativeError, match="too large to be one of ours"):
        read_planned(package, tmp_path / "planned")
    assert not (tmp_path / "planned").exists()


def test_the_pictures_of_a_test_pack_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.studio.handlers.planned.MAX_TEST_BYTES", 3_000_000)
    arms = [{"arm": "control", "name": "original"}, {"arm": "edited", "name": "version-B", "headline": "Coats"}]
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "plan.json").write_text(json.dumps({"tests": [{"test": str(n), "arms": arms} for n in range(2)]}))
    packs = [pack_of(tmp_path / f"{n}.zip", {"upload/a_version-B.png": bytes(2_000_000)}) for n in range(2)]
    planned = Planned(plan=tmp_path / "plan", campaign="c", packs=tuple(packs))
    with pytest.raises(AdCreativeError, match="too large to be one of ours"):
        write_test_pack(planned, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_workbook_and_uploads_packed_by_methods_without_bounds_are_not_unpacked(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", method) as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            archive.writestr(name, bytes(20_000_000))
    with pytest.raises(CatalogError, match="by a method other than deflate"):
        read_catalog(tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a.png", bytes(50_000_000))
    with pytest.raises(AdCreativeError, match="no picture and no table"):
        gather([tmp_path / "a.zip"], tmp_path / "out")
    assert Person(consent_id="c-1", creative="", names={"Ada"}).look_into(tmp_path / "a.zip") is None


def test_arrays_that_claim_more_than_there_is_are_one_sentence(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (2**44,)})
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        for name in ("click_idx", "slate", "slate_length"):
            archive.writestr(f"{name}.npy", header.getvalue())
    with pytest.raises(CatalogError, match="does not hold the"):
        read_finn_slates(tmp_path / "data.npz")
