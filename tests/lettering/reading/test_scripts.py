"""The script of a line is named from its pixels; what cannot be read is said and fills no field, until tesseract is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adcreative.creative import Creative
from adcreative.features.picture_fields import fill_fields
from adcreative.lettering.reading import reader as reader_module
from adcreative.lettering.reading import tesseract
from adcreative.lettering.reading.decoding import DecodedLine
from adcreative.lettering.reading.reader import TextLine, cut_line, load_reader, pack_lines, unpack_lines
from adcreative.lettering.reading.scripts import SCRIPTS, WINDOW_PX, ScriptClassifier, cut_windows, load_scripts
from adcreative.lettering.reading.words import read_words

pytest.importorskip("rapidocr")
NOTO = Path("/usr/share/fonts/truetype/noto")
needs_fonts = pytest.mark.skipif(not (NOTO / "NotoSansArabic-Regular.ttf").is_file(), reason="draws in fonts-noto-core")
needs_tesseract = pytest.mark.skipif(
    not {"ara", "rus", "kor"} <= tesseract.installed_languages(), reason="reads with tesseract-ocr-ara, -rus and -kor"
)
TEXTS = {
    "Arabic": ("NotoSansArabic-Bold.ttf", "خصم على كل الأحذية"),
    "Cyrillic": ("NotoSans-Bold.ttf", "Скидка на обувь"),
    "Devanagari": ("NotoSansDevanagari-Bold.ttf", "सभी जूतों पर छूट"),
    "Hebrew": ("NotoSansHebrew-Bold.ttf", "הנחה על כל הנעליים"),
    "Thai": ("NotoSansThai-Bold.ttf", "ลดราคารองเท้าทุกคู่"),
    "Latin": ("NotoSans-Bold.ttf", "Half price on all shoes"),
}


def drawn(script: str, brand: str = "Lund", size: int = 52) -> np.ndarray:
    """An ad with a line in a script, and a small brand in Latin letters below it."""
    font, text = TEXTS[script]
    picture = Image.new("RGB", (720, 480), (24, 60, 110))
    pen = ImageDraw.Draw(picture)
    face = ImageFont.truetype(str(NOTO / font), size, layout_engine=ImageFont.Layout.RAQM)
    pen.text((40, 120), text, font=face, fill=(255, 255, 255))
    pen.text((40, 400), brand, font=ImageFont.truetype(str(NOTO / "NotoSans-Regular.ttf"), 24), fill=(255, 255, 255))
    return np.asarray(picture)


@needs_fonts
@pytest.mark.parametrize("script", TEXTS)
def test_the_script_of_a_line_is_named(script: str) -> None:
    picture = drawn(script)[:300]
    rows, columns = (np.flatnonzero((picture[..., 0] > 100).any(axis=axis)) for axis in (1, 0))
    (chances,) = load_scripts().classify([picture[rows[0] - 6 : rows[-1] + 6, columns[0] - 6 : columns[-1] + 6]])
    assert chances.sum() == pytest.approx(1.0)
    best = [SCRIPTS[number] for number in np.argsort(-chances)[:2]]
    assert script in (best[:1] if script not in ("Latin", "Cyrillic") else best)  # which share letters


def test_windows_cover_a_line_up_to_a_length_and_short_ones_are_filled_up() -> None:
    assert cut_windows(np.zeros((32, 40, 3), np.uint8)).shape == (1, 32, WINDOW_PX)
    assert cut_windows(np.zeros((64, 640, 3), np.uint8)).shape == (3, 32, WINDOW_PX)
    assert len(cut_windows(np.zeros((10, 4000, 3), np.uint8))) == 4
    assert load_scripts().classify([]).shape == (0, len(SCRIPTS))


def test_numpy_runs_what_torch_trained() -> None:
    import torch

    from data.make.scripts.__main__ import ScriptNetwork

    torch.manual_seed(3)
    network = ScriptNetwork()
    network(torch.randn(16, 32, WINDOW_PX))  # moves the normalisation's means
    network.eval()
    windows = np.random.default_rng(1).integers(0, 256, (5, 32, WINDOW_PX), dtype=np.uint8)
    ours = ScriptClassifier(network.folded())
    from adcreative.lettering.reading.scripts import normalise

    with torch.no_grad():
        expected = network(torch.from_numpy(normalise(windows))).numpy()
    assert ours._scores(windows) == pytest.approx(expected, abs=1e-4)


@needs_fonts
def test_words_that_cannot_be_read_are_said_and_fill_no_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tesseract, "installed_languages", frozenset)
    words = read_words(drawn("Arabic"), load_reader())
    assert [line.script for line in words.unread] == ["Arabic"]
    assert words.hides_words
    expected = "the picture holds words in Arabic script that could not be read; install tesseract-ocr-ara to read them"
    assert words.unread_note == expected
    filled = fill_fields(Creative(file_name="ad.png"), words)
    assert (filled.headline, filled.read_fields) == ("", ())  # the brand is no headline
    assert filled.read_note.startswith(expected)
    x0, y0, x1, y1 = words.unread[0].box_xyxy_px
    assert words.covers((x0 + 5, y0 + 5, x1 - 5, y1 - 5))  # letters are no face, whether they are read or not


@needs_fonts
@needs_tesseract
@pytest.mark.parametrize("script", ["Arabic", "Cyrillic"])
def test_other_scripts_are_read_where_tesseract_is(script: str) -> None:
    words = read_words(drawn(script), load_reader())
    assert words.unread == ()
    assert fill_fields(Creative(file_name="ad.png"), words).headline == TEXTS[script][1]


def test_a_script_of_many_lines_takes_those_that_nothing_reads_surely(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(*lines: tuple[str, float, str]) -> list[str]:
        chances = np.full((len(lines), len(SCRIPTS)), 0.1 / len(SCRIPTS))
        for row, (_, _, script) in zip(chances, lines, strict=True):
            row[SCRIPTS.index(script)] = 0.9
        monkeypatch.setattr(reader_module, "load_scripts", lambda: SimpleNamespace(classify=lambda crops: chances))
        found = [DecodedLine(text, sure, 1.0) for text, sure, _ in lines]
        return [one for one, _ in reader_module.name_scripts([np.zeros((20, 80, 3), np.uint8)] * len(lines), found)]

    thai = [("unu", 0.6, "Thai"), ("nenc", 0.7, "Thai")]
    assert named(*thai, ("TUsuq", 0.8, "Latin"), ("uIWu", 0.7, "Cyrillic"), ("Forex", 0.99, "Latin")) == ["Thai"] * 4 + [
        "Latin"
    ]
    assert named(("Corner", 0.7, "Cyrillic"), ("Cafe", 0.7, "Latin")) == ["Cyrillic", "Latin"]


@pytest.mark.parametrize(
    ("text", "shares", "script"),
    [
        ("HOBAA ΦOPMA BC", {"Greek": 0.5, "Cyrillic": 0.35}, "Greek"),
        ("HOBAA OPMA BC", {"Cyrillic": 0.5, "Latin": 0.4}, "Cyrillic"),
        ("HOBAA OPMA BC", {"Latin": 0.6, "Cyrillic": 0.3}, "Latin"),
        ("NEW FORM FOR ALL", {"Cyrillic": 0.6, "Latin": 0.3}, "Latin"),
        ("CAMP", {"Cyrillic": 0.6, "Latin": 0.3}, "Latin"),
    ],
)
def test_letters_that_all_look_like_another_script_are_not_latin_for_sure(
    monkeypatch: pytest.MonkeyPatch, text: str, shares: dict[str, float], script: str
) -> None:
    chances = np.array([[shares.get(one, 0.001) for one in SCRIPTS]])
    monkeypatch.setattr(reader_module, "load_scripts", lambda: SimpleNamespace(classify=lambda crops: chances))
    named = reader_module.name_scripts([np.zeros((20, 80, 3), np.uint8)], [DecodedLine(text, 0.95, 1.0)])
    assert [one for one, _ in named] == [script]


@needs_fonts
def test_a_latin_ad_is_read_as_before_and_asks_no_other_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "read_crops", lambda crops, script, *_: pytest.fail(f"asked for {script}"))
    words = read_words(drawn("Latin"), load_reader())
    assert [block.text for block in words.blocks] == [TEXTS["Latin"][1], "Lund"]
    assert words.unread_note == ""


def test_a_program_that_takes_too_long_reads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "tesseract"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(tesseract, "installed_languages", lambda: frozenset(("ara",)))
    monkeypatch.setattr(tesseract, "FITTED", replace(tesseract.FITTED, timeout_s=0.2))
    assert tesseract.read_crops([np.zeros((20, 60, 3), np.uint8)], "Arabic") == [("", 0.0)]


def test_letters_that_come_apart_are_joined_and_words_are_not() -> None:
    def table(*words: tuple[str, int, int]) -> str:
        rows = [f"5\t1\t1\t1\t1\t{k}\t{left}\t0\t{width}\t40\t90\t{word}" for k, (word, left, width) in enumerate(words)]
        return "\n".join(["level", *rows])

    def read(*words: tuple[str, int, int]) -> Any:
        return tesseract._parse(table(*words), 1)[0]

    korean = read(("카", 0, 40), ("톡", 44, 40), ("맺고", 110, 80))
    assert (korean.text, korean.confidence) == ("카톡 맺고", pytest.approx(0.9))
    assert read(("Скидка", 0, 90), ("50%", 92, 60)).text == "Скидка 50%"
    assert [one.text for one in tesseract._parse("level", 2)] == ["", ""]
    assert tesseract.part_words(korean, [42.0]) == "카 톡맺고"
    assert tesseract.part_words(korean, []) == "카톡맺고"


@pytest.mark.parametrize(
    ("text", "accented", "expected"),
    [
        ("GII PHÁP H ST", "Giải pháp hạ sốt", "GIẢI PHÁP HẠ SỐT"),  # letters that the first reading left out
        ("CUP QUC GIA", "CUP QUỐC 6IA", "CUP QUỐC GIA"),
        ("26.000.000d", "26.000.000đ", "26.000.000đ"),
        ("www.lich.vn", "'wWwwlich.vn", "www.lich.vn"),
        ("JOGARBOLA", "J00A880LÂ", "JOGARBOLA"),  # another text
    ],
)
def test_a_second_reading_gives_accents_and_no_other_letters(text: str, accented: str, expected: str) -> None:
    assert tesseract.with_accents(text, accented) == expected


@pytest.mark.parametrize(
    ("texts", "installed", "expected", "confidence"),
    [
        (["CHÀO HÈ RC R", "Chương trinh khuyn māi"], ("vie",), ["CHÀO HÈ RỰC RỠ", "Chương trình khuyến mãi"], 0.8),
        (["CHÀO HÈ RC R", "Chương trinh khuyn māi"], (), ["CHÀO HÈ RC R", "Chương trinh khuyn māi"], 0.6),
        (["TOUT L'ÉTÉ", "Réservez dès maintenant"], ("vie",), ["TOUT L'ÉTÉ", "Réservez dès maintenant"], 0.9),
    ],
)
def test_vietnamese_lines_have_their_accents_where_tesseract_is(
    texts: list[str], installed: tuple[str, ...], expected: list[str], confidence: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {1: "Chào hè rực rỡ", 2: "Chương trình khuyến mãi"}

    def read(crops, script, blanks, line_px):
        assert script == "Vietnamese"
        return [(said[crop.shape[0]] if installed else "", 0.8 if installed else 0.0) for crop in crops]

    monkeypatch.setattr(tesseract, "installed_languages", lambda: frozenset(installed))
    monkeypatch.setattr(reader_module, "read_crops", read)
    monkeypatch.setattr(reader_module, "cut_line", lambda image_u8, quad, rim: np.zeros((round(quad[0, 0]), 9, 3), np.uint8))
    lines = [
        TextLine(text=text, quad_xy_px=np.full((4, 2), number, np.float32), confidence=0.9, script="Latin")
        for number, text in enumerate(texts, start=1)
    ]
    found = reader_module.add_accents(np.zeros((9, 9, 3), np.uint8), lines)
    assert [(line.text, line.confidence) for line in found] == [(text, confidence) for text in expected]


def test_lines_keep_their_script_in_the_cache() -> None:
    quad = np.array([[0, 0], [9, 0], [9, 4], [0, 4]], np.float32)
    lines = [
        TextLine(text="ab", quad_xy_px=quad, confidence=0.5, script="Latin"),
        TextLine(text="", quad_xy_px=quad, confidence=0.9, script="Thai"),
    ]
    again = unpack_lines(**pack_lines(lines))
    assert [(line.text, line.script) for line in again] == [("ab", "Latin"), ("", "Thai")]
    assert cut_line(np.zeros((20, 20, 3), np.uint8), quad).shape == (4, 9, 3)


def test_other_weights_are_another_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    before = reader_module.name_installed_reader()
    monkeypatch.setattr(reader_module, "hash_scripts", lambda: "0" * 64)
    assert reader_module.name_installed_reader() != before


def test_a_program_that_cannot_be_run_reads_no_language(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "tesseract"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tesseract.installed_languages.__wrapped__() == frozenset()
    monkeypatch.setattr(tesseract, "installed_languages", lambda: frozenset(("ara",)))
    assert tesseract.read_crops([np.zeros((20, 60, 3), np.uint8)], "Arabic") == [("", 0.0)]
