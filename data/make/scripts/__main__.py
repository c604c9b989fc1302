"""Train the classifier of scripts on drawn lines: python -m data.make.scripts --out data/weights/scripts"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler

from adcreative.artifacts import save_artifact
from adcreative.lettering.reading.scripts import FORMAT, KIND, SCRIPTS, WINDOW_PX, normalise
from data.make.scripts.drawn_lines import draw_lines, stack_windows

WIDTHS = (24, 48, 72, 96)
NORM_EPS = 1e-5


class ScriptNetwork(nn.Module):
    """Windows [N, 32, 160], normalised -> scores [N, S]; `lettering.reading.scripts` runs the `folded` weights in numpy."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (1, *WIDTHS)
        for number, (before, after) in enumerate(zip(sizes, WIDTHS, strict=False), start=1):
            self.add_module(f"conv{number}", nn.Conv2d(before, after, 3, stride=2, padding=1))
            self.add_module(f"norm{number}", nn.BatchNorm2d(after, eps=NORM_EPS))
        self.head = nn.Linear(2 * WIDTHS[-1], len(SCRIPTS))

    def forward(self, windows: Tensor) -> Tensor:
        seen = windows[:, None]
        for number in range(1, len(WIDTHS) + 1):
            seen = F.relu(self.get_submodule(f"norm{number}")(self.get_submodule(f"conv{number}")(seen)))
        along = seen.amax(dim=2)
        scores: Tensor = self.head(torch.cat([along.mean(dim=2), along.amax(dim=2)], dim=1))
        return scores

    def folded(self) -> dict[str, np.ndarray]:
        """Return the weights with each normalisation folded into its convolution."""
        state = self.state_dict()
        tensors = {name: state[name] for name in ("head.weight", "head.bias")}
        for number in range(1, len(WIDTHS) + 1):
            conv, norm = f"conv{number}", f"norm{number}"
            scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + NORM_EPS)
            tensors[f"{conv}.weight"] = state[f"{conv}.weight"] * scale[:, None, None, None]
            tensors[f"{conv}.bias"] = (state[f"{conv}.bias"] - state[f"{norm}.running_mean"]) * scale + state[f"{norm}.bias"]
        return {name: one.detach().numpy().astype(np.float32) for name, one in tensors.items()}


def train(num: int, epochs: int, seed: int) -> tuple[ScriptNetwork, float]:
    """Return the network after `epochs` over `num` drawn lines, and its accuracy on lines of another seed."""
    torch.manual_seed(seed)
    rng, started = np.random.default_rng(seed), time.monotonic()
    network = ScriptNetwork()
    lines = list(draw_lines(num, seed=seed))
    print(f"{num} lines drawn in {time.monotonic() - started:.0f} s", flush=True)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-3)
    steps = epochs * (num // 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(epochs):
        windows, scripts = stack_windows(lines, WINDOW_PX, rng)
        losses = [_step(network, optimizer, schedule, *batch) for batch in _batches(windows, scripts, rng)]
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {time.monotonic() - started:.0f} s", flush=True)
    network.eval()
    held, truth = stack_windows(list(draw_lines(2400, seed=seed + 1)), WINDOW_PX, rng)
    with torch.no_grad():
        found = network(torch.from_numpy(normalise(held))).argmax(dim=1).numpy()
    for number, script in enumerate(SCRIPTS):
        print(f"{script:12s} {(found[truth == number] == number).mean():.3f}")
    return network, float((found == truth).mean())


def _batches(windows: np.ndarray, scripts: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    order = rng.permutation(len(windows))
    for first in range(0, len(order) - 127, 128):
        rows = order[first : first + 128]
        yield torch.from_numpy(normalise(windows[rows])), torch.from_numpy(scripts[rows])


def _step(
    network: nn.Module, optimizer: torch.optim.Optimizer, schedule: LRScheduler, windows: Tensor, scripts: Tensor
) -> float:
    loss = F.cross_entropy(network(windows), scripts, label_smoothing=0.05)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    return float(loss.detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--num", type=int, default=48_000, help="drawn lines")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    network, right = train(given.num, given.epochs, given.seed)
    tensors = network.folded()
    notes = {"scripts": list(SCRIPTS), "num_lines": given.num, "epochs": given.epochs, "seed": given.seed, "right": right}
    save_artifact(given.out, kind=KIND, format_version=FORMAT, tensors=tensors, notes=notes)
    print(f"right for {100 * right:.1f} % of drawn lines of another seed; written to {given.out}")


if __name__ == "__main__":
    main()
