"""Reads lines of text in a picture with RapidOCR (PP-OCR models on onnxruntime, inside its wheel), without downloads.

The model in the wheel knows Latin, Chinese and Japanese letters. A classifier names the script of every detected line
(`scripts`); lines in other scripts are read by the program tesseract if installed (`tesseract`), and are returned without
text otherwise. $ADCREATIVE_OCR names another model for all lines: a script supported by rapidocr, whose model rapidocr
downloads once (cyrillic, arabic, korean, th, devanagari, ...), or the path of a recognition model (.onnx) with its letters.

Knows pixels; no blocks, no roles. The packages belong to the extra "picture" and are loaded at the first picture.
"""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from adcreative.artifacts import hash_bytes
from adcreative.encoders.language import chance_of_languages
from adcreative.errors import ConfigError, WeightsError
from adcreative.lettering.reading.crops import HEIGHT_PX, cut_line, model_input, shape_line, stand_up
from adcreative.lettering.reading.decoding import DecodedLine, decode_line
from adcreative.lettering.reading.scripts import SCRIPTS, hash_scripts, load_scripts
from adcreative.lettering.reading.tesseract import (
    LANGUAGES,
    installed_languages,
    languages_for,
    read_crops,
    with_accents,
)

if TYPE_CHECKING:
    from rapidocr.utils.output import RapidOCROutput

MODEL_VARIABLE = "ADCREATIVE_OCR"
NAMED_VERSION = "PP-OCRv5"  # of the models downloaded by the name of a script
ACCENTED = {"vi": "Vietnamese"}  # languages with many Latin letters unknown to the model -> names in tesseract.LANGUAGES
ALIKE = ("Cyrillic", "Greek")  # decorated Latin letters are mistaken for these scripts, so unreadable lines count as no words
LATIN_ALIKE = frozenset("ABCEHIKMOPTXYaceiopxy")  # Latin letters that also stand for letters of ALIKE
_RESAMPLING = Image.Resampling.BICUBIC
NEEDS_PACKAGES = (
    'reading words in pictures needs rapidocr and onnxruntime; install them with: pip install "adcreative[picture]"'
)


@dataclass(frozen=True)
class Fitted:
    """Constants of this module: input sizes of the detection; others fitted on real ads of `tests/real`."""

    min_confidence: float = 0.6  # of the recognition, 0..1: a less confident line is not text that a person would read
    min_side_px: int = 640  # minimum of the shorter side, for detection
    max_side_px: int = 1440  # maximum of the longer side, for detection
    max_area_px: int = 800_000  # maximum area, for detection, which takes most of the time and loses few lines at this size
    found_side_px: int = 320  # of the shorter side, for detection without recognition
    share_of_nobody: float = 1.0  # prior of each script in line heights
    min_letters: int = 2  # minimum letters of a text in another script
    whole: float = 0.5  # minimum share of a line read from end to end
    sure_text: float = 0.9  # probability, of the recognition
    again_rim: float = -0.06  # of a line's height: margin of the second reading of a line below `sure_text`, not of dirt
    again_stretch: float = 1.25  # its width, of that of the first reading
    sure_script: float = 0.9  # probability, of the script classifier
    # tesseract's inputs: rim around a line, of its height; height in px
    trials: tuple[tuple[float, int], ...] = ((0.0, 36), (0.0, 64), (0.08, 48))
    sure_other: float = 0.8  # probability, of tesseract or of the classifier, for a text in another script
    alike: float = 0.5  # probability of ALIKE, of the classifier, for a text of at least this many letters that are all alike
    num_alike: int = 6
    sure_latin: float = 0.97  # probability, of the recognition, against a classifier that is certain of a script in ALIKE
    least_of_weak: float = 0.75  # probability, of tesseract, for a line with an uncertain recognition
    accented: float = 0.2  # minimum probability of a language of ACCENTED, which readings without accents hide
    sure_accents: float = 0.95  # probability, of tesseract, for accents: the trials differ in them at less
    least_led: float = 4.0  # minimum line heights of a leading script
    share_led: float = 0.5  # minimum ratio of a leading script's line heights to those of ALIKE


