"""Effects of words and picture regions on a score by perturbation: remove each, score again, take the difference.

Both encode the creative again, so they measure the whole pipeline: a region with a face changes faces, look and picture at
once. Positive means that the word or region raises the log-odds. Encoders and predictor are passed in as functions. No
gradients: a leave-one-out effect is an actual difference, not a slope.

Boxes of the faces and the lines of text of a picture, for heat maps that cover each as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from adcreative.creative import Creative
from adcreative.encoders.threads import iter_in_threads
from adcreative.errors import CreativeError
from adcreative.features.batch import CreativeFeatures
from adcreative.features.extraction import FaceFinder
from adcreative.lettering import has_reader, load_reader
from adcreative.progress import Count, uncounted

WORD_FIELDS = ("headline", "primary_text", "description")
MAX_WORDS = 80
NUM_CELLS = 8
WINDOW_CELLS = 2
MIN_CELLS = 4
CHUNK, TOLD = 16, 4  # covered pictures scored at once; covered pictures per thread between two reports
MAX_SIDE_PX = 384  # of pictures that are covered and read dozens of times; `tests.bench.heat_maps`: 512 is no better
RIDGE = 10.0  # `tests.bench.heat_maps`: 4 to 30 are alike
COVERED_SHARE = 0.4

Extract = Callable[[Sequence[Creative]], Sequence[CreativeFeatures | CreativeError]]
Score = Callable[[Sequence[Creative], Sequence[CreativeFeatures]], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class WordWeight:
    """One word (field of the creative, 0-based position) and the log-odds lost by its removal."""

    field: str
    position: int
    word: str
    log_odds: float


def weigh_words(
    creative: Creative, features: CreativeFeatures, extract: Extract, score: Score, fields: Sequence[str] = WORD_FIELDS
) -> list[WordWeight]:
    """Measure the effect of each word of some fields by leaving it out; in reading order, at most MAX_WORDS words.

    Words are separated by white space. The picture's features are kept.
    """
    places = [(field, k, word) for field in fields for k, word in enumerate(getattr(creative, field).split())][:MAX_WORDS]
    if not places:
        return []
    shorter = [remove_words(creative, [(field, k)]) for field, k, _ in places]
    log_odds = score([creative, *shorter], [features, *read_words(shorter, features, extract)])
    return [
        WordWeight(field=field, position=k, word=word, log_odds=float(log_odds[0] - without))
        for (field, k, word), without in zip(places, log_odds[1:], strict=True)
    ]


def remove_words(creative: Creative, places: Iterable[tuple[str, int]]) -> Creative:
    """Return the creative without the words at (field, position)."""
    gone = set(places)
    texts = {
        field: " ".join(word for k, word in enumerate(getattr(creative, field).split()) if (field, k) not in gone)
        for field in {field for field, _ in gone}
    }
    return replace(creative, **texts)  # type: ignore[arg-type]


def read_words(creatives: Sequence[Creative], features: CreativeFeatures, extract: Extract) -> list[CreativeFeatures]:
    """Return `features` with the words of each creative encoded again; absent where no words are left."""
    found = extract([replace(creative, image_path=None, image_u8=None) for creative in creatives])
    words = [CreativeFeatures() if isinstance(one, CreativeError) else one for one in found]
    return [features.with_words_of(one) for one in words]


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Contribution of each cell of a picture, [down, across] float64 log-odds; sums over cells fit the effects of regions as
    closely as possible. strongest: measured effect, in log-odds, of the region with the largest effect."""

    cells: np.ndarray
    strongest: float


def map_heat(
    creative: Creative,
    image_u8: np.ndarray,
    extract: Extract,
    score: Score,
    things_xyxy_px: Sequence[Sequence[float]] = (),
    *,
    progress: Count = uncounted,
) -> HeatMap:
    """Map the contribution of each region of a picture, by occlusion.

    A window of 2 x 2 cells slides over the picture in steps of one cell and is filled with the picture's mean colour, as is
    each thing as a whole; the cells are the ridge regression of the regions' effects on sums over their cells.
    The long side has NUM_CELLS cells; they are about square, but the short side has MIN_CELLS at least.

    Args:
        image_u8: [H, W, 3]; the creative's own picture is not used. things_xyxy_px: boxes of faces and of lines of text.
    Raises:
        CreativeError: the picture cannot be read.
    """
    edges = cell_edges(image_u8)
    shape = (len(edges[0]) - 1, len(edges[1]) - 1)
    corners = [(y, x) for y in range(shape[0] - WINDOW_CELLS + 1) for x in range(shape[1] - WINDOW_CELLS + 1)]
    regions = [[(y + dy, x + dx) for dy in range(WINDOW_CELLS) for dx in range(WINDOW_CELLS)] for y, x in corners]
    regions += [cells for box in things_xyxy_px if (cells := _cells_of(box, edges))]
    drops = occlusion_drops(creative, image_u8, regions, extract, score, progress=progress)
    return HeatMap(cells=_share_out(regions, drops, shape), strongest=float(drops[np.abs(drops).argmax()]))


