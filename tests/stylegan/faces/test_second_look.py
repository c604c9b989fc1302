"""What counts as a face: photographs do, letters, icons and flat drawings do not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image
from skimage import data

from stylegan.faces import second_look
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture, FaceNetworks
from stylegan.faces.mesh import FaceLandmarks, FaceMesh
from stylegan.faces.second_look import LIMITS, look_hash, share_of_common, spread_of_colours
from tests.stylegan.faces.drawn import draw_icons, draw_letters
from tests.stylegan.faces.test_analysis import canvas_with, head


class Credulous(FaceAnalyzer):
    """As the analyzer was before it looked twice."""

    def _is_face(self, image_u8: np.ndarray, face: FaceInPicture) -> bool:
        return True


@pytest.mark.parametrize(
    ("draw", "num", "least"), [pytest.param(draw_letters, 250, 1, marks=pytest.mark.slow), (draw_icons, 40, 8)]
)
def test_letters_and_flat_drawings_are_no_faces(analyzer: FaceAnalyzer, draw: object, num: int, least: int) -> None:
    """`least`: so many pictures hold a face for the detector and the mesh alone, or there is nothing to refuse."""
    first, taken, found = Credulous(), 0, []
    for name, image_u8 in draw(num, seed=5):  # type: ignore[operator]
        if first.find(image_u8):
            taken += 1
            found += [name] * len(analyzer.find(image_u8))
    assert taken >= least
    assert found == []


@pytest.mark.parametrize("change", ["as it is", "dark", "grey", "small", "gif"])
def test_photographs_of_faces_stay_whatever_their_light(analyzer: FaceAnalyzer, change: str) -> None:
    portrait = Image.fromarray(head(56 if change == "small" else 120))
    if change == "dark":
        portrait = portrait.point(lambda value: value // 4)
    if change == "grey":
        portrait = portrait.convert("L").convert("RGB")
    picture = canvas_with([(100, 80, np.asarray(portrait)), (420, 300, np.asarray(portrait))])
    if change == "gif":
        picture = np.asarray(Image.fromarray(picture).quantize(64).convert("RGB"))
    assert len(Credulous().find(picture)) == 2
    before, after = Credulous().find(picture), analyzer.find(picture)
    assert [face.box_xyxy_px for face in after] == [face.box_xyxy_px for face in before]


def test_a_pattern_that_looks_like_a_face_from_one_place_is_refused(
    analyzer: FaceAnalyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mesh is asked from beside: with a limit that nothing meets, the astronaut is no face."""
    picture = data.astronaut()
    assert len(analyzer.find(picture)) == 1
    for changed in ({"confidence": 1.01, "clear": 1.01}, {"side_px": 1000.0}, {"common": 0.0}, {"spread": 9.0}):
        monkeypatch.setattr(second_look, "LIMITS", dataclasses.replace(LIMITS, **changed))
        assert analyzer.find(picture) == []


@pytest.mark.parametrize(
    ("seen", "num_asked", "is_face"),
    [
        ((0.99, 0.97, 0.0, 0.0, 0.0), 2, True),
        ((0.99, 0.94, 0.9, 0.2, 0.2), 5, False),
        ((0.94, 0.99, 0.9, 0.3, 0.3), 5, True),
    ],
)
def test_only_an_unclear_face_is_looked_at_from_five_places(
    monkeypatch: pytest.MonkeyPatch, seen: tuple[float, ...], num_asked: int, is_face: bool
) -> None:
    mesh, asked = FaceMesh(FaceNetworks.installed().mesh, FaceNetworks.installed().iris), iter(seen)
    monkeypatch.setattr(mesh, "find_landmarks", lambda *_: FaceLandmarks(np.zeros((468, 3), np.float32), next(asked)))
    assert second_look.is_steady(data.astronaut(), mesh, np.eye(3)) is is_face
    assert len(list(asked)) == len(seen) - num_asked


def test_measures_of_texture_do_not_depend_on_exposure_and_hue() -> None:
    rng = np.random.default_rng(0)
    skin = np.clip(rng.normal(140, 35, (1500, 1)) * [1.0, 0.8, 0.7] + rng.normal(0, 3, (1500, 3)), 0, 255)
    flat = np.where(rng.random((1500, 1)) < 0.6, 20.0, 230.0) * np.ones(3) + rng.normal(0, 2, (1500, 3))
    for factor in (1.0, 0.3):
        assert share_of_common(factor * skin) < 0.3 < 0.9 < share_of_common(factor * flat)
        assert spread_of_colours(factor * flat) < 0.03 < 0.06 < spread_of_colours(factor * skin)
    grey = skin.mean(axis=1, keepdims=True) * np.ones(3)
    assert share_of_common(grey) == pytest.approx(share_of_common(skin), abs=0.05)
    assert (share_of_common(np.full((9, 3), 7.0)), spread_of_colours(np.full((9, 3), 7.0))) == (1.0, 0.0)


def test_the_hash_of_faces_follows_the_limits_and_that_of_measures_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before, looked = FaceAnalyzer(), look_hash()
    hashes = before.content_hash, before.measures_hash
    monkeypatch.setattr(second_look, "LIMITS", dataclasses.replace(LIMITS, common=0.6))
    after = FaceAnalyzer()
    assert look_hash() != looked
    assert after.content_hash != hashes[0]
    assert after.measures_hash == hashes[1]