FITTED = Fitted()


def narrow(text: str) -> str:
    """Return a text with full-width letters, digits and signs, a frequent result for spaced letters, as usual ones.

    They are kept next to characters of scripts written at full width.
    """
    is_wide = any(unicodedata.east_asian_width(char) == "W" for char in text)
    return text if is_wide else "".join(chr(ord(char) - 0xFEE0) if "\uff01" <= char <= "\uff5e" else char for char in text)


def has_letters_or_digits(text: str) -> bool:
    """Return whether a text has letters or digits."""
    return any(char.isalnum() for char in text)


def is_sign(text: str) -> bool:
    """Return whether a text consists of interface signs: the crosses and circled letters that ad networks put in corners."""
    return all(char in "× " or unicodedata.category(char) in ("No", "So") for char in text)


def surer(first: DecodedLine, again: DecodedLine) -> DecodedLine:
    """Return the second reading of a line if it is more confident and has no fewer letters, else the first."""
    return again if again.confidence > first.confidence and len(again.text) >= len(first.text) else first


def read_other(
    image_u8: np.ndarray,
    lines: Sequence[TextLine],
    found: Sequence[DecodedLine],
    script: str,
    enough: float = FITTED.sure_other,
) -> list[tuple[str, float, str]]:
    """Return text, confidence and script of lines read by tesseract, the most confident of several trials.

    A line is read with each of FITTED.trials, since tesseract fails in some; in a script of ALIKE, also as the other script.

    Args:
        enough: confidence without further trials.
    """
    best = [("", 0.0, script)] * len(lines)
    for trial in (script, *(one for one in ALIKE if script in ALIKE and one != script)):
        for rim, line_px in FITTED.trials:
            places = [place for place, (_, sure, _) in enumerate(best) if sure < enough]
            crops = [cut_line(image_u8, lines[place].quad_xy_px, rim) for place in places]
            blanks = [
                [_within(share, crop, rim) for share in found[place].blanks] for place, crop in zip(places, crops, strict=True)
            ]
            for place, (text, sure) in zip(places, read_crops(crops, trial, blanks, line_px), strict=True):
                best[place] = max(best[place], (text, sure, trial), key=lambda one: one[1])
    return best


def add_accents(image_u8: np.ndarray, lines: Sequence[TextLine]) -> list[TextLine]:
    """Return the lines of a picture; if in a language of ACCENTED, those in Latin script with accents by tesseract.

    Such a line is no surer than its second reading; without one it has the lowest confidence.
    """
    places = [place for place, line in enumerate(lines) if line.text and line.script == "Latin"]
    text = " ".join(lines[place].text for place in places).casefold()  # capitals look like another language
    named = (name for code, name in ACCENTED.items() if text and chance_of_languages(text, (code,)) >= FITTED.accented)
    script, found = next(named, ""), list(lines)
    if not script:
        return found
    read = read_other(image_u8, [lines[place] for place in places], [DecodedLine()] * len(places), script, FITTED.sure_accents)
    for place, (accented, sure, _) in zip(places, read, strict=True):
        line = lines[place]
        said = with_accents(line.text, accented) if sure >= FITTED.min_confidence else line.text
        found[place] = replace(line, text=said, confidence=min(line.confidence, max(sure, FITTED.min_confidence)))
    return found


def _within(share: float, crop_u8: np.ndarray, rim: float) -> float:
    """Convert a position along a line, as a share of it, to a share of its crop with a rim."""
    height, width = crop_u8.shape[:2]
    edge = rim * height / (1 + 2 * rim)
    return (edge + share * (width - 2 * edge)) / width


