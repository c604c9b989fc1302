"""How fast StyleGAN2 pictures are rendered: the prepared network against the published formula, layer by layer.

    python -m tests.bench.synthesis [--sizes 256 1024] [--repeats 3] [--batch 1]

Channels of config-f, random weights with noise, scaled so that the picture's standard deviation is 0.5 on the -1..1 scale
(about a photograph's). Runs alternate between the forms; the fastest of the repeats counts, in seconds of processor time
of one thread, so that other work on the machine hardly moves the ratios.

`of_direct_convolution`: seconds that the 3x3 convolutions alone take, each a bare channels-last float32 `conv2d` (a growing one
a bare transposed convolution), over the seconds of the whole rendering.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegan.networks.generator import GeneratorConfig, SynthesisNetwork
from stylegan.runtime.inference_synthesis import InferenceSynthesis
from tests.bench.plain_synthesis import plain_synthesis


def build_network(size: int) -> SynthesisNetwork:
    """Return a network of config-f channels whose pictures have a standard deviation of 0.5."""
    torch.manual_seed(0)
    synthesis = SynthesisNetwork(GeneratorConfig(size=size)).eval().requires_grad_(False)
    for conv in synthesis.convs:
        torch.nn.init.normal_(conv.noise_const)
        torch.nn.init.constant_(conv.noise_strength, 0.1)
    deviation = InferenceSynthesis(synthesis, torch.bfloat16)(draw_w_plus(synthesis, 1)).std()
    for to_rgb in synthesis.to_rgbs:
        to_rgb.weight.mul_(0.5 / deviation)
    return synthesis


def draw_w_plus(synthesis: SynthesisNetwork, batch: int) -> Tensor:
    shape = (batch, synthesis.config.num_rows, synthesis.config.w_dim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def fastest_alternating(calls: dict[str, Callable[[], Tensor]], repeats: int) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Return the least processor time of each call in seconds, and what each returned."""
    times = dict.fromkeys(calls, float("inf"))
    results: dict[str, Tensor] = {}
    for _ in range(repeats):
        for name, call in calls.items():
            started_s = time.thread_time()
            results[name] = call()
            times[name] = min(times[name], time.thread_time() - started_s)
    return times, results


def convolution_figures(synthesis: SynthesisNetwork, repeats: int) -> tuple[float, float]:
    """Return the seconds of all 3x3 convolutions of one picture done bare, and their GFLOP."""
    total_s, total_gflop = 0.0, 0.0
    for conv in synthesis.convs:
        size = conv.noise_const.shape[0]
        out_channels, in_channels = conv.weight.shape[:2]
        side = size // 2 if conv.upsample else size
        features = torch.randn(1, in_channels, side, side).contiguous(memory_format=torch.channels_last)
        weight = conv.weight.transpose(0, 1) if conv.upsample else conv.weight
        weight = weight.contiguous(memory_format=torch.channels_last)

        def convolve(features: Tensor = features, weight: Tensor = weight, grows: bool = conv.upsample) -> Tensor:  # type: ignore[assignment]
            return F.conv_transpose2d(features, weight, stride=2) if grows else F.conv2d(features, weight, padding=1)

        times, _ = fastest_alternating({"bare": convolve}, repeats)
        total_s += times["bare"]
        total_gflop += 2e-9 * 9 * in_channels * out_channels * side * side  # type: ignore[assignment]
    return total_s, total_gflop


def synthesis_figures(size: int, repeats: int = 3, batch: int = 1) -> dict[str, float]:
    """Return seconds per picture, ratios, errors on the -1..1 scale, and the share of bare convolutions reached."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            synthesis = build_network(size)
            w_plus = draw_w_plus(synthesis, batch)
            exact, half = InferenceSynthesis(synthesis), InferenceSynthesis(synthesis, torch.bfloat16)
            calls = {
                "plain": lambda: plain_synthesis(synthesis, w_plus),
                "float32": lambda: exact(w_plus),
                "bfloat16": lambda: half(w_plus),
            }
            times, images = fastest_alternating(calls, repeats)
            bare_s, gflop = convolution_figures(synthesis, repeats)
    finally:
        torch.set_num_threads(num_threads)
    errors = {name: (images[name] - images["plain"]).abs() for name in ("float32", "bfloat16")}
    figures = {
        "plain_s": times["plain"] / batch,
        "float32_s": times["float32"] / batch,
        "bfloat16_s": times["bfloat16"] / batch,
        "float32_over_plain": times["plain"] / times["float32"],
        "bfloat16_over_plain": times["plain"] / times["bfloat16"],
        "float32_max_error": float(errors["float32"].max()),
        "bfloat16_mean_error": float(errors["bfloat16"].mean()),
        "bfloat16_max_error": float(errors["bfloat16"].max()),
        "direct_convolution_gflop_per_s": gflop / bare_s,
        "plain_of_direct_convolution": bare_s * batch / times["plain"],
        "float32_of_direct_convolution": bare_s * batch / times["float32"],
    }
    return {f"synthesis_{size}_{name}": float(f"{value:.3g}") for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    arguments = parser.parse_args()
    for size in arguments.sizes:
        print(json.dumps(synthesis_figures(size, arguments.repeats, arguments.batch), indent=1), flush=True)


if __name__ == "__main__":
    main()
