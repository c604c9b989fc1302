"""Train an image codec on a folder of pictures. Needs the extra `codec`; a GPU is used where torch sees one.

    python -m adcreative.papers.learned_codec.run PICTURES --out RUN --steps 20000

Loss of one picture: bits per pixel + lambda * 255^2 * mean squared error, lambda drawn anew for each picture of a batch. The
learning rate rises over the first steps, stays, and falls to zero over the last `--decay` steps; in the second half of these,
symbols that are not coded are left out as the coder leaves them out (guided selective compression). A killed run goes on from
its last checkpoint, also with more `--steps` than before; a finished one is written as a model folder, RUN/weights.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from adcreative.artifacts import open_atomically
from adcreative.errors import ConfigError, TrainingError
from adcreative.papers.learned_codec.model import Forward, ImageCodec, freeze, save_codec
from adcreative.papers.learned_codec.transforms import CodecConfig, published_config

CROP_PX, WINDOW_PX = 128, 192
PICTURE_KINDS = (".png", ".jpg", ".jpeg", ".webp")
RISING_STEPS = 200
CHECKPOINT = "checkpoint.pt"
SKIP_SHARE = 0.5  # of the decay: its last half trains with skipped symbols


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Training settings. steps, decay and every count steps; minutes of processor time after which a run pauses."""

    steps: int = 20_000
    decay: int = 5_000
    batch: int = 8
    learning_rate: float = 1e-3
    minutes: float = float("inf")
    every: int = 250
    seed: int = 0
    windows: int = 4_000


class Crops:
    """Square crops of a folder's pictures, from windows that are cut once and kept in memory.

    Every picture gives windows in turn, half of them from the picture at half its size where large enough. Of two drawn
    positions, the one with more variation is used: flat ground needs few examples.
    """

    def __init__(self, folder: Path, num_windows: int, rng: np.random.Generator) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_KINDS)
        if not paths:
            raise TrainingError(f"{folder} holds no picture ({', '.join(PICTURE_KINDS)}); name a folder that does")
        self._windows = np.empty((num_windows, WINDOW_PX, WINDOW_PX, 3), np.uint8)
        counts = np.bincount(np.arange(num_windows) % len(paths), minlength=len(paths))
        order = rng.permutation(len(paths))
        number = 0
        for path_idx, count in zip(order, counts, strict=True):
            if not count:
                break
            with Image.open(paths[path_idx]) as picture:
                image_u8 = np.asarray(picture.convert("RGB"))
            for _ in range(count):
                self._windows[number] = max((_window(image_u8, rng) for _ in range(2)), key=np.std)
                number += 1

    def draw(self, size: int, rng: np.random.Generator) -> Tensor:
        """Return [size, 3, CROP_PX, CROP_PX] float32 in 0..1, half of them mirrored."""
        crops = []
        for window in self._windows[rng.integers(len(self._windows), size=size)]:
            top, left = rng.integers(WINDOW_PX - CROP_PX + 1, size=2)
            crop = window[top : top + CROP_PX, left : left + CROP_PX]
            crops.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
        return torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32) / 255)


