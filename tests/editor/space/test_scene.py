"""Scenes are painted behind what is protected, by any painter, and by a diffusers pipeline made of random numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.space.whole_picture import Protection, paint_scenes, scene_prompt
from adcreative.encoders.inpainting import InpaintingModel
from adcreative.errors import ConfigError

AD = Creative(category="Running shoes", headline="Shoes")


class Brush:
    """Paints the whole picture in one grey per scene, protected parts too; the editor has to keep those."""

    content_hash = "brush"

    def __init__(self, greys: tuple[int, ...] = (10, 240)) -> None:
        self.greys, self.prompts = greys, []

    def paint(self, image_u8: np.ndarray, mask: np.ndarray, prompt: str, num_pictures: int, **_: Any) -> list[np.ndarray]:
        self.prompts.append(prompt)
        return [np.full_like(image_u8, grey) for grey in self.greys[:num_pictures]]


def half() -> Protection:
    mask = np.zeros((64, 64), dtype=bool)
    mask[:, :32] = True
    return Protection(mask)


PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_protected_pixels_stay_bit_for_bit_and_the_ground_fades_in() -> None:
    scenes = paint_scenes(AD, PICTURE, half(), Brush(), num_scenes=2, seed=0)
    assert scenes is not None
    for idx, grey in ((1, 10), (2, 240)):
        pasted = scenes.paste(PICTURE, idx)
        np.testing.assert_array_equal(pasted[:, :32], PICTURE[:, :32])
        assert (pasted[:, 40:] == grey).all()
        assert (pasted[:, 32] != grey).any()  # the seam is between the two
    assert scenes.paste(PICTURE, 0) is PICTURE


def test_too_little_ground_and_nothing_new_are_no_scene() -> None:
    full = Protection(np.ones((64, 64), dtype=bool))
    assert paint_scenes(AD, PICTURE, full, Brush(), num_scenes=2, seed=0) is None
    flat = np.full_like(PICTURE, 10)
    scenes = paint_scenes(AD, flat, half(), Brush(), num_scenes=2, seed=0)
    assert scenes is not None
    assert len(scenes.pictures) == 1  # the first was what was there
    assert paint_scenes(AD, PICTURE, half(), Brush(), num_scenes=0, seed=0) is None


def test_a_cell_cannot_say_what_to_paint() -> None:
    assert scene_prompt(Creative(category="shoes")).startswith("plain photographic background for shoes,")
    hostile = scene_prompt(Creative(category='shoes", (logo of a rival:2.0) <lora:x> and five more words of it'))
    assert "<" not in hostile
    assert "2.0" not in hostile
    assert "five" not in hostile
    brush = Brush()
    paint_scenes(AD, PICTURE, half(), brush, num_scenes=1, seed=0, prompt="a beach")
    assert brush.prompts == ["a beach"]


def tiny_pipeline(folder: Path) -> Path:
    """Write a Stable Diffusion inpainting pipeline of a few thousand random weights in diffusers' layout."""
    diffusers = pytest.importorskip("diffusers")
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    letters = [*"abcdefghijklmnopqrstuvwxyz,", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz,")]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, "ab"]
    (folder / "vocab.json").write_text(json.dumps({word: idx for idx, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\na b\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    text_config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=8,
        in_channels=9,
        out_channels=4,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    pipeline = diffusers.StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text_config),
        tokenizer=tokenizer,
        unet=unet,
        safety_checker=None,
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder / "model", safe_serialization=True)
    return folder / "model"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> InpaintingModel:
    return InpaintingModel.load(str(tiny_pipeline(tmp_path_factory.mktemp("tiny"))), num_steps=2, max_side_px=64)


class TestDiffusers:
    def test_it_paints_the_ground_only_and_repeats_with_the_seed(self, model: InpaintingModel) -> None:
        one, two, other = (paint_scenes(AD, PICTURE, half(), model, num_scenes=2, seed=seed) for seed in (3, 3, 4))
        assert one is not None
        assert two is not None
        assert other is not None
        assert len(one.pictures) == 2
        np.testing.assert_array_equal(one.pictures, two.pictures)
        assert (one.pictures[0] != other.pictures[0]).any()
        np.testing.assert_array_equal(one.paste(PICTURE, 1)[:, :32], PICTURE[:, :32])
        assert (one.paste(PICTURE, 1)[:, 40:] != PICTURE[:, 40:]).any()

    def test_any_size_comes_back_as_it_went_in(self, model: InpaintingModel) -> None:
        wide = np.tile(PICTURE[:50], (1, 2, 1))
        (painted,) = model.paint(wide, np.ones(wide.shape[:2], dtype=bool), "x", 1, seed=0)
        assert painted.shape == wide.shape
        assert painted.dtype == np.uint8

    @pytest.mark.parametrize(("stop_at", "num_left"), [(0, 0), (3, 1)])
    def test_it_stops_when_told(self, model: InpaintingModel, stop_at: int, num_left: int) -> None:
        asked: list[int] = []

        def should_stop() -> bool:
            asked.append(1)
            return len(asked) > stop_at + 1

        stop: Callable[[], bool] = should_stop if stop_at else (lambda: True)
        painted = model.paint(PICTURE, half().mask ^ True, "x", 3, seed=0, should_stop=stop)
        assert len(painted) == num_left

    def test_the_hash_names_the_files(self, model: InpaintingModel, tmp_path: Path) -> None:
        other = InpaintingModel.load(str(tiny_pipeline(tmp_path)), num_steps=2)
        assert len(model.content_hash) == 64
        assert model.content_hash != other.content_hash

    def test_a_folder_without_a_pipeline_is_one_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"scene model .* cannot be loaded .*; name a folder or hub id"):
            InpaintingModel.load(str(tmp_path))


def test_without_diffusers_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(ConfigError, match=r'pip install "adcreative\[scene\]"'):
        InpaintingModel.load("any")