def name_scripts(crops_u8: Sequence[np.ndarray], found: Sequence[DecodedLine]) -> list[tuple[str, float]]:
    """Return the script of each line and its probability, given all lines of the picture.

    A line that the recognition reads confidently and completely is in a known script, unless the classifier is as certain of
    another, or all its letters look like those of another. A line without recognised text is in another script. A script of
    many lines is more probable for the rest, and takes uncertain lines: single letters without loops or serifs look Latin.
    """
    chances = load_scripts().classify(crops_u8)
    if not len(chances):
        return []
    widths = np.array([crop.shape[1] / max(crop.shape[0], 1) for crop in crops_u8])  # in line heights
    shares = (chances * widths[:, None]).sum(axis=0) + FITTED.share_of_nobody
    weighted = chances * np.sqrt(shares / shares.max())
    is_other = np.array([script in LANGUAGES for script in SCRIPTS])
    is_sure = [
        line.confidence >= FITTED.sure_text and has_letters_or_digits(line.text) and line.reach >= FITTED.whole
        for line in found
    ]
    alike = [SCRIPTS.index(script) for script in ALIKE]
    leading = _leading_script(np.where(np.array(is_sure), 0.0, widths) @ chances)
    names = []
    for line, row, is_read in zip(found, weighted, is_sure, strict=True):
        has_words = has_letters_or_digits(line.text)
        is_number = has_words and not any(char.isalpha() for char in line.text)
        row = row if has_words else np.where(is_other, row, 0.0)
        chance, best = float(row.max() / row.sum()), int(row.argmax())
        if is_number and is_read:
            names.append(("none", 1.0))
        elif leading and not is_read:
            least = FITTED.sure_other if languages_for(leading) else FITTED.sure_script
            names.append((leading, max(least, chance if SCRIPTS[best] == leading else 0.0)))
        elif is_read and _is_alike(line.text) and row[alike].sum() >= FITTED.alike * row.sum():
            names.append((SCRIPTS[alike[int(row[alike].argmax())]], float(row[alike].sum() / row.sum())))
        elif (
            is_read
            and is_other[best]
            and (chance < FITTED.sure_script or (SCRIPTS[best] in ALIKE and line.confidence >= FITTED.sure_latin))
        ):
            names.append(("Latin", line.confidence))
        else:
            names.append((SCRIPTS[best], chance))
    return names


def _is_alike(text: str) -> bool:
    """Return whether a text read in Latin script may well be another: "HOBAA ΦOPMA" for "НОВАЯ ФОРМА"."""
    letters = [char for char in text if char.isalpha()]
    others = tuple(script.upper() for script in ALIKE)
    return len(letters) >= FITTED.num_alike and all(
        char in LATIN_ALIKE or unicodedata.name(char, "").startswith(others) for char in letters
    )


def _leading_script(masses: np.ndarray) -> str:
    """Return the script for uncertain lines, from the length of all lines in each of SCRIPTS, in line heights [S].

    "" without a clear one. Scripts of ALIKE, which decorated Latin letters resemble, are excluded.
    """
    of = dict(zip(SCRIPTS, masses.tolist(), strict=True))
    best = max((script for script in SCRIPTS if script in LANGUAGES and script not in ALIKE), key=lambda script: of[script])
    return best if of[best] >= max(FITTED.least_led, FITTED.share_led * sum(of[script] for script in ALIKE)) else ""


def _count_letters(text: str, script: str) -> int:
    """Return the number of a text's letters in a script."""
    return sum(unicodedata.name(char, "").startswith(script.upper()) for char in text)


@dataclass(frozen=True, kw_only=True)
class TextLine:
    """A line of text detected in a picture.

    text: "" in an unreadable script. quad_xy_px [4, 2]: its corners from the top left, clockwise, a loose fit.
    confidence: 0..1, of the text; of the script without a text. script: one of `scripts.SCRIPTS`, "" if not classified.
    """

    text: str
    quad_xy_px: np.ndarray
    confidence: float
    script: str = ""

    @property
    def box_xyxy_px(self) -> tuple[float, float, float, float]:
        """The upright box around the corners."""
        (x0, y0), (x1, y1) = self.quad_xy_px.min(axis=0), self.quad_xy_px.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def angle_deg(self) -> float:
        """Slope of the line's upper edge, clockwise; 0 for an upright line."""
        dx, dy = self.quad_xy_px[1] - self.quad_xy_px[0]
        return float(np.degrees(np.arctan2(dy, dx)))


