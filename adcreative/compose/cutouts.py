"""Cuts the product, or the person, out of a photograph; None for a poor edge, where the photo is better used as it is.

    an object on plain ground    by colour: ground connected to the edge of the photo
    another object               by a network of the U-2-Net kind, its mask refined on the picture by a guided filter
    a person                     by MediaPipe's selfie segmentation, refined likewise

Source: He, Sun & Tang 2013, guided image filtering; Qin et al. 2020, U-2-Net; Forte 2021, approximate fast foreground colour
estimation (blur fusion).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from adcreative.compose.colour import to_oklab
from adcreative.encoders.weights import find_weight
from adcreative.errors import ConfigError
from stylegan.runtime.tflite import TfliteModel

_MEAN, _STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)  # ImageNet
PLAIN_SHARE, PLAIN_SPREAD = 0.9, 0.035  # minimum share of the edge in one colour, and maximum distance from it (OKLab)
GROUND_STEP = 0.03  # OKLab: limit for the ground's shadows and noise
SOLID, EMPTY = 0.9, 0.1  # alpha
SEEN, UNSEEN = 0.6, 0.35  # of the saliency: certainly the object, certainly not
MIN_HOLE = 0.002  # of the photograph, for ground visible through the object
MIN_AREA, MAX_AREA = 0.03, 0.92  # of the photograph
MAX_SOFT = 0.045  # maximum share of the cut-out's pixels that are translucent, beyond the width of an edge
MAX_RIM = 0.02  # maximum share of its outline on the photograph's edge: an object cut there cannot be used alone
MAX_RIM_PLAIN = 0.20  # on plain ground, which shops crop closely
MAX_PALE = 0.1  # maximum share of nearly the ground's colour in the band inside its outline: shadows, or white on white
PALE, BAND = 0.17, 40  # OKLab distance from the ground; divisor of the object's shorter side for the band's width
MAX_LEFT, MAX_LOST = 0.003, 0.01  # of the object: parts with the ground's colours in it, and with the object's colours outside
TELLING = 1.5  # minimum log ratio of a colour's frequency in the ground and in the object
COLOURS = 16  # bins per channel of the colour histogram
SMALLER = 4  # downscaling for the edge filter's coefficients; a quarter of the radius is as good (He and Sun 2015)
MIN_EDGE = 0.6  # minimum share of its outline with a colour change


@dataclass(frozen=True)
class EdgeQuality:
    """Quality of a cut-out's edge. soft: share of translucent pixels; rim: share of the outline on the photograph's edge;
    edge: share of the outline with a colour change; area: share of the photograph; pale: share of the band inside the outline
    in nearly the colour of a plain ground, such as shadows, which would show on another ground; left, lost: parts of the object
    that look like the surrounding ground, as seen through a chair, and of the ground that look like the object, as shares of
    the object."""

    soft: float
    rim: float
    edge: float
    area: float
    pale: float = 0.0
    left: float = 0.0
    lost: float = 0.0

    def is_good(self, max_rim: float = MAX_RIM) -> bool:
        """Return whether the cut-out can be used without its ground."""
        is_clean = self.soft <= MAX_SOFT and self.rim <= max_rim and self.pale <= MAX_PALE
        is_clean &= self.left <= MAX_LEFT and self.lost <= MAX_LOST
        return MIN_AREA <= self.area <= MAX_AREA and is_clean and self.edge >= MIN_EDGE


class Segmenter:
    """A network of the U-2-Net, ISNet or BiRefNet kind in ONNX: one picture in, one saliency map out.

    Raises:
        ConfigError: the file is no such network, or onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigError('cut-outs need onnxruntime; install it with: pip install "adcreative[picture]"') from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own, without a common base class
            raise ConfigError(f"{Path(path).name} is no ONNX network that can be read ({str(error)[:120]}).") from error
        first = self._session.get_inputs()[0]
        sides = [side for side in first.shape[2:] if isinstance(side, int)]
        if len(first.shape) != 4 or first.shape[1] not in (3, "3"):
            raise ConfigError(f"{Path(path).name} takes {first.shape}, not one picture [1, 3, height, width].")
        self._name, self._size = first.name, ((sides[1], sides[0]) if len(sides) == 2 else (320, 320))

    def __call__(self, image_u8: np.ndarray) -> np.ndarray:
        """Return the saliency of each pixel of a picture [H, W, 3] uint8, [H, W] float32 0..1."""
        small = cv2.resize(image_u8, self._size, interpolation=cv2.INTER_AREA).astype(np.float32)
        small = (small / max(float(small.max()), 1.0) - _MEAN) / _STD
        found = np.asarray(self._session.run(None, {self._name: small.transpose(2, 0, 1)[None]})[0], np.float32)
        mask = found.reshape(found.shape[-2:]) if found.size == found.shape[-1] * found.shape[-2] else found[0, 0]
        if mask.min() < -0.01 or mask.max() > 1.01:
            mask = 1.0 / (1.0 + np.exp(-mask.clip(-30, 30)))
        low, high = float(mask.min()), float(mask.max())
        mask = (mask - low) / (high - low) if high - low > 0.2 else mask * 0.0  # no salient object
        height, width = image_u8.shape[:2]
        return np.clip(cv2.resize(mask, (width, height), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)


@lru_cache(maxsize=2)
def load_segmenter(path: Path | None = None) -> Segmenter:
    """Return the network in a file; None: the shipped small U-2-Net. Raises as `Segmenter`."""
    if path is not None and not path.is_file():
        raise ConfigError(f"there is no file {path}; --cutout-model names an ONNX network of the U-2-Net kind.")
    return Segmenter(find_weight("u2netp") / "u2netp.onnx" if path is None else path)


@lru_cache(maxsize=1)
def _people() -> TfliteModel:
    return TfliteModel(find_weight("selfie") / "selfie_segmentation.tflite")


def segment_people(image_u8: np.ndarray) -> np.ndarray:
    """Return the probability of a person for each pixel of a picture [H, W, 3] uint8, [H, W] float32 0..1."""
    model = _people()
    small = cv2.resize(image_u8, (model.size, model.size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    (mask,) = model.compute(small)
    height, width = image_u8.shape[:2]
    return np.clip(cv2.resize(mask[..., 0], (width, height), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)


def find_plain_ground(image_u8: np.ndarray) -> np.ndarray | None:
    """Return the colour [3] of the ground if nearly all of the picture's edge has one colour, else None."""
    rim = np.concatenate(
        [
            image_u8[:2].reshape(-1, 3),
            image_u8[-2:].reshape(-1, 3),
            image_u8[:, :2].reshape(-1, 3),
            image_u8[:, -2:].reshape(-1, 3),
        ]
    )
    colour = np.median(rim, axis=0)
    away = np.linalg.norm(to_oklab(rim) - to_oklab(colour), axis=1)
    return colour if (away <= PLAIN_SPREAD).mean() >= PLAIN_SHARE else None


def cut_from_ground(image_u8: np.ndarray, ground: np.ndarray, standing_out: np.ndarray | None = None) -> np.ndarray:
    """Return alpha [H, W] float32 of the object on plain ground.

    Ground is the component of its colour at the picture's edge. With a network's map (`standing_out`, [H, W] 0..1), white parts
    of the object are kept although they have the ground's colour, and ground visible through the object is removed.
    """
    calm = cv2.medianBlur(image_u8, 3)  # removes JPEG specks around the object
    away = np.linalg.norm(to_oklab(calm) - to_oklab(ground), axis=2).astype(np.float32)
    is_ground = (away <= GROUND_STEP).astype(np.uint8)
    _, labels = cv2.connectedComponents(cv2.copyMakeBorder(is_ground, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1), connectivity=4)
    labels = labels[1:-1, 1:-1]
    thing = (labels != labels[0, 0]).astype(np.uint8)
    if standing_out is not None:
        thing |= (standing_out > SEEN).astype(np.uint8)
        for hole in np.unique(labels[(is_ground > 0) & (thing > 0) & (standing_out < UNSEEN)]):
            own = (labels == hole) & (is_ground > 0)
            if own.mean() >= MIN_HOLE and float(standing_out[own].mean()) < UNSEEN:
                thing[own] = 0
    thing = cv2.erode(_largest_parts(thing), np.ones((3, 3), np.uint8))  # the outermost pixel is half ground
    reach = max(1, round(min(image_u8.shape[:2]) / 400))
    inner = cv2.erode(thing, np.ones((3, 3), np.uint8), iterations=reach)
    # alpha at the edge: distance from the ground relative to the nearby object's distance
    full = cv2.dilate(np.where(inner > 0, away, 0), np.ones((4 * reach + 1, 4 * reach + 1), np.uint8))
    edge = np.clip(away / np.maximum(full, GROUND_STEP), 0.0, 1.0)
    alpha = np.where(inner > 0, 1.0, np.where(thing > 0, edge, 0.0)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.6 * reach), np.float32)


def sharpen(mask: np.ndarray, image_u8: np.ndarray) -> np.ndarray:
    """Return a mask [H, W] 0..1 with an edge that follows the picture's: a guided filter, then clipping near 0 and 1."""
    radius = max(2, round(min(mask.shape) / 60))
    fine = _guided_filter(image_u8.astype(np.float32) / 255.0, mask, radius, 1e-4)
    fine = np.clip((fine - EMPTY) / (SOLID - EMPTY), 0.0, 1.0)
    near = cv2.dilate((mask > 0.5).astype(np.uint8), np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    return (fine * (near & _largest_parts((fine > 0.3).astype(np.uint8)))).astype(np.float32)


def _guided_filter(guide: np.ndarray, mask: np.ndarray, radius: int, eps: float) -> np.ndarray:
    """Filter a mask [H, W] along the edges of a guide [H, W, 3] 0..1 (He et al. 2013, eq. 14 to 16).

    The coefficients are computed on downscaled copies (He and Sun 2015, "Fast guided filter").
    """
    high, wide = mask.shape
    small = (max(1, wide // SMALLER), max(1, high // SMALLER))
    low, shares = (cv2.resize(one, small, interpolation=cv2.INTER_AREA) for one in (guide, mask))
    reach = max(1, round(radius / SMALLER))
    size = (2 * reach + 1, 2 * reach + 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.blur(values, size))

    def enlarge(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(values.astype(np.float32), (wide, high), interpolation=cv2.INTER_LINEAR))

    mean_i, mean_p = mean(low), mean(shares)
    cov_ip = mean(low * shares[..., None]) - mean_i * mean_p[..., None]
    products = low[..., :, None] * low[..., None, :]
    sigma = mean(products.reshape(*shares.shape, 9)).reshape(*shares.shape, 3, 3) - mean_i[..., :, None] * mean_i[..., None, :]
    a = np.linalg.solve(sigma + eps * np.eye(3, dtype=np.float32), cov_ip[..., None])[..., 0]  # eq. 14
    b = mean_p - (a * mean_i).sum(axis=2)  # eq. 15
    return (enlarge(mean(a.astype(np.float32))) * guide).sum(axis=2) + enlarge(mean(b))  # eq. 16


def _largest_parts(mask: np.ndarray) -> np.ndarray:
    """Return a mask [H, W] uint8 without specks: components of less than a thirtieth of the largest."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 1:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.concatenate([[0], (areas >= areas.max() / 30).astype(np.uint8)])
    return np.asarray(kept[labels], np.uint8)


def measure_edge(image_u8: np.ndarray, alpha: np.ndarray) -> EdgeQuality:
    """Measure the edge of a cut-out: alpha [H, W] 0..1 of a picture [H, W, 3] uint8."""
    solid = (alpha > 0.5).astype(np.uint8)
    area = int(solid.sum())
    if area < 50:
        return EdgeQuality(1.0, 1.0, 0.0, 0.0)
    reach = max(2, round(min(alpha.shape) / 150))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    inside, outside = solid - cv2.erode(solid, np.ones((3, 3), np.uint8)), cv2.dilate(solid, kernel) - solid
    band = cv2.dilate(solid, kernel) - cv2.erode(solid, kernel)
    soft = float(((alpha > EMPTY) & (alpha < SOLID) & (band == 0)).sum() / area)
    rim = np.zeros_like(solid)
    rim[:2], rim[-2:], rim[:, :2], rim[:, -2:] = 1, 1, 1, 1
    outline = (inside > 0) | ((solid > 0) & (rim > 0))
    at_rim = float((outline & (rim > 0)).sum() / max(outline.sum(), 1))
    lab = to_oklab(image_u8).astype(np.float32)
    within = (cv2.erode(solid, np.ones((3, 3), np.uint8)) > 0).astype(np.float32)
    beyond = (outside > 0).astype(np.float32)
    size = (4 * reach + 1, 4 * reach + 1)
    means = [
        cv2.blur(lab * part[..., None], size) / np.maximum(cv2.blur(part, size), 1e-4)[..., None] for part in (within, beyond)
    ]
    step = np.linalg.norm(means[0] - means[1], axis=2)
    seen = outline & (rim == 0)
    edge = float((step[seen] > 0.05).mean()) if seen.any() else 0.0
    left, lost = _mistaken(image_u8, solid)
    return EdgeQuality(soft=soft, rim=at_rim, edge=edge, area=area / solid.size, left=left, lost=lost)


def _mistaken(image_u8: np.ndarray, solid: np.ndarray) -> tuple[float, float]:
    """Return the parts of a cut-out [H, W] 0 or 1 that look like the ground around it, and vice versa, as shares of it.

    Colour histograms come from a ring around the object and from its inside; only components count, not specks.
    """
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    side = max(1, min(int(np.ptp(rows)), int(np.ptp(columns))))

    def disc(share: float, least: int) -> np.ndarray:
        radius = max(least, round(side * share))
        return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))

    around, wide = cv2.dilate(solid, disc(0.01, 2)), cv2.dilate(solid, disc(1 / 6, 8))
    ring, deep = (wide - around) > 0, cv2.erode(solid, disc(0.025, 2)) > 0
    if not ring.any() or not deep.any():
        return 0.0, 0.0
    steps = (image_u8 // (256 // COLOURS)).astype(np.int64)
    place = (steps[..., 0] * COLOURS + steps[..., 1]) * COLOURS + steps[..., 2]

    def logs(seen: np.ndarray) -> np.ndarray:
        counts = np.bincount(place[seen], minlength=COLOURS**3).astype(np.float64).reshape(COLOURS, COLOURS, COLOURS)
        smooth = ndimage.gaussian_filter(counts, 0.8).ravel()
        return np.asarray(np.log(smooth / smooth.sum() + 1e-5))

    telling = (logs(ring) - logs(deep))[place]

    def parts(mask: np.ndarray) -> float:
        opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc(1 / 120, 1))
        areas = cv2.connectedComponentsWithStats(opened)[2][1:, cv2.CC_STAT_AREA] / solid.sum()
        return float(areas[areas >= MAX_LEFT / 2].sum())

    return parts((telling > TELLING) & (solid > 0)), parts((telling < -TELLING) & ring)


def pale_share(image_u8: np.ndarray, alpha: np.ndarray, ground: np.ndarray) -> float:
    """Return the share of the band inside a cut-out's outline in nearly the ground's colour [3], 0..1."""
    solid = (alpha > 0.5).astype(np.uint8)
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    if not rows.size:
        return 1.0
    width = max(2, min(int(np.ptp(rows)), int(np.ptp(columns))) // BAND)
    band = (solid > 0) & (cv2.erode(solid, np.ones((3, 3), np.uint8), iterations=width) == 0)
    away = np.linalg.norm(to_oklab(image_u8[band]) - to_oklab(ground), axis=1)
    return float((away < PALE).mean()) if away.size else 1.0


def unmix(image_u8: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return RGBA [H, W, 4] uint8, with the object's colours at its edge free of the ground (blur fusion, Forte 2021)."""
    image, share = image_u8.astype(np.float32), alpha[..., None]
    front = image
    for radius in (max(3, round(min(alpha.shape) / 12)), 6):
        size = (2 * radius + 1, 2 * radius + 1)
        weight = cv2.blur(alpha, size)[..., None]
        mean_front = cv2.blur(front * share, size) / np.maximum(weight, 1e-3)
        mean_back = cv2.blur(image * (1 - share), size) / np.maximum(1 - weight, 1e-3)
        front = np.clip(mean_front + share * (image - share * mean_front - (1 - share) * mean_back), 0, 255)
    colours = np.where(share >= 0.995, image, front)
    return np.dstack([np.rint(colours), np.rint(alpha * 255)]).astype(np.uint8)


def cut_out(
    image_u8: np.ndarray, standing_out: np.ndarray | None, *, has_person: bool
) -> tuple[np.ndarray | None, EdgeQuality]:
    """Cut the object or the person out of a photograph [H, W, 3] uint8.

    Args:
        standing_out: [H, W] 0..1 of a `Segmenter`; None without one.
    Returns:
        RGBA [H, W, 4] uint8, None for a poor edge; and the quality of the best edge.
    """
    tried: list[tuple[np.ndarray, float]] = []
    ground = find_plain_ground(image_u8)
    if ground is not None:
        tried.append((cut_from_ground(image_u8, ground, standing_out), MAX_RIM_PLAIN))
    if has_person:
        tried.append((sharpen(segment_people(image_u8), image_u8), MAX_RIM))
    elif standing_out is not None:
        tried.append((sharpen(standing_out, image_u8), MAX_RIM))
    best = EdgeQuality(1.0, 1.0, 0.0, 0.0)
    for alpha, max_rim in tried:
        best = measure_edge(image_u8, alpha)
        best = best if ground is None else replace(best, pale=pale_share(image_u8, alpha, ground))
        if best.is_good(max_rim):
            return unmix(image_u8, alpha), best
    return None, best
