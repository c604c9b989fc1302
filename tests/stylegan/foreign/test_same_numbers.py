"""Each format gives the pictures of the published formulas, and every tensor arrives unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegan.foreign.converted import ASSUMED_LR_MULTIPLIER
from stylegan.foreign.kinds import read_weights
from stylegan.networks.generator import Generator
from tests.stylegan.foreign import originals as o

SIZES = [(64, 8), (256, 2), (1024, 8)]


def load(path: Path) -> Generator:
    return read_weights(path).build()[0]


def rows(size: int) -> Tensor:
    """Random W+ latents; at 1024 px one sample is enough."""
    num_rows = 2 * int(np.log2(size)) - 2
    return torch.randn(1 if size == 1024 else 2, num_rows, o.W_DIM, generator=torch.Generator().manual_seed(size))


def check_pictures(generator: Generator, expected: Tensor, w_plus: Tensor) -> None:
    with torch.no_grad():
        images = generator.synthesize(w_plus)
    assert expected.std() > 0.3
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-4)


def check_mapping(generator: Generator, expected: Tensor, z: Tensor, w_avg: Tensor) -> None:
    """W, and W truncated to 0.7: with a lost mean the second differs."""
    assert expected.std() > 0.1
    torch.testing.assert_close(generator.map(z)[:, 0], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(generator.map(z, truncation=0.7)[:, -1], w_avg + 0.7 * (expected - w_avg), rtol=1e-4, atol=1e-4)


def z_of(num: int) -> Tensor:
    return torch.randn(num, o.W_DIM, generator=torch.Generator().manual_seed(num))


@pytest.mark.parametrize(("size", "depth"), SIZES)
def test_rosinality(size: int, depth: int, tmp_path: Path) -> None:
    state, latent_avg = o.random_rosinality(size, depth=depth, seed=size), torch.randn(o.W_DIM)
    o.save_rosinality(tmp_path / "g.pt", state, latent_avg, is_training_state=False)
    generator = load(tmp_path / "g.pt")
    assert (generator.config.size, generator.config.num_mapping_layers) == (size, depth)
    assert generator.config.channels == o.narrow_channels(size)
    check_pictures(generator, o.rosinality_synthesis(state, rows(size)), rows(size))
    check_mapping(generator, o.rosinality_map(state, z_of(3)), z_of(3), latent_avg)


@pytest.mark.parametrize(("size", "depth"), SIZES)
def test_nvlabs(size: int, depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = o.random_nvlabs(size, depth=depth, seed=size)
    o.save_nvlabs(tmp_path / "g.pkl", state, monkeypatch, clamp=256.0)
    generator = load(tmp_path / "g.pkl")
    assert (generator.config.size, generator.config.num_mapping_layers, generator.config.conv_clamp) == (size, depth, 256.0)
    check_pictures(generator, o.nvlabs_synthesis(state, rows(size), clamp=256.0), rows(size))
    check_mapping(generator, o.nvlabs_map(state, z_of(3)), z_of(3), state["mapping.w_avg"])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nvlabs_with_a_clamp_that_bites(protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = o.random_nvlabs(64, depth=2, seed=1)
    o.save_nvlabs(tmp_path / "g.pkl", state, monkeypatch, clamp=0.9, lr_multiplier=0.02, protocol=protocol)
    generator = load(tmp_path / "g.pkl")
    expected = o.nvlabs_synthesis(state, rows(64), clamp=0.9)
    assert (expected - o.nvlabs_synthesis(state, rows(64), clamp=None)).abs().max() > 0.5
    check_pictures(generator, expected, rows(64))
    expected_w = o.nvlabs_map(state, z_of(3), lr_multiplier=0.02)
    check_mapping(generator, expected_w, z_of(3), state["mapping.w_avg"])


@pytest.mark.parametrize(("size", "depth"), SIZES)
def test_tensorflow(size: int, depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = o.random_tensorflow(size, depth=depth, seed=size)
    o.save_tensorflow(tmp_path / "g.pkl", variables, monkeypatch, resolution=size, label_size=0)
    generator = load(tmp_path / "g.pkl")
    assert (generator.config.size, generator.config.num_mapping_layers, generator.config.conv_clamp) == (size, depth, None)
    check_pictures(generator, o.tensorflow_synthesis(variables, rows(size)), rows(size))
    z, w = z_of(3), z_of(3) / z_of(3).square().mean(dim=1, keepdim=True).sqrt()
    for i in range(depth):
        weight = torch.as_tensor(variables[f"mapping/Dense{i}/weight"]) * (0.01 / o.W_DIM**0.5)
        w = o.leaky(w @ weight + 0.01 * torch.as_tensor(variables[f"mapping/Dense{i}/bias"]))
    check_mapping(generator, w, z, torch.as_tensor(variables["dlatent_avg"]))


@pytest.mark.parametrize("size", [64, 256])
def test_every_rosinality_tensor_goes_there_and_back(size: int, tmp_path: Path) -> None:
    state = o.random_rosinality(size, depth=3, seed=2)
    o.save_rosinality(tmp_path / "g.pt", state, torch.zeros(o.W_DIM), is_training_state=False)
    ours, back = load(tmp_path / "g.pt").state_dict(), {}
    names = {
        "affine.weight": "conv.modulation.weight",
        "affine.bias": "conv.modulation.bias",
        "weight": "conv.weight",
        "noise_strength": "noise.weight",
    }
    for name, tensor in ours.items():
        part, *rest = name.split(".", 3)
        if name == "synthesis.const":
            back["input.input"] = tensor[None]
        elif part == "mapping" and rest[0] == "layers":
            back[f"style.{int(rest[1]) + 1}.{rest[2]}"] = tensor
        elif part == "synthesis":
            number, is_conv = int(rest[1]), rest[0] == "convs"
            layer = ("conv1" if is_conv else "to_rgb1") if number == 0 else f"{rest[0]}.{number - 1}"
            if rest[2] == "noise_const":
                back[f"noises.noise_{number}"] = tensor[None, None]
            elif rest[2] == "bias":
                back[f"{layer}.activate.bias" if is_conv else f"{layer}.bias"] = (
                    tensor if is_conv else tensor[None, :, None, None]
                )
            else:
                leading = rest[2] in ("weight", "noise_strength")
                back[f"{layer}.{names[rest[2]]}"] = tensor[None] if leading else tensor
    expected = {name: tensor for name, tensor in state.items() if not name.endswith(".kernel")}
    assert back.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(back[name], tensor), name


def test_every_nvlabs_and_tensorflow_number_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversion moves numbers and changes none: the sorted numbers agree (the style bias of TensorFlow gains 1)."""
    state = o.random_nvlabs(64, depth=8, seed=3)
    o.save_nvlabs(tmp_path / "n.pkl", state, monkeypatch, clamp=None)
    variables = o.random_tensorflow(64, depth=8, seed=3)
    o.save_tensorflow(tmp_path / "t.pkl", variables, monkeypatch)
    stored = [tensor for name, tensor in state.items() if not name.endswith("resample_filter")]
    turned = [torch.as_tensor(v + 1 if n.endswith("mod_bias") else v) for n, v in variables.items() if n != "lod"]
    for path, expected in (("n.pkl", stored), ("t.pkl", turned)):
        ours = torch.cat([t.flatten() for t in load(tmp_path / path).state_dict().values()])
        assert torch.equal(ours.sort().values, torch.cat([t.flatten() for t in expected]).sort().values)


