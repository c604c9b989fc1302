"""Generators in the names of NVlabs' PyTorch code: stylegan2-ada-pytorch, and the StyleGAN2 networks of the stylegan3 code.

Kernels are oriented as ours without flip or scale; the resampling filter has sum 1 and is compared, not copied. Settings
that change the numbers but are no tensors (clamp, learning-rate multiplier) are read from the module's own attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any

from torch import Tensor

from stylegan.errors import CheckpointError
from stylegan.foreign.converted import ASSUMED_LR_MULTIPLIER, LR_MULTIPLIER, ConvertedWeights, estimate_w_avg, generator_config
from stylegan.foreign.stand_ins import PersistentObject
from stylegan.foreign.tensor_table import TensorTable
from stylegan.networks.generator import GeneratorConfig
from stylegan.networks.ops import ACTIVATION_GAIN

WHAT = "NVlabs checkpoint"
MAPPING_LAYER, SYNTHESIS_LAYER = re.compile(r"mapping\.fc\d+"), re.compile(r"synthesis\.b\d+\.conv[01]")
MAX_MODULES = 4096
ALIAS_FREE = re.compile(r"synthesis\.(input\.(freqs|phases|affine\.weight)|L\d+_.*)")


@dataclass(frozen=True)
class ModuleTree:
    """A stored module without its code: tensors by dotted name, and the plain attributes of each sub-module."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_module(module: PersistentObject) -> ModuleTree:
    """Return the tensors and attributes of a stored module under dotted names, as its `state_dict()` would give.

    Raises:
        CheckpointError: the state is not that of a torch module.
    """
    tree = ModuleTree()

    def walk(node: object, prefix: str, depth: int) -> None:
        state = node.state if isinstance(node, PersistentObject) else None
        if not isinstance(state, Mapping) or depth > 16 or len(tree.attributes) > MAX_MODULES:
            raise CheckpointError(f"{WHAT}: {prefix or 'the generator'} is not a stored torch module")
        tree.attributes[prefix.removesuffix(".")] = {k: v for k, v in state.items() if not str(k).startswith("_")}
        for kind in ("_parameters", "_buffers"):
            tree.tensors.update({f"{prefix}{k}": t for k, t in (state.get(kind) or {}).items() if t is not None})
        for name, child in (state.get("_modules") or {}).items():
            if child is not None:
                walk(child, f"{prefix}{name}.", depth + 1)

    walk(module, "", 0)
    return tree


def read_pickle_content(content: Mapping[str, object]) -> ConvertedWeights:
    """Read the dict of a network pickle: the averaged generator `G_ema`.

    Raises:
        CheckpointError: G_ema is missing, or is not a StyleGAN2 generator.
    """
    network = content.get("G_ema")
    if network is not None and not isinstance(network, PersistentObject):
        raise CheckpointError(f"the G_ema of this pickle is a {type(network).__name__}, expected a stored network")
    if network is None:
        found = ", ".join(sorted(map(str, content))) or "nothing"
        raise CheckpointError(f"this pickle has no network G_ema (it has {found}); use a network snapshot, network-*.pkl")
    return read_generator(read_module(network))


