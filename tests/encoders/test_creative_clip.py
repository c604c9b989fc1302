"""Pictures and words through open_clip: the embedded model, and any checkpoint folder through the same code."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from adcreative.artifacts import save_artifact
from adcreative.encoders import weights
from adcreative.encoders.creative_clip import EMBED_DIM, FORMAT, KIND, PICTURE_HEAD, TEXT_HEAD, CreativeClip, load_embedded
from adcreative.errors import ArtifactError, FeatureError, WeightsError

LARGE = "ViT-B-32/laion2b_s34b_b79k"
TEXTS = ["free delivery today", "🎉 sale", "a somewhat longer line of words about shoes that are made for running", "مرحبا"]


@pytest.fixture(scope="module")
def clip() -> CreativeClip:
    return CreativeClip.load()


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3)).astype(np.uint8) for height, width in ((64, 64), (300, 120), (90, 500))]


@pytest.fixture(scope="module")
def tiny_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of one small layer a tower, in the folder layout that the hub uses."""
    folder = tmp_path_factory.mktemp("tiny")
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    torch.manual_seed(0)
    save_file(open_clip.CLIP(**config).state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {"size": 32}}))
    return folder


@pytest.fixture(scope="module", params=["embedded", "folder"])
def either(request: pytest.FixtureRequest, clip: CreativeClip, tiny_dir: Path) -> CreativeClip:
    """The contract holds for both: the assembled model and a checkpoint folder."""
    return clip if request.param == "embedded" else CreativeClip.load(LARGE, tiny_dir)


def test_rows_are_unit_vectors_of_the_stated_width(either: CreativeClip, pictures: list[np.ndarray]) -> None:
    for rows, width in ((either.encode_images(pictures), either.image_dim), (either.encode_texts(TEXTS), either.text_dim)):
        assert rows.shape[1] == width
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
        assert len(np.unique(rows.round(4), axis=0)) == len(rows), "different inputs, different rows"


def test_a_row_does_not_depend_on_the_others(either: CreativeClip, pictures: list[np.ndarray]) -> None:
    assert np.array_equal(either.encode_images(pictures)[2:], either.encode_images(pictures[2:]))
    together = either.encode_texts(TEXTS + [f"line {i}" for i in range(30)])
    for row, text in zip(together, TEXTS, strict=False):
        assert np.array_equal(either.encode_texts([text])[0], row)


def test_blank_text_is_zeros_and_nothing_gives_no_rows(either: CreativeClip) -> None:
    assert not either.encode_texts(["", "  \n"]).any()
    assert either.encode_texts(["", "word"]).any(1).tolist() == [False, True]
    assert either.encode_texts([]).shape == (0, either.text_dim)
    assert either.encode_images([]).shape == (0, either.image_dim)


def test_long_texts_are_cut(either: CreativeClip) -> None:
    assert np.isfinite(either.encode_texts(["word " * 3000, "x" * 10_000])).all()


def test_embedded_is_open_clips_own_forward(clip: CreativeClip, pictures: list[np.ndarray]) -> None:
    """Naive twin: the tokenizer's whole padded row and no blocks."""
    with torch.inference_mode():
        expected = clip.model.encode_text(clip.tokenizer(TEXTS), normalize=True).numpy()
    np.testing.assert_allclose(clip.encode_texts(TEXTS), expected, atol=1e-5)
    assert clip.image_dim == clip.text_dim == EMBED_DIM


def test_a_text_that_spells_padding_is_read_as_open_clip_reads_it(clip: CreativeClip) -> None:
    texts = ["ends in [PAD]", "[PAD] begins", "has [PAD] within", "plain"]
    assert not clip.tokenizer(texts)[2, :6].all()
    with torch.inference_mode():
        expected = clip.model.encode_text(clip.tokenizer(texts), normalize=True).numpy()
    np.testing.assert_allclose(clip.encode_texts(texts), expected, atol=1e-5)


def test_folded_picture_tower_is_open_clips_own_forward(clip: CreativeClip, pictures: list[np.ndarray]) -> None:
    """Naive twin: batch norms apart."""
    with torch.inference_mode():
        pixels = torch.stack([clip.transform(Image.fromarray(image_u8)) for image_u8 in pictures])
        expected = clip.model.encode_image(pixels, normalize=True).numpy()
    assert any(isinstance(part, torch.nn.BatchNorm2d) for part in clip.model.visual.modules())
    np.testing.assert_allclose(clip.encode_images(pictures), expected, atol=2e-6)


