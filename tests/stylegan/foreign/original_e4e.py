"""The published e4e encoder, written from its description and run on its own state dict; and random e4e files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.stylegan.foreign import originals as o

STAGES = ((8, 3), (12, 4), (16, 14), (20, 3))  # channels (64 to 512 as published), blocks
SIZE, NUM_ROWS = 64, 10


def random_encoder(seed: int) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def conv(name: str, out: int, below: int, taps: int, *, has_bias: bool = False) -> None:
        state[f"{name}.weight"] = torch.randn(out, below, taps, taps, generator=rng) / math.sqrt(below * taps * taps)
        if has_bias:
            state[f"{name}.bias"] = 0.1 * torch.randn(out, generator=rng)

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"] = 0.7 + 0.2 * torch.randn(channels, generator=rng)
        state[f"{name}.bias"] = 0.1 * torch.randn(channels, generator=rng)
        state[f"{name}.running_mean"] = 0.1 * torch.randn(channels, generator=rng)
        state[f"{name}.running_var"] = 1.0 + 0.5 * torch.rand(channels, generator=rng)
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    conv("input_layer.0", STAGES[0][0], 3, 3)
    norm("input_layer.1", STAGES[0][0])
    state["input_layer.2.weight"] = torch.full((STAGES[0][0],), 0.3)
    number, below = 0, STAGES[0][0]
    for here, num_blocks in STAGES:
        for _ in range(num_blocks):
            block = f"body.{number}"
            norm(f"{block}.res_layer.0", below)
            conv(f"{block}.res_layer.1", here, below, 3)
            state[f"{block}.res_layer.2.weight"] = 0.25 + 0.1 * torch.randn(here, generator=rng)
            conv(f"{block}.res_layer.3", here, here, 3)
            norm(f"{block}.res_layer.4", here)
            conv(f"{block}.res_layer.5.fc1", here // 4, here, 1)
            conv(f"{block}.res_layer.5.fc2", here, here // 4, 1)
            if below != here:
                conv(f"{block}.shortcut_layer.0", here, below, 1)
                norm(f"{block}.shortcut_layer.1", here)
            number, below = number + 1, here
    for row in range(NUM_ROWS):
        for i in range(4 if row < 3 else 5 if row < 7 else 6):
            conv(f"styles.{row}.convs.{2 * i}", o.W_DIM, below if i == 0 else o.W_DIM, 3, has_bias=True)
        state[f"styles.{row}.linear.weight"] = torch.randn(o.W_DIM, o.W_DIM, generator=rng) * 8
        state[f"styles.{row}.linear.bias"] = torch.randn(o.W_DIM, generator=rng)
    conv("latlayer1", STAGES[3][0], STAGES[2][0], 1, has_bias=True)
    conv("latlayer2", STAGES[3][0], STAGES[1][0], 1, has_bias=True)
    return state


def encode(s: dict[str, Tensor], x: Tensor, latent_avg: Tensor) -> Tensor:
    """image [B, 3, 256, 256] -> w_plus."""

    def norm(name: str, v: Tensor) -> Tensor:
        gain = s[f"{name}.weight"] / torch.sqrt(s[f"{name}.running_var"] + 1e-5)
        return (v - s[f"{name}.running_mean"][:, None, None]) * gain[:, None, None] + s[f"{name}.bias"][:, None, None]

    def prelu(name: str, v: Tensor) -> Tensor:
        return torch.where(v > 0, v, v * s[f"{name}.weight"][:, None, None])

    x = prelu("input_layer.2", norm("input_layer.1", F.conv2d(x, s["input_layer.0.weight"], padding=1)))
    number, levels = 0, []
    for _, num_blocks in STAGES:
        for i in range(num_blocks):
            block, stride = f"body.{number}", 2 if i == 0 else 1
            short = x[:, :, ::stride, ::stride]
            if f"{block}.shortcut_layer.0.weight" in s:
                short = norm(f"{block}.shortcut_layer.1", F.conv2d(short, s[f"{block}.shortcut_layer.0.weight"]))
            v = F.conv2d(norm(f"{block}.res_layer.0", x), s[f"{block}.res_layer.1.weight"], padding=1)
            v = prelu(f"{block}.res_layer.2", v)
            v = norm(f"{block}.res_layer.4", F.conv2d(v, s[f"{block}.res_layer.3.weight"], padding=1, stride=stride))
            means = v.mean(dim=(2, 3))
            gate = torch.relu(means @ s[f"{block}.res_layer.5.fc1.weight"][:, :, 0, 0].t())
            gate = torch.sigmoid(gate @ s[f"{block}.res_layer.5.fc2.weight"][:, :, 0, 0].t())
            x, number = v * gate[:, :, None, None] + short, number + 1
        levels.append(x)
    _, c1, c2, c3 = levels

    def lateral(name: str, v: Tensor) -> Tensor:
        return F.conv2d(v, s[f"{name}.weight"], s[f"{name}.bias"])

    p2 = F.interpolate(c3, size=(32, 32), mode="bilinear", align_corners=True) + lateral("latlayer1", c2)
    p1 = F.interpolate(p2, size=(64, 64), mode="bilinear", align_corners=True) + lateral("latlayer2", c1)

    def head(row: int) -> Tensor:
        v, i = c3 if row < 3 else p2 if row < 7 else p1, 0
        while f"styles.{row}.convs.{2 * i}.weight" in s:
            name = f"styles.{row}.convs.{2 * i}"
            v, i = F.conv2d(v, s[f"{name}.weight"], s[f"{name}.bias"], stride=2, padding=1), i + 1
            v = torch.where(v > 0, v, 0.01 * v)
        return v[:, :, 0, 0] @ s[f"styles.{row}.linear.weight"].t() / math.sqrt(o.W_DIM) + s[f"styles.{row}.linear.bias"]

    w0 = head(0)
    return torch.stack([w0] + [w0 + head(row) for row in range(1, NUM_ROWS)], dim=1) + latent_avg.reshape(-1, o.W_DIM)


def save_e4e(
    path: Path, encoder: dict[str, Tensor], decoder: dict[str, Tensor], latent_avg: Tensor | None, **options: Any
) -> None:
    tensors = {f"encoder.{name}": tensor for name, tensor in encoder.items()}
    tensors |= {f"decoder.{name}": tensor for name, tensor in decoder.items()}
    opts = {"encoder_type": "Encoder4Editing", "start_from_latent_avg": True, "stylegan_size": SIZE, "device": "cuda:0"}
    content: dict[str, Any] = {"state_dict": tensors, "opts": opts | options, "global_step": 3, "best_val_loss": None}
    if latent_avg is not None:
        content["latent_avg"] = latent_avg
    torch.save(content, path)