def _cells_of(box_xyxy_px: Sequence[float], edges: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, int]]:
    """Return the cells (row, column) mostly covered by a box in both directions, or with a large part of the box."""
    x0, y0, x1, y1 = box_xyxy_px
    found: list[list[int]] = []
    for side, low, high in ((edges[0], y0, y1), (edges[1], x0, x1)):
        inside = np.minimum(side[1:], high) - np.maximum(side[:-1], low)
        found.append(np.flatnonzero(inside > COVERED_SHARE * np.minimum(np.diff(side), high - low)).tolist())
    return [(y, x) for y in found[0] for x in found[1]]


def _share_out(regions: Sequence[Sequence[tuple[int, int]]], drops: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return cells [down, across] whose sums over regions approximate drops [N]: ridge regression, its shrinkage undone."""
    covered = np.zeros((len(regions), *shape))
    for row, cells in enumerate(regions):
        covered[(row, *np.transpose(cells))] = 1.0
    design = covered.reshape(len(regions), -1)
    effects = np.linalg.solve(design.T @ design + RIDGE * np.eye(design.shape[1]), design.T @ drops)
    predicted = design @ effects
    size = float(predicted @ predicted)
    return (effects * (float(predicted @ drops) / size if size > 0 else 0.0)).reshape(shape)


def occlusion_drops(
    creative: Creative,
    image_u8: np.ndarray,
    regions: Sequence[Sequence[tuple[int, int]]],
    extract: Extract,
    score: Score,
    *,
    progress: Count = uncounted,
) -> np.ndarray:
    """Return [N] the contribution of each region, a list of cells (row, column): log-odds with minus without the region.

    Args:
        extract: is called from all threads that torch may use.
    Raises:
        CreativeError: the picture cannot be read.
    """
    edges, fill = cell_edges(image_u8), image_u8.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    pictures: list[Sequence[tuple[int, int]]] = [(), *regions]

    def read(some: Sequence[Sequence[tuple[int, int]]]) -> list[tuple[Creative, CreativeFeatures]]:
        covered = []
        for cells in some:
            occluded = image_u8.copy()
            for y, x in cells:
                occluded[edges[0][y] : edges[0][y + 1], edges[1][x] : edges[1][x + 1]] = fill
            covered.append(replace(creative, image_path=None, image_u8=occluded))
        return list(zip(covered, map(_not_refused, extract(covered)), strict=True))

    log_odds: list[float] = []
    unscored: list[tuple[Creative, CreativeFeatures]] = []
    parts = [pictures[start : start + TOLD] for start in range(0, len(pictures), TOLD)]
    with closing(iter_in_threads(read, parts)) as reading:
        for found in reading:
            unscored += found
            done = len(log_odds) + len(unscored)
            progress(done, len(pictures))
            if len(unscored) >= CHUNK or done == len(pictures):
                log_odds += score(*map(list, zip(*unscored, strict=True))).tolist()
                unscored = []
    return log_odds[0] - np.array(log_odds[1:])


def _not_refused(found: CreativeFeatures | CreativeError) -> CreativeFeatures:
    if isinstance(found, CreativeError):
        raise found
    return found


def shrink_picture(image_u8: np.ndarray, max_side_px: int = MAX_SIDE_PX) -> np.ndarray:
    """Return the picture with a long side of at most max_side_px; MAX_SIDE_PX for dozens of copies."""
    image = Image.fromarray(image_u8)
    image.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS)
    return np.asarray(image).copy()


def cell_edges(image_u8: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pixel edges of the cells, down and across."""
    height, width = image_u8.shape[:2]
    cell_px = max(height, width) / NUM_CELLS
    counts = (max(MIN_CELLS, round(side / cell_px)) for side in (height, width))
    down, across = (np.linspace(0, side, n + 1).round().astype(int) for side, n in zip((height, width), counts, strict=True))
    return down, across


MAX_THINGS = 6
HELD_SHARE = 0.9


def find_things(image_u8: np.ndarray, analyzer: FaceFinder) -> list[list[float]]:
    """Return boxes x0, y0, x1, y1 (px) of faces, then of lines of text, each from the largest; MAX_THINGS at most.

    A detected line that contains a face is false (the rim of a photograph, say) and left out: it would outweigh all windows.

    Args:
        image_u8: [H, W, 3]. analyzer: finds faces (`features.extraction.FaceFinder`).
    """
    faces = [[float(edge) for edge in face.box_xyxy_px] for face in analyzer.analyze(image_u8)]
    found = load_reader().find_lines(image_u8).tolist() if has_reader() else []
    lines = [line for line in found if not any(_holds(line, face) for face in faces)]
    return [*sorted(faces, key=_area, reverse=True), *sorted(lines, key=_area, reverse=True)][:MAX_THINGS]


def _holds(box_xyxy_px: list[float], other_xyxy_px: list[float]) -> bool:
    """Return whether the first box contains almost all of the other."""
    (x0, y0, x1, y1), (u0, v0, u1, v1) = box_xyxy_px, other_xyxy_px
    inside = max(0.0, min(x1, u1) - max(x0, u0)) * max(0.0, min(y1, v1) - max(y0, v0))
    return inside > HELD_SHARE * _area(other_xyxy_px)


def _area(box_xyxy_px: list[float]) -> float:
    x0, y0, x1, y1 = box_xyxy_px
    return (x1 - x0) * (y1 - y0)