def test_picture_tower_has_the_wheels_weights(clip: CreativeClip) -> None:
    stored = torch.load(weights.find_weight("efficientnet-lite0"), map_location="cpu", weights_only=True)
    trunk = list(clip.model.visual.trunk.state_dict().values())
    values = list(stored.values())
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(trunk, values, strict=False))
    assert len(values) - len(trunk) == 2, "all but the classifier's weight and bias"


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((8, 8), np.uint8), r"got \[8, 8\] uint8"),
        (np.zeros((8, 8, 4), np.uint8), r"got \[8, 8, 4\] uint8"),
        (np.zeros((8, 8, 3), np.float32), r"got \[8, 8, 3\] float32"),
    ],
)
def test_other_arrays_are_refused(clip: CreativeClip, picture: np.ndarray, message: str) -> None:
    with pytest.raises(FeatureError, match=rf"expected a picture \[H, W, 3\] uint8, {message}"):
        clip.encode_images([picture])


def test_loading_is_quiet_and_restores_logging(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    CreativeClip.load()
    assert capfd.readouterr().err == ""
    assert not caplog.records
    assert logging.root.manager.disable == logging.NOTSET


def test_hashes_tell_models_apart(clip: CreativeClip, tiny_dir: Path) -> None:
    assert clip.content_hash == CreativeClip.load().content_hash
    assert clip.content_hash != CreativeClip.load(LARGE, tiny_dir).content_hash


def test_folder_model_equals_open_clip_itself(tiny_dir: Path, pictures: list[np.ndarray]) -> None:
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tiny_dir}")
    from PIL import Image

    with torch.inference_mode():
        pixels = torch.stack([preprocess(Image.fromarray(picture)) for picture in pictures])
        expected = model.eval().encode_image(pixels, normalize=True).numpy()
        words = model.encode_text(open_clip.tokenize(TEXTS), normalize=True).numpy()
    loaded = CreativeClip.load(LARGE, tiny_dir)
    np.testing.assert_allclose(loaded.encode_images(pictures), expected, atol=1e-5)
    np.testing.assert_allclose(loaded.encode_texts(TEXTS), words, atol=1e-5)


def test_large_model_is_found_through_its_variable(tiny_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.WEIGHTS[LARGE].variable, str(tiny_dir))
    assert CreativeClip.load(LARGE).image_dim == 16


def test_absent_large_model_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(weights.WEIGHTS[LARGE].variable, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="run without HF_HUB_OFFLINE"):
        CreativeClip.load(LARGE)


def test_damaged_folder_and_misfitting_file_are_refused(tmp_path: Path, tiny_dir: Path) -> None:
    with pytest.raises(ArtifactError, match=f'cannot read "{LARGE}" from .*config file missing'):
        CreativeClip.load(LARGE, tmp_path)
    config = (tiny_dir / "open_clip_config.json").read_text()
    (tmp_path / "open_clip_config.json").write_text(config)
    with pytest.raises(ArtifactError, match=f'cannot read "{LARGE}" from'):
        CreativeClip.load(LARGE, tmp_path)  # a configuration without weights must not become a random model
    with pytest.raises(ArtifactError, match=f'cannot read "{LARGE}" from'):
        CreativeClip.load(LARGE, tiny_dir / "open_clip_model.safetensors")
    (tmp_path / "no-checkpoint.bin").write_bytes(b"not a checkpoint")
    with pytest.raises(ArtifactError, match=f'cannot read "{LARGE}" from'):
        CreativeClip.load(LARGE, tmp_path / "no-checkpoint.bin")


def write_projections(folder: Path, tensors: dict[str, np.ndarray]) -> Path:
    save_artifact(folder, kind=KIND, format_version=FORMAT, tensors=tensors, notes={})
    return folder


def test_projections_of_another_shape_or_name_are_refused(tmp_path: Path) -> None:
    picture, text = np.zeros((EMBED_DIM, 1280), np.float16), np.zeros((EMBED_DIM, 384), np.float16)
    with pytest.raises(ArtifactError, match="do not fit the towers"):
        load_embedded(write_projections(tmp_path / "shape", {PICTURE_HEAD: picture[:, :9], TEXT_HEAD: text}))
    with pytest.raises(ArtifactError, match=rf"miss \['{TEXT_HEAD}'\] and have no place for \['other'\]"):
        load_embedded(write_projections(tmp_path / "name", {PICTURE_HEAD: picture, "other": text}))


def test_towers_of_another_kind_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_EFFICIENTNET_LITE0", str(tmp_path / "other.pth"))
    with pytest.raises(ArtifactError, match="has 1 tensors, EfficientNet-Lite0 has 296"):
        CreativeClip.load()
