"""Network pickles of the TensorFlow code of StyleGAN2: variables of the averaged generator Gs.

Brought to the names of the PyTorch code, then read as such. Kernels are stored height, width, in, out; the up-sampling ones
are flipped in both axes, because that code convolves where ours transposes; dense weights are stored in, out; the +1 of the
style bias is added at run time there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegan.errors import CheckpointError
from stylegan.foreign.converted import ConvertedWeights
from stylegan.foreign.nvlabs import ModuleTree, read_generator
from stylegan.foreign.stand_ins import TensorFlowNetwork
from stylegan.foreign.unpickling import numbers_of
from stylegan.networks.ops import BLUR_TAPS

WHAT = "TensorFlow network pickle"
FIRST_VERSION = 4
LAYER = re.compile(r"synthesis/(\d+)x\1/(Conv|Conv0_up|Conv1|ToRGB)/(weight|bias|mod_weight|mod_bias|noise_strength)")


def read_networks(networks: tuple[object, ...]) -> ConvertedWeights:
    """Read the tuple (G, D, Gs) of a network pickle.

    Raises:
        CheckpointError: it is not such a tuple, or Gs is not StyleGAN2's generator.
    """
    if len(networks) != 3 or not isinstance(networks[2], TensorFlowNetwork):
        raise CheckpointError(f"this pickle holds a tuple of {len(networks)}, expected the networks (G, D, Gs) of StyleGAN2")
    network = networks[2]
    version = network.state.get("version", 0)
    if not isinstance(version, int) or version < FIRST_VERSION:
        raise CheckpointError(f"{WHAT} is of version {version}: a StyleGAN or ProGAN network; only StyleGAN2 is supported")
    settings = network.state.get("static_kwargs") or {}
    lr_multiplier = float(settings.get("mapping_lrmul", 0.01))
    kernel = [float(tap) for tap in settings.get("resample_kernel") or BLUR_TAPS]
    if kernel != list(BLUR_TAPS):
        raise CheckpointError(f"{WHAT} resamples with the kernel {kernel}, expected [1, 3, 3, 1]: not supported")
    tree = ModuleTree(nvlabs_tensors(collect_variables(network)))
    tree.attributes["mapping.fc0"] = {"bias_gain": lr_multiplier}
    tree.attributes["synthesis"] = {
        "architecture": settings.get("architecture", "skip"),
        "conv_clamp": settings.get("conv_clamp"),
        "activation": settings.get("nonlinearity", "lrelu"),
    }
    return read_generator(tree, source_format="tensorflow", what=WHAT)


def collect_variables(network: TensorFlowNetwork) -> dict[str, np.ndarray]:
    """Return the variables of a network and its components, such as "synthesis/4x4/Conv/weight"."""
    variables: dict[str, np.ndarray] = {}

    def walk(part: object, prefix: str, depth: int) -> None:
        if not isinstance(part, TensorFlowNetwork) or depth > 4:
            raise CheckpointError(f"{WHAT}: {prefix or 'Gs'} is not a stored network")
        for name, value in part.state.get("variables") or ():
            variables[re.sub(r"^G_(mapping|synthesis)/", r"\1/", f"{prefix}{name}")] = numbers_of(value, f"{WHAT}: {name}")
        for name, component in (part.state.get("components") or {}).items():
            walk(component, f"{prefix}{name}/", depth + 1)

    walk(network, "", 0)
    return variables


def nvlabs_tensors(variables: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Rename and turn each variable; one that has no place keeps its name, so that the strict reader refuses it."""
    taps = np.array(BLUR_TAPS, dtype=np.float32)
    resample_filter = np.outer(taps, taps) / taps.sum() ** 2
    turned: dict[str, Any] = {}
    for name, value in variables.items():
        if value.dtype.kind != "f" and name != "lod":
            raise CheckpointError(f"{WHAT}: {name} is of type {value.dtype}, expected floating-point numbers")
        if name == "lod":  # progress of progressive growing, unused by StyleGAN2
            continue
        if match := LAYER.fullmatch(name):
            side, layer, part = match.groups()
            theirs = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb"}[layer]
            module = f"synthesis.b{side}.{theirs}"
            turned[f"{module}.{PARTS[part]}"] = _turn(name, value, flip=layer == "Conv0_up")
            if part == "noise_strength":
                turned[f"{module}.resample_filter"] = resample_filter
        elif match := re.fullmatch(r"synthesis/noise(\d+)", name):
            number = int(match[1])
            side = str(2 ** ((number + 5) // 2))
            turned[f"synthesis.b{side}.conv{(number + 1) % 2}.noise_const"] = value.reshape(value.shape[-2:])
        elif name == "synthesis/4x4/Const/const":
            turned["synthesis.b4.const"] = value[0]
        elif match := re.fullmatch(r"mapping/Dense(\d+)/(weight|bias)", name):
            turned[f"mapping.fc{match[1]}.{match[2]}"] = value.T
        else:
            turned["mapping.w_avg" if name == "dlatent_avg" else name] = value
    for side in {name.split(".")[1] for name in turned if name.startswith("synthesis.b")}:
        turned[f"synthesis.{side}.resample_filter"] = resample_filter
    return {name: torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32)) for name, value in turned.items()}


PARTS = {
    "weight": "weight", "bias": "bias", "mod_weight": "affine.weight", "mod_bias": "affine.bias",
    "noise_strength": "noise_strength",
}  # fmt: skip


def _turn(name: str, value: np.ndarray, *, flip: bool) -> np.ndarray:
    part = name.rpartition("/")[2]
    num_axes = {"weight": 4, "mod_weight": 2, "bias": 1, "mod_bias": 1, "noise_strength": 0}[part]
    if value.ndim != num_axes:
        raise CheckpointError(f"{WHAT}: {name} has shape {list(value.shape)}, expected {num_axes} axes")
    if part == "weight":
        return (value[::-1, ::-1] if flip else value).transpose(3, 2, 0, 1)  # HWIO -> OIHW
    if part == "mod_weight":
        return value.T
    return value + 1 if part == "mod_bias" else value
