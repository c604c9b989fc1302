"""The reader reads what is drawn, in several scripts, with boxes around it; and says what it needs where it is missing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adcreative.errors import ConfigError, WeightsError
from adcreative.lettering.reading import reader
from adcreative.lettering.reading.decoding import DecodedLine
from adcreative.lettering.reading.reader import is_sign, load_reader, narrow
from tests.lettering.reading.drawn_ads import BODY, BRAND, LABEL, drawn_ad, letters

pytest.importorskip("rapidocr")


def test_lines_of_an_ad_are_read_with_boxes_around_them() -> None:
    found = {one.text: one for one in load_reader().read(drawn_ad())}
    assert set(found) == {BRAND, "Sleep better", "tonight", BODY, LABEL}
    x0, y0, x1, y1 = found["Sleep better"].box_xyxy_px
    assert 20 <= x0 <= 36
    assert 104 <= y0 <= 126
    assert 275 <= x1 <= 330
    assert 145 <= y1 <= 172
    assert all(one.confidence > 0.9 and abs(one.angle_deg) < 3 for one in found.values())


@pytest.mark.parametrize("text", ["Schöner schlafen für 49 €", "Dormez bien, dès ce soir", "Sueño profundo, 15 %"])
def test_other_languages_are_read(text: str) -> None:
    from matplotlib import font_manager
    from PIL import ImageFont

    picture = Image.new("RGB", (600, 120), (250, 250, 250))
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 40)
    ImageDraw.Draw(picture).text((20, 30), text, font=font, fill=(20, 20, 20))
    (read,) = load_reader().read_lines([np.asarray(picture)])
    assert read.replace(" ", "") == text.replace(" ", "")


def test_a_picture_without_text_has_no_lines() -> None:
    assert load_reader().read(np.full((200, 200, 3), 128, np.uint8)) == []


def test_the_same_pixels_give_the_same_lines() -> None:
    picture = Image.new("RGB", (300, 80), (255, 255, 255))
    ImageDraw.Draw(picture).text((10, 20), "Half price", font=letters(36), fill=(0, 0, 0))
    first, second = (load_reader().read(np.asarray(picture)) for _ in range(2))
    assert [(one.text, one.confidence) for one in first] == [(one.text, one.confidence) for one in second]
    assert first[0].text == "Half price"


def test_a_second_reading_counts_if_it_is_surer_and_loses_no_letter() -> None:
    first, surer = DecodedLine("WINTR0", 0.63), DecodedLine("WINTER", 0.9)
    assert reader.surer(first, surer) == surer
    assert reader.surer(surer, first) == surer
    assert reader.surer(first, DecodedLine("WIN", 0.99)) == first


def test_only_doubtful_lines_are_read_again_closer(monkeypatch: pytest.MonkeyPatch) -> None:
    stretched = []

    def decode(chances: np.ndarray, known: list[str]) -> DecodedLine:
        stretched.append(len(chances))
        return DecodedLine("Sleep", 0.8) if len(stretched) == 1 else DecodedLine("Sheep", 0.99)

    picture = Image.new("RGB", (300, 80), (255, 255, 255))
    ImageDraw.Draw(picture).text((10, 20), "Half price", font=letters(36), fill=(0, 0, 0))
    monkeypatch.setattr(reader, "decode_line", decode)
    (doubtful,) = load_reader().read(np.asarray(picture))
    assert (doubtful.text, doubtful.confidence) == ("Sheep", 0.99)
    assert 1.2 < stretched[1] / stretched[0] < 1.6  # without the rim, and drawn out
    (sure,) = load_reader().read(np.asarray(picture))
    assert (sure.text, len(stretched)) == ("Sheep", 3)


def test_threads_that_read_at_once_have_an_engine_each() -> None:
    both = threading.Barrier(2, timeout=30)

    class Engine:
        is_busy = False
        text_rec = SimpleNamespace(postprocess_op=SimpleNamespace(character=[]))

        def __call__(self, image_u8: np.ndarray, **steps: bool) -> SimpleNamespace:
            assert not self.is_busy
            self.is_busy = True
            both.wait()
            self.is_busy = False
            return SimpleNamespace(boxes=None)

    asked = reader.PictureReader(Engine)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(asked.read, [np.zeros((64, 64, 3), np.uint8)] * 2)) == [[], []]


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "has_reader", lambda: False)
    with pytest.raises(
        WeightsError, match=r"needs rapidocr and onnxruntime; install them with: pip install \"adcreative\[picture\]\""
    ):
        load_reader.__wrapped__()


def test_the_installed_model_says_which_letters_it_does_not_know() -> None:
    installed = load_reader()
    assert installed.unread_letters("Schöner schlafen, from 49 €! よく眠れる 睡眠") == ""
    assert installed.unread_letters("Сон") == "Сон"
    assert set(installed.unread_letters("잠 نوم")) == set("잠نوم")


def test_another_model_is_named_by_script_or_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import rapidocr

    installed = reader.name_installed_reader()
    monkeypatch.setenv("ADCREATIVE_OCR", "klingon")
    with pytest.raises(ConfigError, match=r'ADCREATIVE_OCR is "klingon", for which there is no OCR model; known: .*cyrillic'):
        load_reader.__wrapped__()
    monkeypatch.setenv("ADCREATIVE_OCR", str(tmp_path / "rec.onnx"))
    with pytest.raises(ConfigError, match=r"where no file is; name a recognition model \(\.onnx\) or a script"):
        load_reader.__wrapped__()
    (tmp_path / "rec.onnx").write_bytes(b"no model")
    with pytest.raises(WeightsError, match=r"cannot be loaded \(.*unset ADCREATIVE_OCR to read with the installed one"):
        load_reader.__wrapped__()
    (model,) = (Path(rapidocr.__file__).parent / "models").glob("*rec*.onnx")
    monkeypatch.setenv("ADCREATIVE_OCR", str(model))
    assert reader.name_installed_reader() != installed
    picture = Image.new("RGB", (300, 80), (255, 255, 255))
    ImageDraw.Draw(picture).text((10, 20), "Half price", font=letters(36), fill=(0, 0, 0))
    assert load_reader.__wrapped__().read(np.asarray(picture))[0].text == "Half price"


def test_a_script_asks_for_the_model_of_its_name() -> None:
    from rapidocr import LangRec, OCRVersion

    assert reader._named_model("cyrillic") == {"Rec.lang_type": LangRec.CYRILLIC, "Rec.ocr_version": OCRVersion.PPOCRV5}
    assert reader._named_model("") == {}


def test_letters_of_full_width_are_usual_ones_but_in_scripts_of_that_width() -> None:
    assert narrow("BR\u00dcCK\uff25\uff19") == "BR\u00dcCKE9"
    assert narrow("SIN COMISIONES\uff01") == "SIN COMISIONES!"
    japanese = "\u56fd\u7523\uff11\uff10\uff10\uff05"
    assert narrow(japanese) == japanese


@pytest.mark.parametrize(
    ("text", "sign"), [("①×", True), ("× ×", True), ("ⓘ", True), ("50 %", False), ("+", False), ("€", False), ("X", False)]
)
def test_signs_of_an_ad_network_are_no_words(text: str, sign: bool) -> None:
    assert is_sign(text) is sign