def read_generator(tree: ModuleTree, *, source_format: str = "nvlabs", what: str = WHAT) -> ConvertedWeights:
    """Convert a generator to our names.

    Args:
        tree: from `read_module`; without attributes (a bare state dict) the published settings are assumed and noted.
    """
    if any(ALIAS_FREE.fullmatch(name) for name in tree.tensors):
        raise CheckpointError("StyleGAN3 alias-free network: not supported; use a StyleGAN2 network")
    table = TensorTable(tree.tensors, what=what)
    config, notes = read_config(table, tree.attributes)
    state: dict[str, Tensor] = {"synthesis.const": table.take("synthesis.b4.const", config.channels[4], 4, 4)}
    for i in range(config.num_mapping_layers):
        for part in ("weight", "bias"):
            state[f"mapping.layers.{i}.{part}"] = table.take(f"mapping.fc{i}.{part}")
    for j, side in enumerate(config.resolutions):
        table.take_blur_kernel(f"synthesis.b{side}.resample_filter", gain=1.0)
        for position in (0, 1) if j else (1,):
            theirs, ours = f"synthesis.b{side}.conv{position}", f"synthesis.convs.{2 * j + position - 1}"
            table.take_blur_kernel(f"{theirs}.resample_filter", gain=1.0)
            below = config.channels[side if position else side // 2]
            state[f"{ours}.weight"] = table.take(f"{theirs}.weight", config.channels[side], below, 3, 3)
            for part in ("affine.weight", "affine.bias", "bias"):
                state[f"{ours}.{part}"] = table.take(f"{theirs}.{part}")
            state[f"{ours}.noise_strength"] = table.take(f"{theirs}.noise_strength").reshape(())
            state[f"{ours}.noise_const"] = table.take(f"{theirs}.noise_const", side, side)
        theirs, ours = f"synthesis.b{side}.torgb", f"synthesis.to_rgbs.{j}"
        state[f"{ours}.weight"] = table.take(f"{theirs}.weight", 3, config.channels[side], 1, 1)
        for part in ("affine.weight", "affine.bias", "bias"):
            state[f"{ours}.{part}"] = table.take(f"{theirs}.{part}")
    if "mapping.w_avg" in table:
        state["mapping.w_avg"] = table.take("mapping.w_avg", 1, config.w_dim)
    else:
        state["mapping.w_avg"], note = estimate_w_avg(config, state)
        notes.append(note)
    table.check_empty()
    return ConvertedWeights(source_format=source_format, config=config, generator_state=state, notes=tuple(notes))


def read_config(table: TensorTable, attributes: Mapping[str, Mapping[str, Any]]) -> tuple[GeneratorConfig, list[str]]:
    """Infer sizes from the shapes and the other settings from the attributes; also return the assumptions."""
    notes = []
    channels: dict[int, int] = {}
    side = 4
    while f"synthesis.b{side}.conv1.weight" in table:
        channels[side] = table.size(f"synthesis.b{side}.conv1.weight", 0)
        side *= 2
    num_layers = 0
    while f"mapping.fc{num_layers}.weight" in table:
        num_layers += 1
    if not channels or not num_layers:
        raise CheckpointError(f"{table.what} has no StyleGAN2 generator: expected synthesis.b4.conv1 and mapping.fc0")
    if "mapping.embed.weight" in table:
        raise CheckpointError(f"{table.what} is a class-conditional network: not supported; use an unconditional one")
    check_settings(attributes, what=table.what)
    if table.size("synthesis.b4.torgb.weight", 0) != 3:
        raise CheckpointError(f"{table.what} writes {table.size('synthesis.b4.torgb.weight', 0)} image channels, expected 3")
    clamps = _stated(attributes, "conv_clamp", table.what)
    if not clamps:
        notes.append("the file does not say whether activations are clamped (conv_clamp); none was assumed")
    multipliers = _stated({k: v for k, v in attributes.items() if MAPPING_LAYER.fullmatch(k)}, "bias_gain", table.what)
    if not multipliers:
        notes.append(ASSUMED_LR_MULTIPLIER)
    clamp = next(iter(clamps), None)
    config = generator_config(
        table.what,
        channels,
        z_dim=table.size("mapping.fc0.weight", 1),
        w_dim=table.size(f"mapping.fc{num_layers - 1}.weight", 0),
        num_mapping_layers=num_layers,
        mapping_lr_multiplier=float(next(iter(multipliers), LR_MULTIPLIER)),
        normalize_z=bool(attributes.get("mapping", {}).get("normalize_latents", True)),
        conv_clamp=None if clamp is None else float(clamp),
    )
    return config, notes


def check_settings(attributes: Mapping[str, Mapping[str, Any]], *, what: str) -> None:
    """Compare the settings stated by modules with those of our generator; unstated settings pass.

    Raises:
        CheckpointError: a setting that would change the pictures.
    """
    for name, known in attributes.items():
        expected: dict[str, Any] = {"architecture": "skip", "use_noise": True}
        if MAPPING_LAYER.fullmatch(name):
            expected |= {"activation": "lrelu"}
        elif SYNTHESIS_LAYER.fullmatch(name):
            expected |= {"activation": "lrelu", "act_gain": ACTIVATION_GAIN}
        elif name.endswith(".affine"):
            expected |= {"activation": "linear", "bias_gain": 1.0}
        for setting, ours in expected.items():
            theirs = known.get(setting, ours)
            is_same = isclose(theirs, ours, rel_tol=1e-4) if isinstance(ours, float) else theirs == ours
            if not is_same:
                raise CheckpointError(
                    f"{what}: {name or 'generator'} has {setting} {theirs!r}, expected {ours!r} of StyleGAN2's skip generator "
                    "with leaky ReLU; its pictures would differ, so it is not supported"
                )


def _stated(attributes: Mapping[str, Mapping[str, Any]], setting: str, what: str) -> set[Any]:
    """Return the single stated value of a setting as a set, empty without one.

    Raises:
        CheckpointError: modules state different values.
    """
    found = {known[setting] for known in attributes.values() if setting in known}
    if len(found) > 1:
        values = ", ".join(sorted(map(str, found)))
        raise CheckpointError(f"{what}: its layers differ in {setting} ({values}): not supported")
    return found
