"""Network pickles of the TensorFlow code of StyleGAN2: variables of the averaged generator Gs.

Renamed to the PyTorch code, then read as such. Kernels are stored height, width, in, out; the up-sampling ones are flipped in
both axes, because that code convolves where ours transposes; dense weights are stored in, out; the +1 of the style bias is
added at run time there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegan.errors import CheckpointError
from stylegan.foreign.converted import LR_MULTIPLIER, ConvertedWeights
from stylegan.foreign.nvlabs import MAPPING_LAYER, SYNTHESIS_LAYER, ModuleTree, read_generator
from stylegan.foreign.stand_ins import TensorFlowNetwork
from stylegan.foreign.unpickling import numbers_of
from stylegan.networks.ops import BLUR_TAPS

WHAT = "TensorFlow network pickle"
FIRST_VERSION, MAX_DEPTH = 4, 4
# arguments of G_main, G_mapping and G_synthesis_stylegan2 that affect the pictures beyond the shapes of the variables
SETTINGS_THAT_COUNT = (
    "mapping_lrmul",
    "mapping_nonlinearity",
    "normalize_latents",
    "nonlinearity",
    "architecture",
    "resample_kernel",
    "conv_clamp",
)
# arguments implied by the shapes, used only by training or the caller's request, or choosing an equivalent computation
SETTINGS_OF_NO_EFFECT = (
    "truncation_psi",
    "truncation_cutoff",
    "truncation_psi_val",
    "truncation_cutoff_val",
    "dlatent_avg_beta",
    "style_mixing_prob",
    "is_training",
    "is_validation",
    "return_dlatents",
    "is_template_graph",
    "components",
    "mapping_func",
    "synthesis_func",
    "latent_size",
    "label_size",
    "dlatent_size",
    "dlatent_broadcast",
    "mapping_layers",
    "mapping_fmaps",
    "dtype",
    "num_channels",
    "resolution",
    "fmap_base",
    "fmap_decay",
    "fmap_min",
    "fmap_max",
    "fmap_const",
    "randomize_noise",
    "use_noise",
    "fused_modconv",
    "num_fp16_res",
    "force_clean_graph",
    "structure",
    "func_name",
    "name",
)
LAYER = re.compile(r"synthesis/(\d+)x\1/(Conv|Conv0_up|Conv1|ToRGB)/(weight|bias|mod_weight|mod_bias|noise_strength)")


def read_networks(networks: tuple[object, ...]) -> ConvertedWeights:
    """Read the tuple (G, D, Gs) of a network pickle.

    Raises:
        CheckpointError: the content is no such tuple, or Gs is not StyleGAN2's generator.
    """
    if len(networks) != 3 or not isinstance(networks[2], TensorFlowNetwork):
        raise CheckpointError(f"this pickle holds a tuple of {len(networks)}, expected the networks (G, D, Gs) of StyleGAN2")
    network = networks[2]
    version = network.state.get("version", 0)
    if not isinstance(version, int) or version < FIRST_VERSION:
        raise CheckpointError(f"{WHAT} is of version {version}: a StyleGAN or ProGAN network; only StyleGAN2 is supported")
    settings = collect_settings(network)
    kernel = [float(tap) for tap in settings.get("resample_kernel") or BLUR_TAPS]
    if kernel != list(BLUR_TAPS):
        raise CheckpointError(f"{WHAT} resamples with the kernel {kernel}, expected [1, 3, 3, 1]: not supported")
    tree = ModuleTree(nvlabs_tensors(collect_variables(network)))
    tree.attributes["mapping"] = {"normalize_latents": settings.get("normalize_latents", True)}
    tree.attributes["synthesis"] = {
        "architecture": settings.get("architecture", "skip"),
        "conv_clamp": settings.get("conv_clamp"),
    }
    for name in sorted({name.rpartition(".")[0] for name in tree.tensors}):
        if MAPPING_LAYER.fullmatch(name):
            multiplier = float(settings.get("mapping_lrmul", LR_MULTIPLIER))
            tree.attributes[name] = {"activation": settings.get("mapping_nonlinearity", "lrelu"), "bias_gain": multiplier}
        elif SYNTHESIS_LAYER.fullmatch(name):
            tree.attributes[name] = {"activation": settings.get("nonlinearity", "lrelu")}
    converted = read_generator(tree, source_format="tensorflow", what=WHAT)
    unsaid = [name for name in SETTINGS_THAT_COUNT if name not in settings]
    note = f"the file does not say {', '.join(unsaid)}; the defaults of the code that writes such files were assumed"
    return replace(converted, notes=(*converted.notes, note)) if unsaid else converted


def collect_settings(network: TensorFlowNetwork) -> dict[str, Any]:
    """Return the constructor arguments of a network and its components.

    Raises:
        CheckpointError: an argument is unknown, so that its effect on the pictures is unknown, or two parts disagree.
    """
    settings: dict[str, Any] = {}

    def walk(part: object, depth: int) -> None:
        if not isinstance(part, TensorFlowNetwork) or depth > MAX_DEPTH:
            return
        for name, value in (part.state.get("static_kwargs") or {}).items():
            if name not in SETTINGS_THAT_COUNT and name not in SETTINGS_OF_NO_EFFECT:
                raise CheckpointError(f"{WHAT} was built with {name}={value!r}, which this reader does not know: not supported")
            if name in SETTINGS_THAT_COUNT and settings.setdefault(name, value) != value:
                raise CheckpointError(f"{WHAT}: its parts differ in {name} ({settings[name]!r} and {value!r}): not supported")
        for component in (part.state.get("components") or {}).values():
            walk(component, depth + 1)

    walk(network, 0)
    return settings


def collect_variables(network: TensorFlowNetwork) -> dict[str, np.ndarray]:
    """Return the variables of a network and its components, such as "synthesis/4x4/Conv/weight"."""
    variables: dict[str, np.ndarray] = {}

    def walk(part: object, prefix: str, depth: int) -> None:
        if not isinstance(part, TensorFlowNetwork) or depth > MAX_DEPTH:
            raise CheckpointError(f"{WHAT}: {prefix or 'Gs'} is not a stored network")
        for name, value in part.state.get("variables") or ():
            variables[re.sub(r"^G_(mapping|synthesis)/", r"\1/", f"{prefix}{name}")] = numbers_of(value, f"{WHAT}: {name}")
        for name, component in (part.state.get("components") or {}).items():
            walk(component, f"{prefix}{name}/", depth + 1)

    walk(network, "", 0)
    return variables


def nvlabs_tensors(variables: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Rename and transpose each variable; an unknown variable keeps its name, so that the strict reader refuses it."""
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
    "weight": "weight",
    "bias": "bias",
    "mod_weight": "affine.weight",
    "mod_bias": "affine.bias",
    "noise_strength": "noise_strength",
}


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
