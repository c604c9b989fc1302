"""Zip archives of strangers are held to limits of size, number, growth and method, whoever reads them."""

from __future__ import annotations

import ast
import io
import zipfile
from pathlib import Path

import pytest

from adcreative.catalog import zips
from adcreative.catalog.zips import Allowance, PackedError, TooLargeError, TooMuchError, ZipReader

ROOT = Path(__file__).parents[2]
SANDBOXED = {"stylegan/foreign/torch_files.py"}  # lists names only, in a process with limits, and may not import adcreative


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_members_come_back_and_are_counted(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.txt": b"abc", "b/c.txt": b"x" * 3_000_000})
    allowance = Allowance(3_000_003, 2)
    with ZipReader(path, allowance) as archive:
        assert archive.names == ["a.txt", "b/c.txt"]
        assert archive.read("a.txt", 3) == b"abc"
        assert sum(map(len, archive.stream("b/c.txt", 3_000_000))) == 3_000_000
    assert (allowance.num_bytes, allowance.num_files) == (0, 0)


def test_one_member_and_all_together_are_bounded(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{number}.txt": bytes(2_000_000) for number in range(3)})
    with (
        ZipReader(path, Allowance(10_000_000)) as archive,
        pytest.raises(TooLargeError, match=r"1\.txt in a\.zip is too large"),
    ):
        archive.read("1.txt", 1_999_999)
    shared = Allowance(5_000_000)
    with ZipReader(path, shared) as archive, ZipReader(path, shared) as other:
        assert archive.read("0.txt", 2_000_000) == other.read("1.txt", 2_000_000)
        with pytest.raises(TooMuchError, match="larger than 4 MB"):
            archive.read("2.txt", 2_000_000)
    with ZipReader(path, Allowance(10_000_000, 2)) as archive, pytest.raises(TooMuchError, match="more than 2 files"):
        archive.check()
    with ZipReader(path, Allowance(5_000_000)) as archive, pytest.raises(TooMuchError, match="larger than 4 MB"):
        archive.check()


def test_what_grows_too_much_is_refused_unread(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"bomb": bytes(50_000_000)})
    for read in (lambda archive: archive.read("bomb", 60_000_000), lambda archive: archive.check()):
        with (
            ZipReader(path, Allowance(100_000_000)) as archive,
            pytest.raises(TooLargeError, match="more than 200 times its size"),
        ):
            read(archive)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_grow_without_bound_in_one_step_are_refused(tmp_path: Path, method: int) -> None:
    """4 KB of bzip2 unpack to 90 MB whatever size the archive states."""
    path = pack(tmp_path / "a.zip", {"a.txt": b"abc"}, method)
    for read in (lambda archive: archive.read("a.txt", 9), lambda archive: archive.check()):
        with ZipReader(path, Allowance(100)) as archive, pytest.raises(PackedError, match="by a method other than deflate"):
            read(archive)


def test_a_long_list_of_members_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{number:0200d}": b"" for number in range(20_000)}, zipfile.ZIP_STORED)
    with pytest.raises(PackedError, match="its list of files is longer than"):
        ZipReader(path, Allowance(100))


def test_a_size_that_lies_is_found_while_reading(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.txt": bytes(1_000_000)})
    content = path.read_bytes()
    at = content.rindex(b"PK\x01\x02") + 24  # of the size unpacked in the list of members
    path.write_bytes(content[:at] + (3).to_bytes(4, "little") + content[at + 4 :])
    with ZipReader(path, Allowance(100)) as archive, pytest.raises(PackedError, match="damaged or no zip"):
        archive.read("a.txt", 100)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "encrypted", "missing"])
def test_a_damaged_archive_is_one_sentence(tmp_path: Path, damage: str) -> None:
    path = pack(tmp_path / "a.zip", {"a.txt": bytes(range(256)) * 40})
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[60:90] = bytes(30)
    if damage == "encrypted":
        content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes({"cut": bytes(content[:-30]), "empty": b"", "text": b"PK no zip"}.get(damage, bytes(content)))
    if damage == "missing":
        path.unlink()
    with (
        pytest.raises(PackedError, match=r"a\.zip (cannot|is encrypted)|a\.txt in a\.zip is encrypted"),
        ZipReader(path, Allowance(1 << 20)) as archive,
    ):
        archive.read("a.txt", 1 << 20)


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    with ZipReader(pack(tmp_path / "a.zip", {}), Allowance(9)) as archive, pytest.raises(PackedError, match=r"holds no b\.txt"):
        archive.read("b.txt", 9)


def test_short_reads_leave_small_files_alone() -> None:
    assert zips._ShortReads(io.BytesIO(b"abc")).read() == b"abc"


def test_no_other_module_opens_archives() -> None:
    """ZipFile(..., "w") writes; whatever reads goes through `catalog.zips`."""
    found = set()
    for top in ("adcreative", "stylegan", "apps"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                is_open = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                    ("ZipFile", "unpack_archive", "tarfile.open")
                )
                if is_open and isinstance(node, ast.Call) and not (len(node.args) > 1 and ast.unparse(node.args[1]) == "'w'"):
                    found.add(path.relative_to(ROOT).as_posix())
    assert found - SANDBOXED == {"adcreative/catalog/zips.py"}
