"""Run the encoders over creatives: pixels and words in, CreativeFeatures out, through the cache.

The encoders are passed in and defined by Protocols. An unreadable creative is replaced by a CreativeError; the others are
processed. Pictures are processed in small chunks, so memory use is constant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from adcreative.catalog.images import DECODER, decode_image, picture, read_image_bytes
from adcreative.creative import Creative, split_consent_ids
from adcreative.encoders.latest import LatestAnswers
from adcreative.encoders.threads import map_in_threads
from adcreative.errors import CreativeError
from adcreative.features.batch import FACE_ATTRIBUTES, GENERAL_PARTS, LOOK_STATS, CreativeFeatures
from adcreative.features.cache import FeatureStore, VersionCache, file_key, hash_picture, picture_key, words_key
from adcreative.features.complexity import MEASURED_BY, complexity_stats
from adcreative.features.lettering import DrawnLines, FindsLines, lettering_stats

CHUNK = 16  # creatives whose pictures are open at once
WORDS_CHUNK = 128  # creatives whose words are encoded together: text encoders need full blocks, picture encoders do not
MAX_KEYED_BYTES = 64_000_000  # larger files are identified by their pixels only
NUM_CROPS = 16  # cached face codes of versions
LOOK_SIDE_PX = 256
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)

Words = tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]  # embeddings, readings, wordings by text


class ImageTextEncoder(Protocol):
    """Pictures and words to vectors. `content_hash` changes whenever an output could."""

    @property
    def content_hash(self) -> str: ...
    def encode_images(self, images_u8: list[np.ndarray]) -> np.ndarray:
        """Return [B, Di] float32."""

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """Return [B, Dt] float32."""


class LineReader(Protocol):
    """Appeal and wording of lines (`encoders.headline.HeadlineModel`)."""

    @property
    def content_hash(self) -> str: ...
    def read(self, headlines: list[str]) -> np.ndarray:
        """Return [B, 1 + Dw] float32: appeal in natural-log units, then the wording."""

    def read_wording(self, lines: list[str]) -> np.ndarray:
        """Return [B, Dw] float32: the wording of other lines."""


class FaceFinder(Protocol):
    """Faces of a picture, largest first; see `stylegan.faces.analysis.FaceAnalyzer`."""

    def analyze(self, image_u8: np.ndarray) -> Sequence[Any]:
        """Return faces with box_xyxy_px, attributes, alignment and refusal."""


@runtime_checkable
class KnowsVersions(Protocol):
    """A face finder with a faster form for versions of one picture; see `stylegan.faces.versions`."""

    def for_versions(self, image_u8: np.ndarray, *, only_covered: bool = False) -> FaceFinder: ...


class FaceEncoding(Protocol):
    """Aligned faces to codes; see `stylegan.faces.FaceCodec`. `size` is the side of its input crops, in pixels."""

    @property
    def size(self) -> int: ...
    def encode(self, aligned: list[np.ndarray]) -> np.ndarray:
        """Return [B, 512] float32."""


class AsksForFeatures(Protocol):
    """A model that names the optional features it needs (`ctr.click_model.ClickModel`)."""

    @property
    def optional_features(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class _Opened:
    """A creative's picture: its key, and its pixels or cached features."""

    key: str
    image_u8: np.ndarray | None = None
    entry: dict[str, np.ndarray] | None = None


class LatestCodes:
    """A codec with a cache of the codes of its latest crops, for versions of one picture."""

    def __init__(self, codec: FaceEncoding) -> None:
        self.size, self.content_hash = codec.size, hash_of(codec)
        self._encode = LatestAnswers(lambda crop_u8: codec.encode([crop_u8])[0], NUM_CROPS)

    def encode(self, aligned: list[np.ndarray]) -> np.ndarray:
        """Return [B, 512] float32; codes do not depend on other crops of the batch."""
        return np.stack([self._encode(crop_u8) for crop_u8 in aligned])


