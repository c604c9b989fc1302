"""Paste-back: the mask is a promise, zero is zero, the picture's own pixels move, light is added only where it belongs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image
from skimage import data

from adcreative.encoders.weights import embedded_dir
from data.make.face_model.growth import grow_face_model
from stylegan.errors import DirectionError, InversionError, ShapeError
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from stylegan.faces.mesh import FACE_OVAL, LEFT_EYE, LIPS, MOUTH_CORNERS, NUM_POINTS, RIGHT_EYE
from stylegan.faces.mirror import MIRROR
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.networks.checkpoints import load_face_model
from stylegan.photo import paste
from stylegan.photo.paste import MAX_MOVE, FaceChange, FaceRegion, _carried, open_region, paste_change, paste_render
from stylegan.photo.session import FaceEditSession


def seam(before_u8: np.ndarray, after_u8: np.ndarray, mask: np.ndarray) -> float:
    """Return how much steeper the picture became across the mask's edge: mean gradient after / before - 1.

    Args:
        before_u8, after_u8: [H, W, 3] uint8. mask: [H, W] bool, True where the picture may have changed.
    Returns:
        0 for no change; 0.05 is a seam of five per cent. Steps of less than one grey level on average count as one, so that
        a flat ground does not make noise look like a seam.
    """
    steps = []
    for axis in (0, 1):
        is_edge = np.diff(mask.astype(np.int8), axis=axis) != 0
        steps.append([np.abs(np.diff(p.astype(np.float32), axis=axis)).mean(axis=2)[is_edge] for p in (before_u8, after_u8)])
    before, after = (float(np.concatenate([pair[i] for pair in steps]).mean()) for i in (0, 1))
    return (after - before) / max(before, 1.0)


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer()


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[:300, 60:380])


@pytest.fixture(scope="module")
def face(analyzer: FaceAnalyzer, portrait: np.ndarray) -> FaceInPicture:
    (found,) = analyzer.analyze(portrait)
    return found


@pytest.fixture(scope="module")
def crop(face: FaceInPicture, portrait: np.ndarray) -> np.ndarray:
    return face.alignment.crop(portrait, 128)


@pytest.fixture(scope="module")
def region(analyzer: FaceAnalyzer, face: FaceInPicture, portrait: np.ndarray, crop: np.ndarray) -> FaceRegion:
    points = analyzer.trace_aligned(crop)
    assert points is not None
    return open_region(points, face.alignment, *portrait.shape[:2])


@pytest.fixture(scope="module")
def session(analyzer: FaceAnalyzer, portrait: np.ndarray, face: FaceInPicture) -> FaceEditSession:
    codec = FaceCodec(load_face_model(embedded_dir("faces")))
    return FaceEditSession(portrait, [face], codec, DirectionSet.load(embedded_dir("directions")), analyzer)


def applied(portrait: np.ndarray, region: FaceRegion, change: FaceChange) -> np.ndarray:
    picture_f32 = portrait.astype(np.float32)
    paste_change(picture_f32, region, change)
    return picture_f32


def full_mask(region: FaceRegion, portrait: np.ndarray) -> np.ndarray:
    mask = np.zeros(portrait.shape[:2], dtype=np.float32)
    x0, y0, x1, y1 = region.box
    mask[y0:y1, x0:x1] = region.mask[:, :, 0]
    return mask


def test_mask_covers_the_face_softly_and_nothing_else(region: FaceRegion, portrait: np.ndarray, face: FaceInPicture) -> None:
    mask = full_mask(region, portrait)
    assert mask.min() == 0.0
    assert mask.max() == 1.0
    x, y = face.landmarks_px.T
    for number in (33, 263, 61, 291, 1, 13):  # eyes, mouth, nose
        assert mask[int(y[number]), int(x[number])] > 0.9
    assert mask[int(y[152]), int(x[152])] > 0.0  # the chin may move
    assert mask[:, 0].max() == mask[0].max() == 0.0
    assert 0.05 < (mask > 0).mean() < 0.25
    assert np.abs(np.diff(mask, axis=1)).max() < 0.3


def test_no_change_leaves_the_picture_as_it_is(region: FaceRegion, portrait: np.ndarray, crop: np.ndarray) -> None:
    still = FaceChange(crop, crop, crop, region.points, region.points)
    np.testing.assert_array_equal(applied(portrait, region, still), portrait)


def test_points_that_move_carry_the_pictures_own_pixels(
    region: FaceRegion, portrait: np.ndarray, crop: np.ndarray, analyzer: FaceAnalyzer
) -> None:
    lips = list(paste.LIPS)
    middle = region.points[lips].mean(axis=0)
    nearness = np.exp(-((region.points - middle) ** 2).sum(axis=1, keepdims=True) / (2 * 0.1**2))
    moved = region.points + nearness * [0.0, 0.03]  # the mouth goes down by 3 % of the square
    grid = paste._frame_grid(128)
    field = paste.sample(paste._field(moved, moved - region.points, region.ring), grid)
    edited = paste.sample(crop.astype(np.float32), grid - field).clip(0, 255).astype(np.uint8)
    result = applied(portrait, region, FaceChange(crop, crop, edited, region.points, moved))
    outside = full_mask(region, portrait) == 0.0
    np.testing.assert_array_equal(result[outside], portrait[outside])
    before, after = (analyzer.analyze(p.round().astype(np.uint8))[0].landmarks_px for p in (portrait * 1.0, result))
    down = (after - before)[lips, 1].mean() - (after - before)[list(paste.LEFT_EYE + paste.RIGHT_EYE), 1].mean()
    assert down == pytest.approx(0.03 * region.alignment.side_px, rel=0.45)
    # moved, not blended: the mouth is as sharp as it was
    x, y = before[lips].mean(axis=0).astype(int)
    shift = round(0.03 * region.alignment.side_px)
    was = portrait[y - 12 : y + 12, x - 20 : x + 20].astype(float)
    now = result[y - 12 + shift : y + 12 + shift, x - 20 : x + 20]
    assert np.abs(np.diff(now, axis=0)).mean() > 0.8 * np.abs(np.diff(was, axis=0)).mean()


def test_light_appears_at_the_mouth_and_not_as_a_tint(region: FaceRegion, portrait: np.ndarray, crop: np.ndarray) -> None:
    x, y = (region.points[list(paste.LIPS)].mean(axis=0) * 128).astype(int)
    bright = crop.copy()
    bright[y - 4 : y + 4, x - 9 : x + 9] = np.clip(bright[y - 4 : y + 4, x - 9 : x + 9].astype(int) + 60, 0, 255)
    local = applied(portrait, region, FaceChange(crop, crop, bright, region.points, region.points)) - portrait
    px, py = region.alignment.to_picture(np.array([[x, y]]), 128)[0].astype(int)
    assert local[py - 2 : py + 2, px - 4 : px + 4].mean() > 15
    tinted = np.clip(crop.astype(int) + np.array([40, 0, -40]), 0, 255).astype(np.uint8)
    tint = applied(portrait, region, FaceChange(crop, crop, tinted, region.points, region.points)) - portrait
    assert np.abs(tint).mean() < 0.25 * np.abs(local).max()
    assert np.abs(tint).mean() < 1.0


def test_where_the_inversion_saw_something_else_light_is_withheld(
    region: FaceRegion, portrait: np.ndarray, crop: np.ndarray
) -> None:
    x, y = (region.points[list(paste.LIPS)].mean(axis=0) * 128).astype(int)
    window = (slice(y - 6, y + 6), slice(x - 12, x + 12))
    other, bright = crop.copy(), crop.copy()
    other[window] = 10  # the inversion has a dark hole where the picture has lips
    bright[window] = np.minimum(crop[window], 195) + 60
    elsewhere = other.copy()
    elsewhere[window] = 70
    likely = applied(portrait, region, FaceChange(crop, crop, bright, region.points, region.points)) - portrait
    doubtful = applied(portrait, region, FaceChange(crop, other, elsewhere, region.points, region.points)) - portrait
    assert np.abs(doubtful).sum() < 0.75 * np.abs(likely).sum()


def test_a_render_replaces_the_face_inside_its_mask(region: FaceRegion, portrait: np.ndarray) -> None:
    picture_f32 = portrait.astype(np.float32)
    paste_render(picture_f32, region, np.full((128, 128, 3), 200, dtype=np.uint8))
    mask = full_mask(region, portrait)
    np.testing.assert_array_equal(picture_f32[mask == 0.0], portrait[mask == 0.0])
    np.testing.assert_allclose(picture_f32[mask == 1.0], 200.0, atol=1e-2)


@pytest.mark.parametrize("name", ["smile", "eyes_open", "head_yaw"])
def test_an_edit_leaves_no_seam(session: FaceEditSession, portrait: np.ndarray, name: str) -> None:
    for strength in (-2.0, 2.0):
        assert abs(seam(portrait, session.compose(session.strengths(**{name: strength})), session.mask())) < 0.05


def test_zero_strengths_give_the_original_bit_for_bit(session: FaceEditSession, portrait: np.ndarray) -> None:
    composed = session.compose(session.strengths())
    np.testing.assert_array_equal(composed, portrait)
    assert composed is not session.image_u8
    assert session.identity(session.strengths()) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("named", [{"smile": 2.0}, {"smile": -2.0}, {"head_yaw": 2.0, "mouth_open": 1.0}])
def test_an_edit_is_visible_inside_the_mask_and_nowhere_else(
    session: FaceEditSession, portrait: np.ndarray, named: dict[str, float]
) -> None:
    composed = session.compose(session.strengths(**named))
    changed = (composed != portrait).any(axis=2)
    assert not changed[~session.mask()].any()
    assert changed[session.mask()].mean() > 0.3
    assert np.abs(composed.astype(int) - portrait).max() > 25
    assert session.identity(session.strengths(**named)) > 0.9
    np.testing.assert_array_equal(composed, session.compose(session.strengths(**named)))


def test_smile_moves_the_smile_of_the_composed_picture(session: FaceEditSession, analyzer: FaceAnalyzer) -> None:
    smiles = [analyzer.analyze(session.compose(session.strengths(smile=s)))[0].attributes["smile"] for s in (-2, 0, 2)]
    assert smiles[0] < smiles[1] - 0.04
    assert smiles[2] > smiles[1] + 0.04


def test_control_shows_the_inversion_inside_the_mask(session: FaceEditSession, portrait: np.ndarray) -> None:
    control = session.control()
    np.testing.assert_array_equal(control[~session.mask()], portrait[~session.mask()])
    assert np.abs(control.astype(int) - portrait)[session.mask()].mean() > 2.0


def test_two_faces_are_edited_apart(session: FaceEditSession, analyzer: FaceAnalyzer, portrait: np.ndarray) -> None:
    pair = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    faces = analyzer.analyze(pair)
    assert len(faces) == 2
    both = FaceEditSession(pair, faces, session._codec, session._directions, analyzer)
    strengths = both.strengths(smile=2.0)
    strengths[1] = 0.0
    changed = (both.compose(strengths) != pair).any(axis=2)
    x = int(faces[1].alignment.centre[0])
    half = slice(0, 320) if x < 320 else slice(320, 640)
    assert not changed[:, half].any()
    assert changed.any()


def test_a_render_without_a_face_moves_nothing(
    session: FaceEditSession, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session._analyzer, "trace_aligned", lambda crop: None)
    composed = session.compose(session.strengths(smile=1.9))
    assert np.abs(composed.astype(int) - portrait).max() < 2 * paste.MAX_LIGHT


def test_wrong_strengths_and_refused_faces_are_refused(
    session: FaceEditSession, analyzer: FaceAnalyzer, portrait: np.ndarray
) -> None:
    num = len(session._directions.names)
    with pytest.raises(ShapeError, match=rf"expected strengths \[1, {num}\], got \[2, {num}\]"):
        session.compose(np.zeros((2, num)))
    with pytest.raises(DirectionError, match="outside its safe range"):
        session.compose(session.strengths(smile=50.0))
    small = analyzer.analyze(np.ascontiguousarray(portrait[95:, 40:]))  # the forehead is missing
    refused = next(f for f in small if f.refusal)
    with pytest.raises(InversionError, match="a face cannot be edited: face is cut off"):
        FaceEditSession(portrait, [refused], session._codec, session._directions, analyzer)


def changes_of(session: FaceEditSession, strengths: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> list[FaceChange]:
    """Return the changes that a session pastes for strengths."""
    seen: list[FaceChange] = []
    with monkeypatch.context() as patched:
        patched.setattr("stylegan.photo.session.paste_change", lambda picture, region, change: seen.append(change))
        session._compose(strengths, np.flatnonzero(strengths.any(axis=1)), is_draft=False)
    return seen


def test_a_reach_carries_points_further(portrait: np.ndarray, region: FaceRegion) -> None:
    crop = region.alignment.crop(portrait, 64)
    moved = region.points.copy()
    moved[list(LIPS)] += [0.01, 0.0]
    once, twice = (_carried(FaceChange(crop, crop, crop, region.points, moved, reach)) for reach in (1.0, 2.0))
    assert np.linalg.norm(twice[LIPS[0]]) == pytest.approx(2 * np.linalg.norm(once[LIPS[0]]), rel=0.02)
    far = _carried(FaceChange(crop, crop, crop, region.points, moved, 1000.0))
    assert np.linalg.norm(far, axis=1).max() <= MAX_MOVE


def test_an_even_change_moves_both_halves_alike(portrait: np.ndarray, region: FaceRegion) -> None:
    crop, moved = region.alignment.crop(portrait, 64), region.points.copy()
    left, right = MOUTH_CORNERS
    moved[left] += [-0.02, -0.01]  # half a smile
    moved[NUM_POINTS : NUM_POINTS + 5] += [0.01, 0.0]  # one iris
    crooked = _carried(FaceChange(crop, crop, crop, region.points, moved))
    even = _carried(FaceChange(crop, crop, crop, region.points, moved, is_even=True))
    assert np.abs(crooked[right]).max() < 0.001
    assert even[left] == pytest.approx(even[right] * [-1.0, 1.0])
    assert even[left] == pytest.approx((crooked[left] + crooked[right] * [-1.0, 1.0]) / 2.0, rel=0.05)
    assert even[NUM_POINTS] == pytest.approx(even[NUM_POINTS + 5]), "eyes look in one direction"


def test_mirror_images_are_those_of_a_face(region: FaceRegion) -> None:
    assert (MIRROR[MIRROR] == np.arange(NUM_POINTS + 10)).all()
    assert MIRROR[list(MOUTH_CORNERS)].tolist() == list(reversed(MOUTH_CORNERS))
    assert set(MIRROR[list(LEFT_EYE)]) == set(RIGHT_EYE)
    assert set(MIRROR[list(FACE_OVAL)]) == set(FACE_OVAL)


def test_a_part_takes_move_and_light_to_itself(portrait: np.ndarray, region: FaceRegion) -> None:
    crop, moved = region.alignment.crop(portrait, 64), region.points + [0.0, 0.02] * (np.arange(478) % 7 == 0)[:, None]
    brighter = np.clip(crop.astype(int) + 60 * (np.arange(64) % 8 < 4)[:, None, None], 0, 255).astype(np.uint8)
    part = np.zeros(len(region.points))
    part[list(LIPS)] = 1.0
    change = FaceChange(crop, crop, brighter, region.points, moved, part=part)
    assert not _carried(change)[list(LEFT_EYE)].any()
    x0, y0, x1, y1 = region.box
    changed = np.abs(applied(portrait, region, change) - portrait)[y0:y1, x0:x1].max(axis=2)
    near = {
        name: np.linalg.norm(region.grid - region.points[list(ids)].mean(axis=0), axis=2) < 0.03
        for name, ids in (("lips", LIPS), ("eye", LEFT_EYE))
    }
    assert changed[near["lips"]].max() > 10.0
    assert changed[near["eye"]].max() == 0.0


def test_bones_of_an_expression_stay_and_a_narrower_head_has_others(session: FaceEditSession, portrait: np.ndarray) -> None:
    assert session.bones(portrait) == pytest.approx([0.0])
    height, width = portrait.shape[:2]
    narrow = np.asarray(Image.fromarray(portrait).resize((round(0.8 * width), height)))
    beside = (width - narrow.shape[1]) // 2
    pasted = portrait.copy()
    pasted[:, beside : beside + narrow.shape[1]] = narrow
    assert session.bones(pasted)[0] > 0.02
    assert np.isinf(session.bones(np.zeros_like(portrait))[0])


def test_gains_move_a_face_further_for_the_same_strength(
    session: FaceEditSession, analyzer: FaceAnalyzer, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = FaceEditSession(portrait, session.faces, session._codec, session._directions, analyzer)
    gains = np.ones((2, 1, len(own._directions.names)))
    gains[1, 0, own._directions.index("smile")] = 1.5
    own.set_gains(gains)
    further, less = own.strengths(smile=1.0), own.strengths(smile=-1.0)
    moves = [change.reach for change in changes_of(own, further, monkeypatch)]
    (reach,) = moves
    assert isinstance(reach, np.ndarray)
    assert reach[list(LIPS)] == pytest.approx(1.5)
    assert reach[list(LEFT_EYE)].max() < 1.05, "a smile carries a mouth further, not the eyes"
    assert (own.compose(further) != session.compose(further)).any()
    np.testing.assert_array_equal(own.compose(less), session.compose(less))
    assert own.realism(further[None]) == session.realism(further[None]), "it is the picture that goes further, not the render"
    with pytest.raises(ShapeError, match=r"expected positive gains \[2, 1, "):
        own.set_gains(gains[:1])


def test_a_face_that_the_mesh_loses_is_refused(
    session: FaceEditSession, portrait: np.ndarray, face: FaceInPicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session._analyzer, "trace_aligned", lambda crop: None)
    with pytest.raises(InversionError, match="it is not seen when cropped"):
        FaceEditSession(portrait, [face], session._codec, session._directions, session._analyzer)


def test_an_encoder_smaller_than_its_generator_edits_too(
    session: FaceEditSession, analyzer: FaceAnalyzer, portrait: np.ndarray, face: FaceInPicture
) -> None:
    """As e4e does: 256 px in, 1024 px out; here 64 and 128."""

    class HalfCodec(FaceCodec):
        def encode(self, aligned_u8: Sequence[np.ndarray]) -> np.ndarray:
            assert {crop.shape[0] for crop in aligned_u8} == {64}
            return super().encode([crop.repeat(2, axis=0).repeat(2, axis=1) for crop in aligned_u8])

        def _resized(self, crop_u8: np.ndarray) -> np.ndarray:
            return crop_u8

    half = HalfCodec(session._codec.face_model)
    half.size = 64
    small = FaceEditSession(portrait, [face], half, session._directions, analyzer)
    composed = small.compose(small.strengths(smile=2.0))
    assert (composed != portrait).any()
    assert not (composed != portrait).any(axis=2)[~small.mask()].any()


def test_a_draft_of_a_grown_model_is_the_old_models_picture(
    session: FaceEditSession, analyzer: FaceAnalyzer, portrait: np.ndarray, face: FaceInPicture
) -> None:
    grown = grow_face_model(session._codec.face_model, channels=4)
    grown.generator.synthesis.to_rgbs[-1].weight.fill_(0.3)  # type: ignore[union-attr, operator]
    larger = FaceEditSession(portrait, [face], FaceCodec(grown), session._directions, analyzer)
    strengths = session.strengths(smile=2.0)
    np.testing.assert_array_equal(larger.compose(strengths, is_draft=True), session.compose(strengths))
    full = larger.compose(strengths)
    assert (full != session.compose(strengths)).any()
    np.testing.assert_array_equal(full[~larger.mask()], portrait[~larger.mask()])
