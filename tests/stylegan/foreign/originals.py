"""The published networks, written from their formulas and run on their own state dicts; and random files in each format.

Nothing here uses the package: a wrong axis, flip, factor or row in a reader must show as a different picture.
"""

from __future__ import annotations

import argparse
import math
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

W_DIM = 16
SQRT2 = math.sqrt(2.0)
KERNEL = torch.tensor([1.0, 3.0, 3.0, 1.0]).outer(torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64


def narrow_channels(size: int) -> dict[int, int]:
    """Different from one resolution to the next where the published ones are, and small."""
    return {r: max(1, min(256 // r, 10)) for r in (2**p for p in range(2, int(math.log2(size)) + 1))}


def upfirdn(x: Tensor, kernel: Tensor, *, up: int, pad: tuple[int, int]) -> Tensor:
    """Insert zeros after each pixel, pad, convolve with the (flipped) kernel."""
    batch, channels, height, width = x.shape
    spread = x.new_zeros(batch, channels, height, up, width, up)
    spread[:, :, :, 0, :, 0] = x
    planes = spread.reshape(batch * channels, 1, height * up, width * up)
    filtered = F.conv2d(F.pad(planes, (pad[0], pad[1], pad[0], pad[1])), kernel.flip(0, 1)[None, None])
    return filtered.reshape(batch, channels, *filtered.shape[2:])


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.2 * x) * SQRT2


# --- rosinality ---------------------------------------------------------------------------------------------------------


def random_rosinality(size: int, *, depth: int, seed: int) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    channels, state = narrow_channels(size), {}

    def normal(name: str, *shape: int, mean: float = 0.0, scale: float = 1.0) -> None:
        state[name] = mean + scale * torch.randn(shape, generator=rng)

    def layer(name: str, out: int, below: int, taps: int, bias: tuple[int, ...]) -> None:
        normal(f"{name}.conv.weight", 1, out, below, taps, taps)
        normal(f"{name}.conv.modulation.weight", below, W_DIM)
        normal(f"{name}.conv.modulation.bias", below, mean=1.0, scale=0.3)
        if taps == 3:
            normal(f"{name}.noise.weight", 1, mean=0.4, scale=0.1)
            normal(f"{name}.activate.bias", *bias, scale=0.3)
        else:
            normal(f"{name}.bias", *bias, scale=0.3)

    for i in range(1, depth + 1):
        normal(f"style.{i}.weight", W_DIM, W_DIM, scale=100.0)
        normal(f"style.{i}.bias", W_DIM, scale=20.0)
    normal("input.input", 1, channels[4], 4, 4)
    layer("conv1", channels[4], channels[4], 3, (channels[4],))
    layer("to_rgb1", 3, channels[4], 1, (1, 3, 1, 1))
    normal("noises.noise_0", 1, 1, 4, 4)
    for j, r in enumerate(r for r in channels if r > 4):
        layer(f"convs.{2 * j}", channels[r], channels[r // 2], 3, (channels[r],))
        state[f"convs.{2 * j}.conv.blur.kernel"] = KERNEL * 4
        layer(f"convs.{2 * j + 1}", channels[r], channels[r], 3, (channels[r],))
        layer(f"to_rgbs.{j}", 3, channels[r], 1, (1, 3, 1, 1))
        state[f"to_rgbs.{j}.upsample.kernel"] = KERNEL * 4
        normal(f"noises.noise_{2 * j + 1}", 1, 1, r, r)
        normal(f"noises.noise_{2 * j + 2}", 1, 1, r, r)
    return state


def rosinality_map(state: dict[str, Tensor], z: Tensor) -> Tensor:
    w, i = z / torch.sqrt(z.square().mean(dim=1, keepdim=True) + 1e-8), 1
    while f"style.{i}.weight" in state:
        weight = state[f"style.{i}.weight"] * (0.01 / math.sqrt(W_DIM))
        w, i = leaky(w @ weight.t() + 0.01 * state[f"style.{i}.bias"]), i + 1
    return w


def rosinality_synthesis(state: dict[str, Tensor], w_plus: Tensor) -> Tensor:
    def convolve(name: str, x: Tensor, w: Tensor, *, up: bool = False, demodulate: bool = True) -> Tensor:
        kernel = state[f"{name}.conv.weight"][0]
        style = w @ (state[f"{name}.conv.modulation.weight"] / math.sqrt(W_DIM)).t() + state[f"{name}.conv.modulation.bias"]
        outputs = []
        for sample, scales in zip(x, style, strict=True):
            weight = kernel / math.sqrt(kernel[0].numel()) * scales[None, :, None, None]
            if demodulate:
                weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
            if up:
                spread = F.conv_transpose2d(sample[None], weight.transpose(0, 1), stride=2)
                outputs.append(upfirdn(spread, state[f"{name}.conv.blur.kernel"], up=1, pad=(1, 1)))
            else:
                outputs.append(F.conv2d(sample[None], weight, padding=kernel.shape[-1] // 2))
        return torch.cat(outputs)

    def styled(name: str, x: Tensor, w: Tensor, noise: int, *, up: bool = False) -> Tensor:
        x = convolve(name, x, w, up=up) + state[f"{name}.noise.weight"] * state[f"noises.noise_{noise}"]
        return leaky(x + state[f"{name}.activate.bias"][None, :, None, None])

    x = styled("conv1", state["input.input"].repeat(len(w_plus), 1, 1, 1), w_plus[:, 0], 0)
    image = convolve("to_rgb1", x, w_plus[:, 1], demodulate=False) + state["to_rgb1.bias"]
    row, j = 1, 0
    while f"to_rgbs.{j}.bias" in state:
        x = styled(f"convs.{2 * j}", x, w_plus[:, row], row, up=True)
        x = styled(f"convs.{2 * j + 1}", x, w_plus[:, row + 1], row + 1)
        rgb = convolve(f"to_rgbs.{j}", x, w_plus[:, row + 2], demodulate=False) + state[f"to_rgbs.{j}.bias"]
        image = upfirdn(image, state[f"to_rgbs.{j}.upsample.kernel"], up=2, pad=(2, 1)) + rgb
        row, j = row + 2, j + 1
    return image


def save_rosinality(path: Path, state: dict[str, Tensor], latent_avg: Tensor | None, *, is_training_state: bool) -> None:
    content: dict[str, Any] = {"g_ema": state}
    if latent_avg is not None:
        content["latent_avg"] = latent_avg
    if is_training_state:
        content |= {"g": state, "d": {"final_linear.0.weight": torch.ones(2)}, "ada_aug_p": 0.1}
        content |= {"g_optim": {"state": {}, "param_groups": []}, "d_optim": {"state": {}, "param_groups": []}}
        content["args"] = argparse.Namespace(size=64, path="faces", augment=False)
    torch.save(content, path)


# --- NVlabs, PyTorch ----------------------------------------------------------------------------------------------------


def random_nvlabs(size: int, *, depth: int, seed: int) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    channels, state = narrow_channels(size), {}

    def normal(name: str, *shape: int, mean: float = 0.0, scale: float = 1.0) -> None:
        state[name] = mean + scale * torch.randn(shape, generator=rng)

    for i in range(depth):
        normal(f"mapping.fc{i}.weight", W_DIM, W_DIM, scale=100.0)
        normal(f"mapping.fc{i}.bias", W_DIM, scale=20.0)
    normal("mapping.w_avg", W_DIM)
    normal("synthesis.b4.const", channels[4], 4, 4)
    for r, here in channels.items():
        state[f"synthesis.b{r}.resample_filter"] = KERNEL.clone()
        for position in (0, 1) if r > 4 else (1,):
            name, below = f"synthesis.b{r}.conv{position}", here if position else channels[r // 2]
            normal(f"{name}.weight", here, below, 3, 3)
            normal(f"{name}.affine.weight", below, W_DIM)
            normal(f"{name}.affine.bias", below, mean=1.0, scale=0.3)
            normal(f"{name}.bias", here, scale=0.3)
            normal(f"{name}.noise_strength", mean=0.4, scale=0.1)
            normal(f"{name}.noise_const", r, r)
            state[f"{name}.resample_filter"] = KERNEL.clone()
        normal(f"synthesis.b{r}.torgb.weight", 3, here, 1, 1)
        normal(f"synthesis.b{r}.torgb.affine.weight", here, W_DIM)
        normal(f"synthesis.b{r}.torgb.affine.bias", here, mean=1.0, scale=0.3)
        normal(f"synthesis.b{r}.torgb.bias", 3, scale=0.3)
    return state


def nvlabs_map(state: dict[str, Tensor], z: Tensor, *, lr_multiplier: float = 0.01) -> Tensor:
    w, i = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8), 0
    while f"mapping.fc{i}.weight" in state:
        gain = lr_multiplier / math.sqrt(W_DIM)
        w = leaky(F.linear(w, state[f"mapping.fc{i}.weight"] * gain, state[f"mapping.fc{i}.bias"] * lr_multiplier))
        i += 1
    return w


def nvlabs_synthesis(state: dict[str, Tensor], w_plus: Tensor, *, clamp: float | None) -> Tensor:
    def limit(x: Tensor) -> Tensor:
        return x if clamp is None else x.clamp(-clamp, clamp)

    def style(name: str, w: Tensor) -> Tensor:
        return F.linear(w, state[f"{name}.affine.weight"] / math.sqrt(W_DIM), state[f"{name}.affine.bias"])

    def layer(name: str, x: Tensor, w: Tensor, *, up: bool) -> Tensor:
        outputs = []
        for sample, scales in zip(x, style(name, w), strict=True):
            weight = state[f"{name}.weight"] * scales[None, :, None, None]  # no 1/sqrt(fan_in): demodulation removes it
            weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
            if up:  # zero insertion, low-pass of gain 4, then a true convolution
                spread = upfirdn(sample[None], state[f"{name}.resample_filter"] * 4, up=2, pad=(3, 2))
                outputs.append(F.conv2d(spread, weight.flip(2, 3)))
            else:
                outputs.append(F.conv2d(sample[None], weight, padding=1))
        x = torch.cat(outputs) + state[f"{name}.noise_const"] * state[f"{name}.noise_strength"]
        return limit(leaky(x + state[f"{name}.bias"][None, :, None, None]))

    x, image, row, r = state["synthesis.b4.const"].repeat(len(w_plus), 1, 1, 1), None, 0, 4
    while f"synthesis.b{r}.conv1.weight" in state:
        block = f"synthesis.b{r}"
        if r > 4:
            x, row = layer(f"{block}.conv0", x, w_plus[:, row], up=True), row + 1
        x, row = layer(f"{block}.conv1", x, w_plus[:, row], up=False), row + 1
        rgb_style = style(f"{block}.torgb", w_plus[:, row]) / math.sqrt(x.shape[1])
        rgb = torch.einsum("bchw,bc,oc->bohw", x, rgb_style, state[f"{block}.torgb.weight"][:, :, 0, 0])
        rgb = limit(rgb + state[f"{block}.torgb.bias"][None, :, None, None])
        image = rgb if image is None else upfirdn(image, state[f"{block}.resample_filter"] * 4, up=2, pad=(2, 1)) + rgb
        r *= 2
    assert image is not None
    return image


class FakeModule:
    """Pickles as the persistent classes do: a call of the library's function with class name, source text and state."""

    def __init__(self, class_name: str, state: dict[str, Any]) -> None:
        self.class_name, self.state = class_name, state

    def __reduce__(self) -> tuple[Any, ...]:
        source = "import os\nos.system('touch should-never-run')\n"
        function = sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj
        meta = {"type": "class", "version": 6, "module_src": source, "class_name": self.class_name, "state": self.state}
        return function, (meta,), None


def nest(tensors: dict[str, Tensor], attributes: dict[str, dict[str, Any]], prefix: str = "") -> FakeModule:
    """Turn dotted names into nested stored modules; buffers are told by their names."""
    state: dict[str, Any] = {"training": False, "_parameters": OrderedDict(), "_buffers": OrderedDict()}
    state |= {"_modules": OrderedDict(), "_backward_hooks": OrderedDict(), "_non_persistent_buffers_set": set()}
    state |= attributes.get(prefix.removesuffix("."), {})
    for name in list(dict.fromkeys(n.removeprefix(prefix).split(".")[0] for n in tensors if n.startswith(prefix))):
        full = prefix + name
        if full not in tensors:
            state["_modules"][name] = nest(tensors, attributes, full + ".")
        elif name in ("w_avg", "noise_const", "resample_filter"):
            state["_buffers"][name] = tensors[full]
        else:
            state["_parameters"][name] = torch.nn.Parameter(tensors[full])
    return FakeModule("Generator", state)


def fake_library(monkeypatch: pytest.MonkeyPatch, module: str, attribute: str, value: Any) -> None:
    """Make `module.attribute` importable for pickling, under that name."""
    value.__module__, value.__qualname__, value.__name__ = module, attribute, attribute
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    setattr(sys.modules[module], attribute, value)


def save_nvlabs(
    path: Path,
    state: dict[str, Tensor],
    monkeypatch: pytest.MonkeyPatch,
    *,
    clamp: float | None,
    lr_multiplier: float = 0.01,
    protocol: int = 4,
) -> None:
    attributes: dict[str, dict[str, Any]] = {"synthesis": {"num_fp16_res": 4}, "": {"c_dim": 0, "img_channels": 3}}
    for name in {n.rpartition(".")[0] for n in state}:
        if name.endswith(("conv0", "conv1")):
            attributes[name] = {"conv_clamp": clamp, "activation": "lrelu", "act_gain": np.sqrt(2)}
        elif name.endswith("torgb"):
            attributes[name] = {"conv_clamp": clamp}
        elif ".fc" in name:
            attributes[name] = {"activation": "lrelu", "bias_gain": lr_multiplier}
        elif name.startswith("synthesis.b"):
            attributes[name] = {"architecture": "skip"}
    with monkeypatch.context() as patch:
        fake_library(patch, "torch_utils.persistence", "_reconstruct_persistent_obj", lambda meta: meta)
        network = nest(state, attributes)
        content = {"G": network, "D": None, "G_ema": network, "augment_pipe": None, "training_set_kwargs": {"path": "faces"}}
        path.write_bytes(pickle.dumps(content, protocol=protocol))


# --- NVlabs, TensorFlow -------------------------------------------------------------------------------------------------


def random_tensorflow(size: int, *, depth: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    channels, variables = narrow_channels(size), {}

    def normal(name: str, *shape: int, mean: float = 0.0, scale: float = 1.0) -> None:
        variables[name] = np.asarray(mean + scale * rng.standard_normal(shape), dtype=np.float32)

    def layer(name: str, below: int, here: int, taps: int) -> None:
        normal(f"{name}/weight", taps, taps, below, here)
        normal(f"{name}/mod_weight", W_DIM, below)
        normal(f"{name}/mod_bias", below, scale=0.3)
        normal(f"{name}/bias", here, scale=0.3)
        if taps == 3:
            normal(f"{name}/noise_strength", mean=0.4, scale=0.1)

    normal("dlatent_avg", W_DIM)
    variables["lod"] = np.float32(0)  # type: ignore[assignment]
    for i in range(depth):
        normal(f"mapping/Dense{i}/weight", W_DIM, W_DIM, scale=100.0)
        normal(f"mapping/Dense{i}/bias", W_DIM, scale=20.0)
    normal("synthesis/4x4/Const/const", 1, channels[4], 4, 4)
    layer("synthesis/4x4/Conv", channels[4], channels[4], 3)
    normal("synthesis/noise0", 1, 1, 4, 4)
    for r, here in channels.items():
        level = int(math.log2(r))
        if r > 4:
            layer(f"synthesis/{r}x{r}/Conv0_up", channels[r // 2], here, 3)
            layer(f"synthesis/{r}x{r}/Conv1", here, here, 3)
            normal(f"synthesis/noise{2 * level - 5}", 1, 1, r, r)
            normal(f"synthesis/noise{2 * level - 4}", 1, 1, r, r)
        layer(f"synthesis/{r}x{r}/ToRGB", here, 3, 1)
    return variables


def tensorflow_synthesis(variables: dict[str, np.ndarray], w_plus: Tensor) -> Tensor:
    v = {name: torch.as_tensor(value) for name, value in variables.items()}

    def convolve(name: str, x: Tensor, w: Tensor, *, up: bool = False, demodulate: bool = True) -> Tensor:
        kernel = v[f"{name}/weight"]  # height, width, in, out
        taps, _, below, _ = kernel.shape
        style = w @ (v[f"{name}/mod_weight"] / math.sqrt(W_DIM)) + v[f"{name}/mod_bias"] + 1
        weight = kernel[None] / math.sqrt(taps * taps * below) * style[:, None, None, :, None]
        if demodulate:
            weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
        if up:
            x, padding = upfirdn(x, KERNEL * 4, up=2, pad=(3, 2)), 0
        else:
            padding = taps // 2
        columns = F.unfold(x, taps, padding=padding)  # correlation, written as a product
        side = math.isqrt(columns.shape[2])
        rows = weight.permute(0, 4, 3, 1, 2).flatten(2)  # out, (in, height, width)
        return (rows @ columns).reshape(len(x), -1, side, side)

    def styled(name: str, x: Tensor, w: Tensor, noise: int, *, up: bool = False) -> Tensor:
        x = convolve(name, x, w, up=up) + v[f"synthesis/noise{noise}"] * v[f"{name}/noise_strength"]
        return leaky(x + v[f"{name}/bias"][None, :, None, None])

    x = v["synthesis/4x4/Const/const"].repeat(len(w_plus), 1, 1, 1)
    x = styled("synthesis/4x4/Conv", x, w_plus[:, 0], 0)
    image = convolve("synthesis/4x4/ToRGB", x, w_plus[:, 1], demodulate=False)
    image, row, r = image + v["synthesis/4x4/ToRGB/bias"][None, :, None, None], 1, 8
    while f"synthesis/{r}x{r}/Conv1/weight" in v:
        block = f"synthesis/{r}x{r}"
        x = styled(f"{block}/Conv0_up", x, w_plus[:, row], row, up=True)
        x = styled(f"{block}/Conv1", x, w_plus[:, row + 1], row + 1)
        rgb = (
            convolve(f"{block}/ToRGB", x, w_plus[:, row + 2], demodulate=False) + v[f"{block}/ToRGB/bias"][None, :, None, None]
        )
        image, row, r = upfirdn(image, KERNEL * 4, up=2, pad=(2, 1)) + rgb, row + 2, r * 2
    return image


class FakeNetwork:
    """Pickles as `dnnlib.tflib.network.Network` does: by its state."""

    def __init__(self, state: dict[str, Any]) -> None:
        self._state = state

    def __getstate__(self) -> dict[str, Any]:
        return self._state


def save_tensorflow(
    path: Path,
    variables: dict[str, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    *,
    version: int = 4,
    parts: Mapping[str, dict[str, Any]] | None = None,
    **settings: Any,
) -> None:
    """Write (G, D, Gs); `parts` are settings of one component only, by its prefix ("mapping/")."""
    network_class = type("Network", (FakeNetwork,), {})

    def stored(prefix: str, components: dict[str, Any]) -> Any:
        own = [(n.removeprefix(prefix), value) for n, value in variables.items() if n.startswith(prefix)]
        if not prefix:
            own = [(n, value) for n, value in own if "/" not in n]
        own_settings = settings | (parts or {}).get(prefix, {})
        state = {"version": version, "name": "Gs", "static_kwargs": own_settings, "components": components, "variables": own}
        return network_class(state | {"build_module_src": "raise SystemExit", "build_func_name": "G_main"})

    with monkeypatch.context() as patch:
        fake_library(patch, "dnnlib.tflib.network", "Network", network_class)
        gs = stored("", {"mapping": stored("mapping/", {}), "synthesis": stored("synthesis/", {})})
        path.write_bytes(pickle.dumps((gs, gs, gs), protocol=4))
