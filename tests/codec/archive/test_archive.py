"""Archives of folders: every byte back, pictures small, nothing lost by a kill, damage and hostility refused."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from adcreative.codec.archive.container import ArchiveReader
from adcreative.codec.archive.packing import PackSummary, pack_folder
from adcreative.codec.archive.restoring import check_archive, restore_folder
from adcreative.errors import ArtifactError, CatalogError
from adcreative.progress import never, silent
from tests.security import fuzz_archives


def photo(seed: int, height: int = 120, width: int = 160) -> np.ndarray:
    """A picture with smooth ground, edges and grain, [H, W, 3]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    ground = np.stack([rows + columns, 2 * rows, 255 - columns], axis=-1) % 256
    noise = rng.normal(0, 3, (height, width, 3))
    return np.clip(ground + noise, 0, 255).astype(np.uint8)


def adjusted(image_u8: np.ndarray) -> np.ndarray:
    """Exposure, contrast and saturation, each rounded, and another face."""
    bright = np.clip(image_u8 * 1.15, 0, 255).astype(np.uint8)
    contrast = np.clip(1.1 * bright - 0.1 * bright.mean(), 0, 255).astype(np.uint8)
    grey = contrast.mean(axis=2, keepdims=True)
    edited = np.clip(0.9 * contrast + 0.1 * grey, 0, 255).astype(np.uint8)
    edited[30:60, 40:80] = photo(99)[30:60, 40:80][::-1]
    return edited


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    (run / "images").mkdir(parents=True)
    for number in range(3):
        original = photo(number)
        control = original.copy()
        control[30:60, 40:80] += 1
        for kind, image_u8 in (("original", original), ("control", control), ("edited", adjusted(original))):
            note = PngImagePlugin.PngInfo()
            note.add_itxt("XML:com.adobe.xmp", f"<made {kind}/>")
            Image.fromarray(image_u8).save(run / "images" / f"{number}.{kind}.png", compress_level=3, pnginfo=note)
    (run / "results.jsonl").write_text("".join(json.dumps({"row": n, "headline": "Run far"}) + "\n" for n in range(200)))
    (run / "copy.jsonl").write_bytes((run / "results.jsonl").read_bytes())
    (run / "empty").write_bytes(b"")
    os.chmod(run / "results.jsonl", 0o600)
    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pack(folder: Path, out: Path, **options: Any) -> PackSummary:
    return pack_folder(folder, out, **{"progress": silent, "should_stop": never} | options)


def restore(archive: Path, out: Path) -> dict[str, bytes]:
    restore_folder(archive, out, progress=silent, should_stop=never)
    return contents(out)


def index_of(archive: Path) -> dict[str, Any]:
    with ArchiveReader(archive) as reader:
        return reader.index