def _window(image_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return [WINDOW_PX, WINDOW_PX, 3] at a random position, padded by its last rows and columns where the picture is small."""
    factor = 2 if min(image_u8.shape[:2]) >= 2 * WINDOW_PX and rng.random() < 0.5 else 1
    side = WINDOW_PX * factor
    top, left = (int(rng.integers(max(length - side, 0) + 1)) for length in image_u8.shape[:2])
    window = image_u8[top : top + side, left : left + side]
    window = np.pad(window, [(0, side - window.shape[0]), (0, side - window.shape[1]), (0, 0)], mode="edge")
    if factor == 2:
        window = window.reshape(WINDOW_PX, 2, WINDOW_PX, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    return window


def rate_distortion(forward: Forward, image: Tensor, lambdas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss of each picture, its bits per pixel and its mean squared error (pixels in 0..1), each [B]."""
    bpp = (forward.y_bits + forward.z_bits) / (image.shape[-1] * image.shape[-2])
    mse = (forward.image - image).square().mean(dim=(1, 2, 3))
    return bpp + lambdas * 255**2 * mse, bpp, mse


def learning_rate(step: int, options: TrainingOptions) -> float:
    """Return the rate at a step: rising over RISING_STEPS, constant, falling to zero over the last `decay` steps."""
    rising, falling = (step + 1) / RISING_STEPS, (options.steps - step) / max(options.decay, 1)
    return options.learning_rate * max(min(rising, falling, 1.0), 0.0)


def train(
    config: CodecConfig, pictures: Path, out: Path, options: TrainingOptions, *, say: Callable[[str], None] = print
) -> tuple[ImageCodec, int]:
    """Train until `options.steps` or until the time is over, from the checkpoint in `out` if there is one.

    Returns:
        The network, and its number of steps.
    Raises:
        ConfigError: the checkpoint has other sizes.
        TrainingError: the folder holds no picture.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(options.seed)
    network = ImageCodec(config).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate, foreach=True)
    step = _load(out / CHECKPOINT, network, optimizer)
    crops = Crops(pictures, options.windows, np.random.default_rng(options.seed))
    rng, started = np.random.default_rng([options.seed, step]), time.process_time()
    generator = torch.Generator(device=device).manual_seed(options.seed + step)
    lambdas, sums = torch.tensor(config.lambdas, device=device), []
    while step < options.steps and time.process_time() - started < options.minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options)
        image = crops.draw(options.batch, rng).to(device).contiguous(memory_format=torch.channels_last)
        rates = torch.from_numpy(rng.integers(len(config.lambdas), size=options.batch)).to(device)
        skips = step >= options.steps - SKIP_SHARE * options.decay
        forward = network(image, rates, generator=generator, skips=skips)
        loss, bpp, mse = rate_distortion(forward, image, lambdas[rates])
        optimizer.zero_grad(set_to_none=True)
        loss.mean().backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        sums.append([loss.mean().item(), bpp.mean().item(), mse.mean().item()])
        if step % options.every == 0 or step == options.steps:
            with open_atomically(out / CHECKPOINT) as file:
                torch.save({"model": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, file)
            means = np.mean(sums, axis=0)
            say(
                f"step {step}: loss {means[0]:.4f}, {means[1]:.4f} bits a pixel, error {means[2]:.6f}, "
                f"{time.process_time() - started:.0f} s of processor time"
            )
            sums.clear()
    return network, step


def _load(path: Path, network: ImageCodec, optimizer: torch.optim.Optimizer) -> int:
    """Fill network and optimiser from a checkpoint; return its step, 0 without one."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    try:
        network.load_state_dict(state["model"])
    except RuntimeError as error:
        raise ConfigError(f"{path} is of a codec of other sizes; train with those sizes or name another --out") from error
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of pictures, subfolders included")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and, in the end, of the model")
    parser.add_argument("--published", action="store_true", help="the size of the paper, which asks for a GPU")
    for name, kind, what in (
        ("steps", int, "steps in all"),
        ("decay", int, "last steps, over which the learning rate falls to zero"),
        ("batch", int, f"crops of {CROP_PX} x {CROP_PX} px a step"),
        ("learning-rate", float, "of the level part"),
        ("minutes", float, "pause after this much processor time"),
        ("every", int, "steps between checkpoints"),
        ("seed", int, "draws weights, crops, rates and noise"),
        ("windows", int, "places cut from the pictures"),
    ):
        default = getattr(TrainingOptions, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{what} ({default})")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train a codec from the command line."""
    given = vars(_parse(arguments))
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    pictures, out = given.pop("pictures"), given.pop("out")
    config = published_config() if given.pop("published") else CodecConfig()
    options = TrainingOptions(**given)
    network, step = train(config, pictures, out, options, say=lambda line: print(line, flush=True))
    if step == options.steps:
        notes: dict[str, object] = {"steps": step, "batch": options.batch, "seed": options.seed, "crop_px": CROP_PX}
        save_codec(freeze(network.cpu()), network, out / "weights", notes)
        print(f"model written: {out / 'weights'}")


if __name__ == "__main__":
    main()
