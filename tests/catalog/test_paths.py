"""file_name comes from strangers' tables: what leads out of the folder is refused, what is misspelt is explained."""

from __future__ import annotations

import contextlib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog.paths import PictureFolder
from adcreative.errors import CreativeError
from tests.catalog.conftest import RELAXED, save_picture


@pytest.mark.parametrize(
    ("file_name", "problem"),
    [
        ("../ad.png", r'leads out of the folder \("\.\."\)'),
        ("images/../../ad.png", r'leads out of the folder \("\.\."\)'),
        ("images\\..\\..\\ad.png", r'leads out of the folder \("\.\."\)'),
        ("/etc/passwd", "is an absolute path"),
        ("\\\\server\\share\\ad.png", "is an absolute path"),
        ("C:\\ads\\ad.png", "is an absolute path"),
        ("https://example.com/ad.png", "is an address, not a file"),
        ("file:///etc/passwd", "is an address, not a file"),
        ("data:image/png;base64,AAAA", "is an address, not a file"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, file_name: str, problem: str) -> None:
    with pytest.raises(CreativeError, match=problem) as caught:
        PictureFolder(tmp_path).normalise(file_name)
    assert "Write the path relative to the folder of the table" in caught.value.remedy


@pytest.mark.parametrize("file_name", ["./images//ad.png", "images\\ad.png", "images/./ad.png"])
def test_spellings_of_one_path(tmp_path: Path, file_name: str) -> None:
    save_picture(tmp_path / "images" / "ad.png")
    folder = PictureFolder(tmp_path)
    assert folder.normalise(file_name) == "images/ad.png"
    assert folder.locate("images/ad.png") == tmp_path / "images" / "ad.png"


def test_dots_inside_a_name_are_fine(tmp_path: Path) -> None:
    assert PictureFolder(tmp_path).normalise("a..b/v1...png") == "a..b/v1...png"


@RELAXED
@given(st.text(st.sampled_from("a./\\:~ \0é\n"), max_size=12))
def test_no_name_ever_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, file_name: str) -> None:
    folder = PictureFolder(tmp_path_factory.getbasetemp())
    with contextlib.suppress(CreativeError):
        path = folder.locate(folder.normalise(file_name))
        assert path.resolve().is_relative_to(folder.root.resolve())


@pytest.mark.parametrize("where", ["file", "folder"])
def test_links_out_of_the_folder_are_refused(tmp_path: Path, where: str) -> None:
    outside = save_picture(tmp_path / "outside" / "ad.png")
    root = tmp_path / "ads"
    root.mkdir()
    (root / "link").symlink_to(outside if where == "file" else outside.parent)
    with pytest.raises(CreativeError, match="is a link that leads out of the folder") as caught:
        PictureFolder(root).locate("link" if where == "file" else "link/ad.png")
    assert caught.value.remedy == "Copy the picture itself into the folder."


def test_a_sibling_whose_name_starts_alike_is_outside(tmp_path: Path) -> None:
    outside = save_picture(tmp_path / "ads2" / "ad.png")
    (tmp_path / "ads").mkdir()
    (tmp_path / "ads" / "link.png").symlink_to(outside)
    with pytest.raises(CreativeError, match="leads out of the folder"):
        PictureFolder(tmp_path / "ads").locate("link.png")


def test_links_inside_the_folder_and_a_linked_root_are_followed(tmp_path: Path) -> None:
    save_picture(tmp_path / "ads" / "ad.png")
    (tmp_path / "ads" / "copy.png").symlink_to("ad.png")
    (tmp_path / "alias").symlink_to("ads")
    assert PictureFolder(tmp_path / "alias").locate("copy.png").is_file()


def test_broken_link_folder_and_empty_file_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "broken.png").symlink_to("gone.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    folder = PictureFolder(tmp_path)
    for name, problem in (("broken", "is a broken link"), ("folder", "is not a file"), ("empty", r"is empty \(0 bytes\)")):
        with pytest.raises(CreativeError, match=problem):
            folder.locate(f"{name}.png")


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ("images/ad.png", 'Did you mean "images/Ad.JPG"?'),
        ("images/AD.jpg", 'Did you mean "images/Ad.JPG"?'),
        ("images/other.png", "Add the picture, or correct file_name."),
        ("nowhere/ad.png", "Add the picture, or correct file_name."),
        ("x" * 5_000, "Add the picture, or correct file_name."),
        ("nul\0.png", "Add the picture, or correct file_name."),
    ],
)
def test_missing_file_names_the_near_one(tmp_path: Path, wrong: str, remedy: str) -> None:
    save_picture(tmp_path / "images" / "Ad.JPG")
    with pytest.raises(CreativeError, match="there is no file") as caught:
        PictureFolder(tmp_path).locate(wrong)
    assert caught.value.remedy == remedy
    assert len(caught.value.problem) < 200


def test_accents_in_another_unicode_form_are_found(tmp_path: Path) -> None:
    save_picture(tmp_path / unicodedata.normalize("NFD", "café.png"))
    assert PictureFolder(tmp_path).locate(unicodedata.normalize("NFC", "café.png")).is_file()
