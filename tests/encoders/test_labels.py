"""Class labels of pictures: the classifier asked at every place, against the network's own answer and on real photographs."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from adcreative.encoders import labels
from adcreative.encoders.labels import PERSONS, PictureLabeller, name_label
from adcreative.errors import FeatureError


@pytest.fixture(scope="module")
def labeller() -> PictureLabeller:
    return PictureLabeller.load()


def names_of(labeller: PictureLabeller, image_u8: np.ndarray) -> set[str]:
    return {name_label(label) for label in labeller.label(image_u8)}


def test_photographs_are_named(labeller: PictureLabeller) -> None:
    assert names_of(labeller, skimage.data.coffee()) >= {"espresso"}
    assert names_of(labeller, skimage.data.chelsea()) >= {"Egyptian cat", "tiger cat"}


def test_two_things_in_one_picture_are_both_seen(labeller: PictureLabeller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cat above a cup: one softmax of the whole picture must choose, the places need not."""
    halves = [np.asarray(Image.fromarray(one).resize((300, 300))) for one in (skimage.data.chelsea(), skimage.data.coffee())]
    image_u8 = np.concatenate(halves)
    assert names_of(labeller, image_u8) >= {"espresso", "Egyptian cat"}
    monkeypatch.setattr(labels, "WINDOW", 7)
    assert "espresso" not in names_of(labeller, image_u8)


def test_a_window_of_the_whole_map_is_the_networks_own_answer(
    labeller: PictureLabeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "WINDOW", 7)
    image_u8 = skimage.data.rocket()
    with torch.inference_mode():
        pixels = labeller.transform(Image.fromarray(image_u8)).unsqueeze(0)
        plain = labeller.network(pixels).softmax(dim=1)[0].numpy()
    np.testing.assert_allclose(labeller.score(image_u8), plain, rtol=1e-3, atol=1e-6)


def test_labels_are_a_sorted_set_above_the_threshold_without_persons(
    labeller: PictureLabeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = np.zeros(1000, np.float32)
    scores[[7, 900, 3, *PERSONS]] = 0.25, 0.9, 0.2499, 0.9, 0.9, 0.9
    monkeypatch.setattr(labeller, "score", lambda image_u8: scores)
    found = labeller.label(np.zeros((64, 64, 3), np.uint8))
    assert found.tolist() == [7, 900]
    assert found.dtype == np.int64
    assert [name_label(person) for person in PERSONS] == ["ballplayer", "groom", "scuba diver"]


def test_a_picture_of_another_shape_is_refused(labeller: PictureLabeller) -> None:
    with pytest.raises(FeatureError, match=r"expected a picture \[H, W, 3\] uint8, got \[8, 8\] uint8; read it with"):
        labeller.label(np.zeros((8, 8), np.uint8))