def test_a_training_checkpoint_without_a_mean_latent_gets_one(tmp_path: Path) -> None:
    state = o.random_rosinality(64, depth=2, seed=5)
    o.save_rosinality(tmp_path / "550000.pt", state, None, is_training_state=True)
    converted = read_weights(tmp_path / "550000.pt")
    assert "averaged over 10,000 draws" in converted.notes[1]
    w = o.rosinality_map(state, torch.randn(20_000, o.W_DIM, generator=torch.Generator().manual_seed(9)))
    w_avg = converted.build()[0].w_plus_avg[0, 0]
    assert (w_avg - w.mean(dim=0)).abs().max() < 0.1 * w.std(dim=0).mean()
    assert w.mean(dim=0).abs().mean() > 0.2 * w.std(dim=0).mean()  # zero would not pass


def test_bare_state_dicts_and_legacy_files(tmp_path: Path) -> None:
    state = o.random_rosinality(64, depth=2, seed=6)
    torch.save({"g_ema": state, "latent_avg": torch.ones(o.W_DIM)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save(state, tmp_path / "bare.pt")
    torch.save(o.random_nvlabs(64, depth=2, seed=6), tmp_path / "nv.pt")
    expected = o.rosinality_synthesis(state, rows(64))
    check_pictures(load(tmp_path / "old.pt"), expected, rows(64))
    check_pictures(load(tmp_path / "bare.pt"), expected, rows(64))
    notes = read_weights(tmp_path / "nv.pt").notes
    assert "conv_clamp" in notes[0]
    assert "learning-rate multiplier; 0.01" in notes[1]


@pytest.mark.parametrize("kind", ["bare", "g_ema", "e4e"])
def test_names_with_the_wrapper_of_several_gpus(kind: str, tmp_path: Path) -> None:
    """DataParallel writes "module." before every name; the pictures are the same."""
    from tests.stylegan.foreign import original_e4e as e

    state = o.random_rosinality(64, depth=2, seed=7)
    content: Any = {f"module.{name}": tensor for name, tensor in state.items()}
    if kind == "e4e":
        parts = {f"encoder.{k}": t for k, t in e.random_encoder(1).items()} | {f"decoder.{k}": t for k, t in state.items()}
        content = {"state_dict": {f"module.{k}": t for k, t in parts.items()}, "latent_avg": torch.ones(o.W_DIM)}
    elif kind == "g_ema":
        content = {"g_ema": content, "latent_avg": torch.zeros(o.W_DIM)}
    torch.save(content, tmp_path / "g.pt")
    check_pictures(load(tmp_path / "g.pt"), o.rosinality_synthesis(state, rows(64)), rows(64))


@pytest.mark.parametrize("is_normalised", [True, False])
def test_tensorflow_mapping_settings_are_kept(is_normalised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = o.random_tensorflow(16, depth=2, seed=8)
    settings = {"mapping_lrmul": 0.02, "normalize_latents": is_normalised}
    o.save_tensorflow(tmp_path / "g.pkl", variables, monkeypatch, **settings)
    z = w = 3 * z_of(3)
    if is_normalised:
        w = w / w.square().mean(dim=1, keepdim=True).sqrt()
    for i in range(2):
        weight = torch.as_tensor(variables[f"mapping/Dense{i}/weight"]) * (0.02 / o.W_DIM**0.5)
        w = o.leaky(w @ weight + 0.02 * torch.as_tensor(variables[f"mapping/Dense{i}/bias"]))
    generator = load(tmp_path / "g.pkl")
    check_mapping(generator, w, z, torch.as_tensor(variables["dlatent_avg"]))


def test_what_a_file_does_not_say_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The multiplier is 0.01 in all published files; where a file is silent, the summary is not."""
    o.save_rosinality(tmp_path / "r.pt", o.random_rosinality(16, depth=1, seed=1), torch.ones(o.W_DIM), is_training_state=False)
    o.save_tensorflow(tmp_path / "t.pkl", o.random_tensorflow(16, depth=1, seed=1), monkeypatch, mapping_lrmul=0.01)
    o.save_nvlabs(tmp_path / "n.pkl", o.random_nvlabs(16, depth=1, seed=1), monkeypatch, clamp=None)
    assert read_weights(tmp_path / "r.pt").notes == (ASSUMED_LR_MULTIPLIER,)
    (note,) = read_weights(tmp_path / "t.pkl").notes
    assert note.startswith("the file does not say mapping_nonlinearity, normalize_latents, nonlinearity, ")
    assert read_weights(tmp_path / "n.pkl").notes == ()
