"""What each fast path of `stylegan.runtime` gains over plain torch, torch.compile and onnxruntime, on one thread.

    python -m tests.bench.runtimes [--repeats 20] [--size 0 256 1024]

Prints processor seconds of one picture, the fastest of the repeats, as JSON. The picture tower is timm's EfficientNet-Lite0
with its batch norms folded, at 128 px (faces) and 224 px (ads); the synthesis network is the shipped face model (size 0) or
config-f with random weights. onnxruntime needs the packages `onnx` and `onnxscript` to be given a network; a form that this
machine cannot run is null.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from adcreative.encoders.weights import embedded_dir
from stylegan.networks.checkpoints import load_face_model
from stylegan.networks.generator import GeneratorConfig, SynthesisNetwork
from stylegan.runtime.compiled import compile_network
from stylegan.runtime.folding import fold_batch_norms
from stylegan.runtime.inference_synthesis import InferenceSynthesis

Form = Callable[[Tensor], Any]


def fastest(form: Form, given: Tensor, repeats: int) -> float:
    """Return the least processor seconds of a call, after one that is not counted."""
    form(given)
    found = float("inf")
    for _ in range(repeats):
        started_s = time.thread_time()
        form(given)
        found = min(found, time.thread_time() - started_s)
    return round(found, 5)


def in_onnxruntime(network: nn.Module, given: Tensor) -> Form:
    """Return the network as onnxruntime runs it."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network, (given,), path, dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images.numpy()})


def in_bfloat16(network: Form) -> Form:
    def run(given: Tensor) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return network(given)

    return run


def measure(forms: dict[str, Callable[[], Form]], given: Tensor, repeats: int) -> dict[str, float | str]:
    """Build and time each form; one that cannot be built is reported with its reason."""
    found: dict[str, float | str] = {}
    with torch.inference_mode():
        for name, build in forms.items():
            try:
                found[name] = fastest(build(), given, repeats)
            except (ImportError, RuntimeError, AttributeError, TypeError) as error:
                found[name] = f"{type(error).__name__}: {str(error)[:80]}"
            print(f"  {name}: {found[name]}", flush=True)
    return found


def tower_figures(side: int, repeats: int) -> dict[str, float | str]:
    network = timm.create_model("efficientnet_lite0", features_only=True, pretrained=False, out_indices=(2, 3, 4)).eval()
    folded = fold_batch_norms(network)
    given = torch.randn(1, 3, side, side)
    return measure(
        {
            "plain": lambda: network,
            "folded": lambda: folded,
            "folded, channels last": lambda: lambda x: folded(x.contiguous(memory_format=torch.channels_last)),
            "torch.compile": lambda: torch.compile(folded),
            "onnxruntime": lambda: in_onnxruntime(folded, given),
            "tflite (compiled.py)": lambda: compile_network(folded),
        },
        given,
        repeats,
    )


def synthesis_figures(size: int, repeats: int) -> dict[str, float | str]:
    if size:
        torch.manual_seed(0)
        network = SynthesisNetwork(GeneratorConfig(size=size)).eval().requires_grad_(False)
    else:
        network = load_face_model(embedded_dir("faces")).generator.synthesis
    config = network.config
    given = torch.randn(1, config.num_rows, config.w_dim, generator=torch.Generator().manual_seed(1))
    return measure(
        {
            "plain float32": lambda: network,
            "plain bfloat16": lambda: in_bfloat16(network),
            "torch.compile float32": lambda: torch.compile(network),
            "torch.compile bfloat16": lambda: in_bfloat16(torch.compile(network)),
            "onnxruntime float32": lambda: in_onnxruntime(network, given),
            "InferenceSynthesis float32": lambda: InferenceSynthesis(network),
            "InferenceSynthesis bfloat16": lambda: InferenceSynthesis(network, torch.bfloat16),
        },
        given,
        repeats,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--size", type=int, nargs="*", default=[0, 256])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "torch": torch.__version__}
    for side in (128, 224):
        print(f"tower {side} px", flush=True)
        figures[f"tower_{side}"] = tower_figures(side, arguments.repeats)
    for size in arguments.size:
        print(f"synthesis {size or 'shipped'}", flush=True)
        figures[f"synthesis_{size or 'shipped'}"] = synthesis_figures(size, max(2, arguments.repeats // (1 + size // 128)))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