class FeatureExtractor:
    """Reads creatives with a set of encoders; with a cache the same pixels and words are never encoded twice."""

    def __init__(
        self,
        clip: ImageTextEncoder,
        headline_model: LineReader,
        analyzer: FaceFinder,
        codec: FaceEncoding,
        cache: FeatureStore | None = None,
        *,
        sharing: Callable[[], AbstractContextManager[None]] = nullcontext,
        line_finder: FindsLines | None = None,
        measures_complexity: bool = False,
    ) -> None:
        """Store the encoders; words are read inside `sharing()`, where encoders on one network may share computations.

        `line_finder` measures the lettering in pictures; None: no lettering. measures_complexity: whether to measure the bits
        of each picture. See `for_models`.
        """
        self.line_finder = line_finder
        self.known_parts = GENERAL_PARTS | {"lettering"} if line_finder else GENERAL_PARTS
        self.known_parts |= {"complexity"} if measures_complexity else frozenset()
        self.parts = self.known_parts
        self.reads_style = True
        self.drawn: Mapping[str, DrawnLines] = {}
        self.sharing = sharing
        self.clip, self.headline_model, self.analyzer, self.codec = clip, headline_model, analyzer, codec
        self.cache = cache

    @property
    def hashes(self) -> dict[str, str]:
        """Content hash of each encoder by name; a predictor stores them to refuse other encoders. The hash of faces covers the
        measurements only: the detection of faces may have improved since the fit."""
        parts = {"clip": self.clip, "headline": self.headline_model, "faces": self.analyzer, "codec": self.codec}
        return {name: getattr(part, "measures_hash", None) or hash_of(part) for name, part in parts.items()}

    def extract(self, creatives: Sequence[Creative]) -> list[CreativeFeatures | CreativeError]:
        """Return the features of each creative, or the error that says why it cannot be read; in order."""
        results: list[CreativeFeatures | CreativeError] = []
        for first in range(0, len(creatives), WORDS_CHUNK):
            part = creatives[first : first + WORDS_CHUNK]
            with self.sharing():
                words = self._read_words_of(part)
            for start in range(0, len(part), CHUNK):
                results += self._extract_chunk(part[start : start + CHUNK], words)
        return results

    def without_cache(self) -> FeatureExtractor:
        """Return an extractor with the same encoders and no cache, for pictures that are read once."""
        return self.for_cache(None, self.analyzer)

    def for_cache(self, cache: FeatureStore | None, analyzer: FaceFinder) -> FeatureExtractor:
        """Return an extractor with the same encoders, another feature cache, and another analyzer with its own faces."""
        other = copy(self)
        other.cache, other.analyzer = cache, analyzer
        return other

    def for_versions(self, image_u8: np.ndarray, *, only_covered: bool = False) -> FeatureExtractor:
        """Return an extractor with the same encoders for versions of one picture [H, W, 3] uint8.
        It searches faces at the picture's face positions (`stylegan.faces.versions`), encodes a face unchanged in most versions
        once, and caches in memory alone. only_covered: versions are the picture with parts covered, and show no new face."""
        other = self.without_cache()
        other.cache, other.codec = VersionCache(self.cache), LatestCodes(self.codec)
        if isinstance(other.analyzer, KnowsVersions):
            other.analyzer = other.analyzer.for_versions(image_u8, only_covered=only_covered)
        return other

    def for_drawn(self, drawn: Mapping[str, DrawnLines]) -> FeatureExtractor:
        """Return an extractor with the same encoders and cache, and known line positions of some pictures, by `hash_picture`.
        It detects no lines in these pictures: detection takes longer than all other reading of a picture."""
        other = copy(self)
        other.drawn = drawn
        return other

    def for_models(self, models: Iterable[AsksForFeatures]) -> FeatureExtractor:
        """Return an extractor with the same encoders and cache that measures lettering and complexity only where needed."""
        return self.measuring(GENERAL_PARTS.union(*(model.optional_features for model in models)))

    def measuring(self, parts: Collection[str]) -> FeatureExtractor:
        """Return an extractor with the same encoders and cache that measures only these parts of pictures: of GENERAL_PARTS,
        "lettering" and "complexity". Pictures without a part to measure are not opened; words are cheap and always read."""
        if (wanted := self.known_parts & frozenset(parts)) == self.parts:
            return self
        other = copy(self)
        other.parts = wanted
        return other

    def without_style(self) -> FeatureExtractor:
        """Return an extractor with the same encoders and cache that reads the meaning of words alone: no appeal, no wording."""
        other = copy(self)
        other.reads_style = False
        return other

    def read_ahead(self, creatives: Sequence[Creative]) -> None:
        """Encode the words of the next creatives in one batch into the cache; nothing without a cache.

        Text encoders need a hundred texts and more for full rows; a caller that extracts fewer creatives at a time, so that
        a stop or kill loses little, avoids the cost of half-filled rows.
        """
        if self.cache is not None:
            with self.sharing():
                self._read_words_of(creatives)

    def _read_words_of(self, creatives: Sequence[Creative]) -> Words:
        headlines, bodies = {creative.headline for creative in creatives}, {creative.body for creative in creatives}
        embeddings = self._read_words(self.clip.content_hash, headlines | bodies, self.clip.encode_texts)
        if not self.reads_style:
            return embeddings, {}, {}
        model_hash = self.headline_model.content_hash
        readings = self._read_words(f"{model_hash} headline", headlines, self.headline_model.read)
        wordings = self._read_words(f"{model_hash} wording", bodies, self.headline_model.read_wording)
        return embeddings, readings, wordings

    def _extract_chunk(self, creatives: Sequence[Creative], words: Words) -> list[CreativeFeatures | CreativeError]:
        errors: dict[int, CreativeError] = {}
        keys: dict[int, str] = {}
        entries: dict[str, dict[str, np.ndarray] | None] = {}

        def open_missing() -> Iterator[tuple[str, np.ndarray]]:
            for row, creative in enumerate(creatives):
                try:
                    opened = self._open_picture(creative)
                    has_content = opened is not None or creative.has_words or creative.has_image
                    if not has_content and not _is_listed(creative):
                        raise CreativeError("It has neither a picture nor words.", "Fill in file_name or headline.")
                except CreativeError as error:
                    errors[row] = error
                    continue
                if opened is not None:
                    keys[row] = opened.key
                    is_missing = opened.entry is None and opened.key not in entries
                    entries.setdefault(opened.key, opened.entry)
                    if is_missing and opened.image_u8 is not None:
                        yield opened.key, opened.image_u8

        for key, entry in self._encode_pictures(open_missing()):
            entries[key] = entry
            if self.cache:
                self.cache.save(key, entry)
        return [
            errors[row] if row in errors else _assemble(creative, entries[keys[row]] if row in keys else None, *words)
            for row, creative in enumerate(creatives)
        ]

    def _open_picture(self, creative: Creative) -> _Opened | None:
        """Return the cached features of the creative's picture, else its pixels; None without a picture to measure.

        A file is read once: its entry was decoded from the same bytes. The owner of a picture is recorded before any
        entry of it is written, and also for a known picture.
        """
        seen_by = {"image": self.clip, "look": self.analyzer, "codes": self.codec, "lettering": self.line_finder}
        hashes = tuple(hash_of(encoder) for name, encoder in seen_by.items() if name in self.parts)
        hashes += (MEASURED_BY,) * ("complexity" in self.parts) + ("drawn lines",) * bool(self.drawn)
        if not hashes:
            return None
        owners = split_consent_ids(creative.consent_id)
        path, content, of_file = creative.image_path if creative.image_u8 is None else None, None, ""
        if self.cache and path is not None and (content := read_image_bytes(path, MAX_KEYED_BYTES)) is not None:
            of_file = file_key(content, DECODER)
            if (known := self.cache.load(of_file)) is not None:
                picture_hash = known["picture"].tobytes().hex()
                self.cache.owners.note(owners, (picture_hash, of_file))
                key = picture_key(picture_hash, *hashes)
                if (entry := self.cache.load(key)) is not None:
                    return _Opened(key, entry=entry)
        image_u8 = picture(creative) if path is None or content is None else decode_image(content, path.name)
        if image_u8 is None:
            return None
        picture_hash = hash_picture(image_u8)
        key = picture_key(picture_hash, *hashes)
        if self.cache is None:
            return _Opened(key, image_u8=image_u8)
        self.cache.owners.note(owners, filter(None, (picture_hash, of_file)))
        if of_file:
            self.cache.save(of_file, {"picture": np.frombuffer(bytes.fromhex(picture_hash), np.uint8)})
        return _Opened(key, image_u8=image_u8, entry=self.cache.load(key))

    def _encode_pictures(self, keyed: Iterable[tuple[str, np.ndarray]]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Yield the measurements of each picture under its key: image, look, face_codes, face_attributes, face_shares ...

        The first network runs while the next picture is opened. Each network processes all pictures before the next one:
        switching networks for each picture would reload their weights from memory, at about a tenth more time.
        """

        def embed(one: tuple[str, np.ndarray]) -> tuple[str, np.ndarray, dict[str, np.ndarray]]:
            if "image" not in self.parts:
                return *one, {}
            return *one, {"image": np.asarray(self.clip.encode_images([one[1]])[0], np.float32)}

        def analyze(image_u8: np.ndarray) -> Sequence[Any]:
            return self.analyzer.analyze(image_u8) if "look" in self.parts else ()

        def encode(crops: list[np.ndarray]) -> np.ndarray:
            return self.codec.encode(crops) if crops else np.zeros((0, 512), np.float32)

        seen = map_in_threads(embed, keyed)
        found = map_in_threads(analyze, [image_u8 for _, image_u8, _ in seen])
        crops = [
            [face.alignment.crop(image_u8, self.codec.size) for face in faces if not face.refusal and "codes" in self.parts]
            for (_, image_u8, _), faces in zip(seen, found, strict=True)
        ]
        for (key, image_u8, embedding), faces, codes in zip(seen, found, map_in_threads(encode, crops), strict=True):
            yield (
                key,
                {
                    **embedding,
                    **self._measure_lettering(image_u8),
                    **({"complexity": complexity_stats(image_u8)} if "complexity" in self.parts else {}),
                    **(_describe_faces(image_u8, faces, codes) if "look" in self.parts else {}),
                },
            )

    def _measure_lettering(self, image_u8: np.ndarray) -> dict[str, np.ndarray]:
        if self.line_finder is None or "lettering" not in self.parts:
            return {}
        drawn = self.drawn.get(hash_picture(image_u8)) if self.drawn else None
        lines = DrawnLines(self.line_finder.find_lines(image_u8)) if drawn is None else drawn
        return {"lettering": lettering_stats(image_u8, lines.boxes_px, lines.inks)}

    def _read_words(self, encoder_hash: str, texts: set[str], encode: Callable[[list[str]], Any]) -> dict[str, np.ndarray]:
        """Return `encode` of each text, from the cache where known."""
        ordered = sorted(texts - {""})
        keys = {text: words_key(text, encoder_hash) if self.cache else "" for text in ordered}
        entries = {text: self.cache.load(keys[text]) if self.cache else None for text in ordered}
        found = {text: entry["words"] for text, entry in entries.items() if entry is not None}
        missing = [text for text in ordered if text not in found]
        for text, value in zip(missing, encode(missing) if missing else (), strict=True):
            found[text] = np.asarray(value, np.float32)
            if self.cache:
                self.cache.save(keys[text], {"words": found[text]})
        return found


def hash_of(encoder: object) -> str:
    """Return the identifier of an encoder's outputs: its content_hash, its face model's codes, else its class."""
    content_hash = getattr(encoder, "content_hash", None)
    if content_hash is None and (face_model := getattr(encoder, "face_model", None)) is not None:
        content_hash = face_model.codes_sha256
    return str(content_hash or f"{type(encoder).__module__}.{type(encoder).__qualname__}")


def look_stats(image_u8: np.ndarray, boxes_xyxy_px: Sequence[Any] = ()) -> np.ndarray:
    """Return the LOOK_STATS of a picture, [6] float32, from its pixels.

    brightness and contrast: mean and standard deviation of luma (0..1); saturation: mean of (max - min) / max over channels;
    warmth: mean of red minus blue (-1..1); face_share: area of face boxes inside the picture, as a share (overlaps count twice,
    at most 1); aspect: ln(width / height). Pictures beyond 256 px are sampled on a regular grid of about that many pixels a
    side.

    Args:
        image_u8: [H, W, 3] uint8.
        boxes_xyxy_px: face boxes.
    """
    height, width = image_u8.shape[:2]
    step = max(1, min(height, width) // LOOK_SIDE_PX)
    pixels = image_u8[step // 2 :: step, step // 2 :: step].reshape(-1, 3).astype(np.float32) / 255.0
    luma = pixels @ _LUMA
    red, green, blue = pixels.T
    high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    saturation = (high - low) / np.maximum(high, 1e-6)
    share = sum(_area_inside(box, height, width) for box in boxes_xyxy_px) / (height * width)
    stats = {
        "brightness": luma.mean(),
        "contrast": luma.std(),
        "saturation": saturation.mean(),
        "warmth": (pixels[:, 0] - pixels[:, 2]).mean(),
        "face_share": min(share, 1.0),
        "aspect": np.log(width / height),
    }
    return np.array([stats[name] for name in LOOK_STATS], np.float32)


def _area_inside(box_xyxy_px: Iterable[float], height: int, width: int) -> float:
    x0, y0, x1, y1 = (float(edge) for edge in box_xyxy_px)
    return max(0.0, min(x1, width) - max(x0, 0.0)) * max(0.0, min(y1, height) - max(y0, 0.0))


def _describe_faces(image_u8: np.ndarray, faces: Sequence[Any], codes: np.ndarray) -> dict[str, np.ndarray]:
    """Return the look, and for faces codes (NaN row: refused, or not measured), attributes (NaN row: not measurable) and
    shares; takes accepted codes from `codes`."""
    height, width = image_u8.shape[:2]
    missing, accepted = np.full(512, np.nan, np.float32), iter(codes)
    rows = [missing if face.refusal or not len(codes) else np.asarray(next(accepted), np.float32) for face in faces]
    attributes = [[face.attributes.get(name, np.nan) for name in FACE_ATTRIBUTES] for face in faces]
    shares = [_area_inside(face.box_xyxy_px, height, width) / (height * width) for face in faces]
    return {
        "look": look_stats(image_u8, [face.box_xyxy_px for face in faces]),
        "face_codes": np.array(rows, np.float32).reshape(len(faces), 512),
        "face_attributes": np.array(attributes, np.float32).reshape(len(faces), len(FACE_ATTRIBUTES)),
        "face_shares": np.array(shares, np.float32),
    }


def _is_listed(creative: Creative) -> bool:
    """True for an ad that an export lists by name alone: only its segments, or its own results, are known."""
    return bool(creative.context) or bool(creative.ad_name and creative.has_results)


def _assemble(
    creative: Creative,
    seen: dict[str, np.ndarray] | None,
    embeddings: dict[str, np.ndarray],
    readings: dict[str, np.ndarray],
    wordings: dict[str, np.ndarray],
) -> CreativeFeatures:
    reading = readings.get(creative.headline)
    return CreativeFeatures(
        text=embeddings.get(creative.headline),
        appeal=None if reading is None else float(reading[0]),
        wording=None if reading is None else reading[1:],
        body=embeddings.get(creative.body),
        body_wording=wordings.get(creative.body),
        **(seen or {}),
    )