def pack_lines(lines: Sequence[TextLine]) -> dict[str, np.ndarray]:
    """Return lines of text as arrays: quads [N, 4, 2] float32, confidences [N] float64, texts (UTF-8, uint8) with scripts."""
    texts = "\n".join(f"{line.script}\t{line.text}".replace("\n", " ") for line in lines)
    return {
        "quads": np.array([line.quad_xy_px for line in lines], np.float32).reshape(-1, 4, 2),
        "confidences": np.array([line.confidence for line in lines], np.float64),
        "texts": np.frombuffer(texts.encode("utf-8", "surrogatepass"), np.uint8).copy(),
    }


def unpack_lines(quads: np.ndarray, confidences: np.ndarray, texts: np.ndarray) -> list[TextLine]:
    """Return the lines packed by `pack_lines`."""
    split = texts.tobytes().decode("utf-8", "surrogatepass").split("\n") if len(quads) else []
    return [
        TextLine(text=text.partition("\t")[2], quad_xy_px=quad, confidence=float(sure), script=text.partition("\t")[0])
        for text, quad, sure in zip(split, quads, confidences, strict=True)
    ]


class TextReading(Protocol):
    """Interface of text readers (PictureReader; tests have their own)."""

    @property
    def content_hash(self) -> str:
        """Key of the results: the same hash and the same pixels give the same lines."""

    def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
        """Return the lines in the picture [H, W, 3], or in a part of a picture; whole: height and width of that picture."""

    def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
        """Return the text of pictures with one line each."""

    def unread_letters(self, text: str) -> str:
        """Return the letters of a text unknown to the reader, each once."""