def test_every_byte_comes_back_and_the_folder_stays(folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    summary = pack(folder, tmp_path / "run.adc")
    assert restore(tmp_path / "run.adc", tmp_path / "back") == before == contents(folder)
    assert (tmp_path / "back" / "results.jsonl").stat().st_mode & 0o777 == 0o600
    assert summary.num_files == len(before)
    assert summary.packed_bytes == (tmp_path / "run.adc").stat().st_size


def test_less_than_half_of_a_zip_of_the_pictures(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("*"):
        if path.is_file():
            path.unlink()
    sources = []
    for number in range(3):  # what users bring are JPEG files, and the originals are what they decode to
        source = tmp_path / f"{number}.jpg"
        Image.fromarray(photo(number)).save(source, quality=85)
        original = np.asarray(Image.open(source))
        control = original.copy()
        control[30:60, 40:80] += 1
        for kind, image_u8 in (("original", original), ("control", control), ("edited", adjusted(original))):
            Image.fromarray(image_u8).save(folder / "images" / f"{number}.{kind}.png", compress_level=3)
        sources.append(source)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.rglob("*.png"):
            file.write(path)
    summary = pack(folder, tmp_path / "run.adc", sources=sources)
    assert 2.5 * summary.packed_bytes <= len(zipped.getvalue())
    assert restore(tmp_path / "run.adc", tmp_path / "back") == contents(folder)
    pictures = index_of(tmp_path / "run.adc")["pictures"]
    assert ["is_file" in one for one in pictures] == [True, False, False] * 3
    assert [one.get("base") for one in pictures] == [None, 0, 0, None, 3, 3, None, 6, 6]


def test_a_folder_with_a_model_and_photographs_is_smaller_than_its_zip(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    demo.mkdir()
    (demo / "model.safetensors").write_bytes(np.random.default_rng(0).normal(size=400_000).astype(np.float32).tobytes())
    Image.fromarray(photo(7, 900, 1200)).save(demo / "photo.jpg", quality=95)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        for path in demo.iterdir():
            file.write(path)
    assert pack(demo, tmp_path / "demo.adc").packed_bytes < len(zipped.getvalue())
    assert restore(tmp_path / "demo.adc", tmp_path / "back") == contents(demo)


def test_equal_content_is_kept_once(folder: Path, tmp_path: Path) -> None:
    first = pack(folder, tmp_path / "a.adc").packed_bytes
    for name, content in contents(folder).items():
        (folder / f"again-{Path(name).name}").write_bytes(content)
    assert pack(folder, tmp_path / "b.adc").packed_bytes < first + 1500


@pytest.mark.parametrize("options", [{}, {"compress_level": 7}, {"optimize": True}])
def test_pngs_of_others_come_back_too(tmp_path: Path, options: dict[str, Any]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    Image.fromarray(photo(1)).save(run / "a.png", **options)
    Image.fromarray(photo(1)[..., 0]).save(run / "grey.png")
    Image.fromarray(np.dstack([photo(1), photo(2)[..., :1]])).save(run / "alpha.png")
    Image.fromarray(photo(1)[:1, :1]).save(run / "pixel.png", compress_level=3)
    (run / "cut.png").write_bytes((run / "a.png").read_bytes()[:3000])
    (run / "tail.png").write_bytes((run / "a.png").read_bytes() + b"x" * 100)
    before = contents(run)
    pack(run, tmp_path / "run.adc")
    assert restore(tmp_path / "run.adc", tmp_path / "back") == before


def test_large_files_are_kept_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.codec.archive.packing.MAX_BLOB_BYTES", 1000)
    monkeypatch.setattr("adcreative.codec.archive.packing.BUNDLED_BYTES", 500)
    run = tmp_path / "run"
    run.mkdir()
    rng = np.random.default_rng(0)
    for number, size in enumerate((3, 499, 500, 1000, 1001, 4321)):
        (run / str(number)).write_bytes(rng.bytes(size))
    pack(run, tmp_path / "run.adc")
    assert restore(tmp_path / "run.adc", tmp_path / "back") == contents(run)


def test_links_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("no")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "images" / "linked").symlink_to(tmp_path, target_is_directory=True)
    summary = pack(folder, tmp_path / "run.adc")
    assert sorted(summary.links) == ["images/linked", "link"]
    assert not {"link", "images/linked"} & {one["path"] for one in index_of(tmp_path / "run.adc")["files"]}


def test_stopped_packing_leaves_no_archive(folder: Path, tmp_path: Path) -> None:
    calls = iter([False, False, True])
    summary = pack(folder, tmp_path / "run.adc", should_stop=lambda: next(calls, True))
    assert summary.stopped
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_killed_packing_loses_nothing(folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    pack(folder, tmp_path / "run.adc")
    whole = (tmp_path / "run.adc").read_bytes()
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom adcreative.codec.archive.packing import pack_folder\n"
        "def told(stage, done, total):\n    print(done, flush=True)\n    time.sleep(0.5 if done == 4 else 0)\n"
        "pack_folder(Path(sys.argv[1]), Path(sys.argv[2]), progress=told, should_stop=lambda: False)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(tmp_path / "run.adc")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "4":
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "run.adc").read_bytes() == whole
    assert contents(folder) == before
    pack(folder, tmp_path / "run.adc")
    assert restore(tmp_path / "run.adc", tmp_path / "back") == before


def test_restoring_goes_on_where_it_was_and_overwrites_nothing(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "run.adc")
    restore(tmp_path / "run.adc", tmp_path / "back")
    (tmp_path / "back" / "results.jsonl").unlink()
    summary = restore_folder(tmp_path / "run.adc", tmp_path / "back", progress=silent, should_stop=never)
    assert (summary.num_files, summary.num_there) == (1, len(contents(folder)) - 1)
    (tmp_path / "back" / "results.jsonl").write_text("mine")
    with pytest.raises(CatalogError, match="is there already with other content; choose an empty folder"):
        restore(tmp_path / "run.adc", tmp_path / "back")
    assert (tmp_path / "back" / "results.jsonl").read_text() == "mine"


def test_another_encoder_gives_equal_pixels_and_says_so(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(folder, tmp_path / "run.adc")
    monkeypatch.setattr("adcreative.codec.archive.png.SETTINGS", ({"compress_level": 8},) * 4)
    summary = restore_folder(tmp_path / "run.adc", tmp_path / "back", progress=silent, should_stop=never)
    assert len(summary.changed) == 9
    for name in summary.changed:
        assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / name)), np.asarray(Image.open(folder / name)))


def test_a_file_that_changes_while_it_is_packed_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adcreative.codec.archive.packing._hash_file", lambda _path: "0" * 64)
    with pytest.raises(CatalogError, match="changed while it was read; pack the folder again"):
        pack(folder, tmp_path / "run.adc")
    assert not (tmp_path / "run.adc").exists()


def test_damage_is_one_sentence(tmp_path: Path) -> None:
    content = fuzz_archives.archives()[0][1]
    assert fuzz_archives.refused(content, tmp_path) == ""
    for damaged, said in (
        (b"PK\x03\x04" + bytes(100), "is no archive of adcreative"),
        (b"", "is no archive of adcreative"),
        (content[:8], "it is cut short"),
        (content[:-1], "it is cut short"),
        (content[:20] + b"\xff" + content[21:], "is damaged"),
        (content[:-40] + bytes([content[-40] ^ 1]) + content[-39:], "its index was changed"),
    ):
        assert said in fuzz_archives.refused(damaged, tmp_path)
    with pytest.raises(ArtifactError, match=r"cannot be read .* name an archive"):
        check_archive(tmp_path / "none.adc", progress=silent, should_stop=never)


def _set(index: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    place: Any = index
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return index


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("format",), 2, "this version reads 3; upgrade adcreative"),
        (("files", 0, "path"), "../out", "unsafe"),
        (("files", 0, "path"), "/etc/passwd", "unsafe"),
        (("files", 0, "path"), "\ud800", "unsafe"),
        (("files", 0, "path"), "a//b", "unsafe"),
        (("files", 0, "size"), -1, "without size"),
        (("files", 3, "content"), {"pieces": [[0, 0, 9**9]]}, "a piece of a file"),
        (("files", 0, "content"), {"pieces": [["x", 0, 1]]}, "a piece of a file"),
        (("pictures", 0, "size"), [60_000, 60_000], "is too large"),
        (("pictures", 1, "base"), 1, "how a picture is coded"),
        (("pictures", 1, "base"), -1, "it has no picture -1"),
        (("pictures", 1, "blob"), 99, "it has no blob 99"),
        (("pictures", 1, "sha256"), "0" * 64, "comes out with other pixels"),
        (("pictures", 0, "size"), [12, 16], "the size of a picture"),
        (("blobs", 0, 3), 2**40, "its list of blobs"),
        (("blobs", 0, 4), "0" * 64, "a blob was changed"),
    ],
)
def test_an_index_that_lies_is_refused(tmp_path: Path, path: tuple[Any, ...], value: Any, said: str) -> None:
    content = fuzz_archives.rewrap(json.dumps(_set(fuzz_archives.index(), path, value)).encode())
    assert said in fuzz_archives.refused(content, tmp_path)


def test_links_in_the_target_lead_nowhere(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "run.adc")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "images").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(CatalogError, match=r"leads out of .* by a link; choose an empty folder"):
        restore(tmp_path / "run.adc", tmp_path / "back")
    assert not list((tmp_path / "elsewhere").iterdir())
