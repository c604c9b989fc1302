"""Train the image codec that ships, on one core, resumable.

    python -m adcreative.release.codec_data runs/codec/pictures
    python -m adcreative.release.codec_training runs/codec/pictures --out runs/codec/model --steps 16000 --decay 4000

The learning rate rises over the first steps, stays, and falls to zero over the last `--decay` steps, in which symbols that
are not coded are left out as the coder leaves them out (guided selective compression). A killed run continues from its last
checkpoint; a finished one is written as a model folder into OUT/weights.
Loss of one picture: bits per pixel + lambda * 255^2 * mean squared error, lambda drawn anew for each picture.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from adcreative.artifacts import open_atomically

CROP_PX = 128
CHECKPOINT = "checkpoint.pt"
TRAINED_ON = "rendered ads of simulated markets 5 and 6, faces of nobody from the shipped pool, scikit-image's textures"
GROUP_SHARES = {"ad": 0.75, "face": 0.12, "other": 0.13}


class Crops:
    """Draws square crops of pictures in memory: three quarters ads, the rest faces and textures."""

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self._rng = rng
        self._groups: dict[str, list[np.ndarray]] = {name: [] for name in GROUP_SHARES}
        for path in sorted(folder.glob("*.png")):
            kind = path.name.split("-")[0]
            with Image.open(path) as picture:
                self._groups[kind if kind in GROUP_SHARES else "other"].append(np.asarray(picture.convert("RGB")))
        if not all(self._groups.values()):
            raise SystemExit(f"{folder} holds no pictures of every group {list(GROUP_SHARES)}; run codec_data first")

    def draw(self, size: int) -> Tensor:
        """Return [size, 3, CROP_PX, CROP_PX] float32 in 0..1; a third of the crops are shrunk from twice the side."""
        names = self._rng.choice(list(GROUP_SHARES), size=size, p=list(GROUP_SHARES.values()))
        return torch.from_numpy(np.stack([self._crop(self._groups[name]) for name in names]))

    def _crop(self, group: Sequence[np.ndarray]) -> np.ndarray:
        image_u8 = group[int(self._rng.integers(len(group)))]
        factor = 2 if min(image_u8.shape[:2]) > 2 * CROP_PX and self._rng.random() < 0.33 else 1
        side = CROP_PX * factor
        top, left = (int(self._rng.integers(max(length - side, 0) + 1)) for length in image_u8.shape[:2])
        crop = image_u8[top : top + side, left : left + side].astype(np.float32) / 255
        crop = np.pad(crop, [(0, side - crop.shape[0]), (0, side - crop.shape[1]), (0, 0)], mode="edge")
        if factor == 2:
            crop = crop.reshape(CROP_PX, 2, CROP_PX, 2, 3).mean(axis=(1, 3))
        return np.ascontiguousarray(crop.transpose(2, 0, 1))


def rate_distortion(forward: Any, image: Tensor, lambdas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss of each picture, its bits per pixel and its mean squared error, each [B]."""
    bpp = (forward.y_bits + forward.z_bits) / (image.shape[-1] * image.shape[-2])
    mse = (forward.image - image).square().mean(dim=(1, 2, 3))
    return bpp + lambdas * 255**2 * mse, bpp, mse


def learning_rate(step: int, options: argparse.Namespace) -> float:
    """Return the rate at a step: up over 500 steps, level, down to zero over the last `decay` steps."""
    return options.lr * min((step + 1) / 500, 1.0) * min((options.steps - step) / max(options.decay, 1), 1.0)


def train(build: Any, lambdas: Sequence[float], options: argparse.Namespace) -> tuple[Any, int]:
    """Train what `build()` returns until `options.steps` or the time is over; return it, and the step that it is at."""
    torch.manual_seed(options.seed)
    model = build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr, foreach=True)
    path, step = options.out / CHECKPOINT, 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    crops = Crops(options.pictures, np.random.default_rng([options.seed, step]))
    generator = torch.Generator().manual_seed(options.seed + step)
    weights, started, sums = torch.tensor(lambdas), time.process_time(), []
    while step < options.steps and time.process_time() - started < options.minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options)
        image = crops.draw(options.batch).contiguous(memory_format=torch.channels_last)
        rates = torch.randint(len(lambdas), (options.batch,), generator=generator)
        forward = model(image, rates, generator=generator, skips=step >= options.steps - options.decay)
        loss, bpp, mse = rate_distortion(forward, image, weights[rates])
        optimizer.zero_grad(set_to_none=True)
        loss.mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        sums.append((loss.mean().item(), bpp.mean().item(), mse.mean().item()))
        if step % options.every == 0 or step == options.steps:
            _save(path, model, optimizer, step)
            mean = np.mean(sums, axis=0)
            print(
                f"{step} loss {mean[0]:.4f} bpp {mean[1]:.4f} mse {mean[2]:.6f} cpu {time.process_time() - started:.0f} s",
                flush=True,
            )
            sums.clear()
    return model, step


def _save(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    with open_atomically(path) as file:
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, file)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every training here takes."""
    parser.add_argument("pictures", type=Path, help="folder that codec_data wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--steps", type=int, default=16000, help="steps in all")
    parser.add_argument("--decay", type=int, default=4000, help="last steps, over which the learning rate falls to zero")
    parser.add_argument("--batch", type=int, default=4, help="crops a step")
    parser.add_argument("--lr", type=float, default=7e-4, help="learning rate of the level part")
    parser.add_argument("--minutes", type=float, default=600, help="stop after this much processor time and continue later")
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0, help="draws weights, crops, rates and noise")


def main() -> None:
    from adcreative.codec.config import CodecConfig
    from adcreative.codec.model import freeze, save_codec
    from adcreative.codec.network import ImageCodec

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    config = CodecConfig()
    network, step = train(lambda: ImageCodec(config), config.lambdas, options)
    if step == options.steps:
        notes = {"steps": step, "batch": options.batch, "seed": options.seed, "pictures": TRAINED_ON}
        save_codec(freeze(network), network, options.out / "weights", notes)
        print(f"model written: {options.out / 'weights'}")


if __name__ == "__main__":
    main()