class PictureReader:
    """Text detection and recognition on the calling thread; deterministic.

    rapidocr keeps state between its steps, so each simultaneous thread gets an engine of its own.

    Args:
        load: creates an engine. is_installed: the engine has the model in the wheel, not one named by the user.
    """

    def __init__(self, load: Callable[[], Any], *, is_installed: bool = True) -> None:
        self._load, self._idle, self._is_installed = load, [load()], is_installed

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        try:
            engine = self._idle.pop()
        except IndexError:
            engine = self._load()
        try:
            yield engine
        finally:
            self._idle.append(engine)

    def _ask(self, image_u8: np.ndarray, **steps: bool) -> RapidOCROutput:
        with self._borrowed() as engine:
            return engine(np.ascontiguousarray(image_u8[:, :, ::-1]), use_cls=False, **steps)

    @property
    def content_hash(self) -> str:
        return name_installed_reader()

    def unread_letters(self, text: str) -> str:
        """Return the letters of a text without a class in the recognition model, each once."""
        with self._borrowed() as engine:
            known = set(engine.text_rec.postprocess_op.character)
        unknown = dict.fromkeys(char for char in text if unicodedata.category(char)[0] == "L" and char not in known)
        return "".join(unknown)

    def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
        """Return the lines of text in the picture [H, W, 3] uint8, from top to bottom.

        Args:
            whole: height and width of the picture of which this is a part, which determine the scale.
        """
        height, width = whole or image_u8.shape[:2]
        limits = FITTED.max_side_px / max(height, width), (FITTED.max_area_px / (height * width)) ** 0.5
        quads = self._find_quads(image_u8, min(max(1.0, FITTED.min_side_px / min(height, width)), *limits))
        crops = [stand_up(cut_line(image_u8, quad, least_px=HEIGHT_PX)) for quad in quads]
        found = self._recognise(crops)
        places = [place for place, one in enumerate(found) if FITTED.min_confidence <= one.confidence < FITTED.sure_text]
        closer = [stand_up(cut_line(image_u8, quads[place], FITTED.again_rim, HEIGHT_PX)) for place in places]
        for place, again in zip(places, self._recognise(closer, FITTED.again_stretch), strict=True):
            found[place] = surer(found[place], again)
        lines = [
            TextLine(text=narrow(one.text), quad_xy_px=quad, confidence=one.confidence)
            for quad, one in zip(quads, found, strict=True)
        ]
        lines = [
            line
            for line in self._other_scripts(image_u8, lines, found)
            if not line.text or (line.confidence >= FITTED.min_confidence and not is_sign(line.text))
        ]
        lines = add_accents(image_u8, lines) if self._is_installed else lines
        return sorted(lines, key=lambda line: (line.box_xyxy_px[1], line.box_xyxy_px[0]))

    def _find_quads(self, image_u8: np.ndarray, scale: float) -> np.ndarray:
        """Return corners [N, 4, 2] float32 of the lines in a picture, detected on a copy scaled by `scale`."""
        height, width = image_u8.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        scaled = image_u8 if size == (width, height) else np.asarray(Image.fromarray(image_u8).resize(size, _RESAMPLING))
        found = self._ask(scaled, use_det=True, use_rec=False)
        quads = np.zeros((0, 4, 2)) if getattr(found, "boxes", None) is None else found.boxes
        return np.asarray(quads, np.float32).reshape(-1, 4, 2) / (size[0] / width)

    def _recognise(self, crops_u8: Sequence[np.ndarray], stretch: float = 1.0) -> list[DecodedLine]:
        """Recognise upright lines [H, W, 3], drawn out by `stretch`, one at a time, since a batch pads short lines."""
        with self._borrowed() as engine:
            letters = engine.text_rec.postprocess_op.character
            inputs = (model_input(shape_line(crop, stretch)) for crop in crops_u8)
            return [decode_line(engine.text_rec.session(one)[0], letters) for one in inputs]

    def _other_scripts(self, image_u8: np.ndarray, lines: Sequence[TextLine], found: Sequence[DecodedLine]) -> list[TextLine]:
        """Return the lines with their scripts, with lines in scripts unknown to the model read by tesseract.

        A line that tesseract cannot read is returned without text; other lines without text are dropped.
        """
        if not self._is_installed:
            return [line for line in lines if line.text]
        crops = [cut_line(image_u8, line.quad_xy_px) for line in lines]
        named = name_scripts(crops, found)
        known = zip(lines, named, strict=True)
        read = [replace(line, script=script) for line, (script, _) in known if line.text and script not in LANGUAGES]
        for script in dict.fromkeys(one for one, _ in named if one in LANGUAGES):
            places = [place for place, (one, _) in enumerate(named) if one == script]
            others = read_other(image_u8, [lines[place] for place in places], [found[place] for place in places], script)
            for place, (text, sure, read_as) in zip(places, others, strict=True):
                line, chance = lines[place], named[place][1]
                is_mark = bool(line.text) and not has_letters_or_digits(line.text)  # such as a bullet, or quotation marks
                is_whole = bool(line.text) and not is_mark and found[place].reach >= FITTED.whole
                least = max(FITTED.min_confidence, line.confidence if is_whole else 0.0)
                least = (
                    least
                    if line.confidence >= FITTED.sure_text or chance < FITTED.sure_other
                    else min(least, FITTED.least_of_weak)
                )
                is_text = _count_letters(text, read_as) >= FITTED.min_letters and sure >= least
                if is_text and (sure >= FITTED.sure_other or chance >= FITTED.sure_other):
                    read.append(replace(line, text=text, confidence=sure, script=read_as))
                elif line.confidence >= FITTED.min_confidence and line.text and (is_mark or chance < FITTED.sure_script):
                    read.append(replace(line, script="Latin"))
                elif chance >= FITTED.sure_script and not (script in ALIKE and languages_for(script)):
                    read.append(replace(line, text="", confidence=chance, script=script))
        return read

    def find_lines(self, image_u8: np.ndarray) -> np.ndarray:
        """Return boxes x0, y0, x1, y1 of lines [N, 4] float32, detected on a copy of FITTED.found_side_px, not read."""
        height, width = image_u8.shape[:2]
        quads = self._find_quads(
            image_u8, min(FITTED.found_side_px / min(height, width), FITTED.max_side_px / max(height, width))
        )
        return np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)

    def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
        """Return the text of pictures [H, W, 3] uint8 with one upright line each; "" for an unreadable one."""
        return [narrow(found.text) for found in self._recognise(crops_u8)]


class LineFinder:
    """Detects lines of text without reading them, on a small copy; the models are loaded at the first picture."""

    @property
    def content_hash(self) -> str:
        return f"{name_installed_reader()} lines {FITTED.found_side_px}"

    def find_lines(self, image_u8: np.ndarray) -> np.ndarray:
        """Return boxes x0, y0, x1, y1 of lines [N, 4] float32, px of the picture [H, W, 3] uint8."""
        return load_reader().find_lines(image_u8)


def has_reader() -> bool:
    """Return whether the packages of the reader are installed."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def name_installed_reader() -> str:
    """Return the version of the package with the models, and the model named by $ADCREATIVE_OCR."""
    named = os.environ.get(MODEL_VARIABLE, "").strip()
    if named.endswith(".onnx") and Path(named).is_file():
        named = hash_bytes(Path(named).read_bytes())
    others = f"-tesseract-{'+'.join(sorted(installed_languages()))}" if installed_languages() else ""
    return f"rapidocr-{version('rapidocr')}" + (f"-{named}" if named else f"-scripts-{hash_scripts()[:12]}{others}")


@lru_cache(maxsize=1)
def load_reader() -> PictureReader:
    """Load the reader once per process, with the recognition model named by $ADCREATIVE_OCR or the one in the wheel.

    Raises:
        WeightsError: its packages are not installed, or the named model cannot be downloaded.
        ConfigError: $ADCREATIVE_OCR names no model.
    """
    if not has_reader():
        raise WeightsError(f"{NEEDS_PACKAGES}.")
    from rapidocr import RapidOCR

    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    sides = {"Det.limit_type": "max", "Det.limit_side_len": FITTED.max_side_px}
    named = _named_model(os.environ.get(MODEL_VARIABLE, "").strip())

    def load_engine() -> RapidOCR:
        engine = RapidOCR(params={"Global.log_level": "error", **sides, **threads, **named})
        engine(np.zeros((32, 64, 3), np.uint8), use_det=False, use_cls=False, use_rec=True)  # loads the model
        return engine

    try:
        reader = PictureReader(load_engine, is_installed=not named)
    except Exception as error:  # rapidocr raises errors of its own, of requests and of onnxruntime
        if not named:
            raise
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise WeightsError(
            f'the OCR model "{os.environ[MODEL_VARIABLE]}" cannot be loaded ({reason}); unset {MODEL_VARIABLE} to read with '
            "the installed one"
        ) from error
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    return reader


def _named_model(name: str) -> dict[str, Any]:
    """Return rapidocr's parameters for a recognition model: by path, by the name of a script, or none for the installed one."""
    from rapidocr import LangRec, OCRVersion

    if not name:
        return {}
    if name.endswith(".onnx"):
        if not Path(name).is_file():
            raise ConfigError(f"{MODEL_VARIABLE} names {name}, where no file is; name a recognition model (.onnx) or a script")
        return {"Rec.model_path": str(Path(name).resolve())}
    scripts = {one.value: one for one in LangRec}
    if name not in scripts:
        raise ConfigError(f'{MODEL_VARIABLE} is "{name}", for which there is no OCR model; known: {", ".join(sorted(scripts))}')
    return {"Rec.lang_type": scripts[name], "Rec.ocr_version": OCRVersion(NAMED_VERSION)}
