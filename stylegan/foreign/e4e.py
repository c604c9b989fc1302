"""e4e checkpoints: encoder, decoder (a generator in rosinality's names) and mean latent in one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from stylegan.errors import CheckpointError, ShapeError
from stylegan.foreign.converted import ConvertedWeights, mean_latent_rows
from stylegan.foreign.rosinality import read_generator
from stylegan.foreign.tensor_table import TensorTable, without_wrapper
from stylegan.networks.ir_se50 import NUM_BLOCKS, E4EConfig, Encoder4Editing

WHAT = "e4e checkpoint"
ENCODER_TYPE = "Encoder4Editing"


def read_checkpoint(checkpoint: Mapping[str, object]) -> ConvertedWeights:
    """Read `state_dict` (encoder., decoder.), `latent_avg` and `opts`; optimiser and discriminator are ignored.

    Raises:
        CheckpointError: a part is missing, or the encoder is another one, such as pSp's, with equal tensor names.
    """
    tensors = checkpoint["state_dict"]
    if not isinstance(tensors, Mapping):
        raise CheckpointError(f"{WHAT}: state_dict is a {type(tensors).__name__}, expected tensors by name")
    tensors = without_wrapper(tensors)
    encoder_type = _option(checkpoint.get("opts"), "encoder_type", ENCODER_TYPE)
    if encoder_type != ENCODER_TYPE:
        raise CheckpointError(f'this checkpoint holds a "{encoder_type}", not e4e\'s {ENCODER_TYPE}: not supported')
    parts: dict[str, dict[str, object]] = {"encoder": {}, "decoder": {}}
    for name, tensor in tensors.items():
        part, _, rest = str(name).partition(".")
        if part not in parts:
            raise CheckpointError(f"{WHAT} has {name}, which is part of neither the encoder nor the decoder")
        parts[part][rest] = tensor
    empty = [part for part, found in parts.items() if not found]
    if empty:
        raise CheckpointError(f"{WHAT} has no {empty[0]}; use a full checkpoint, such as e4e_ffhq_encode.pt")
    starts_from_mean = bool(_option(checkpoint.get("opts"), "start_from_latent_avg", True))
    latent_avg = checkpoint.get("latent_avg")
    generator = read_generator(parts["decoder"], latent_avg, what=f"{WHAT} (decoder)")
    num_rows, w_dim = generator.config.num_rows, generator.config.w_dim
    table = TensorTable(parts["encoder"], what=f"{WHAT} (encoder)")
    config = read_config(table, num_rows=num_rows)
    with torch.device("meta"):
        names = list(Encoder4Editing(config).state_dict())
    state = {f"network.{name}": table.take(name) for name in names}
    table.check_empty()
    state["latent_avg"] = torch.zeros(num_rows, w_dim)
    if starts_from_mean and latent_avg is None:  # then the published code averages over its decoder's mapping, as ours did
        state["latent_avg"] = generator.generator_state["mapping.w_avg"].expand(num_rows, w_dim).clone()
    elif starts_from_mean:
        state["latent_avg"] = mean_latent_rows(latent_avg, num_rows=num_rows, w_dim=w_dim, what=WHAT)
    return replace(generator, source_format="e4e", encoder_config=config, encoder_state=state)


def read_config(table: TensorTable, *, num_rows: int) -> E4EConfig:
    """Infer widths from the shapes; the number of heads must be the generator's number of rows."""
    num_heads = len({name.split(".")[1] for name in table.names() if name.startswith("styles.")})
    if num_heads != num_rows:
        raise CheckpointError(f"{table.what} writes {num_heads} rows, its decoder reads {num_rows}")
    last_blocks = [sum(NUM_BLOCKS[: i + 1]) - 1 for i in range(len(NUM_BLOCKS))]
    try:
        return E4EConfig(
            num_rows=num_rows,
            w_dim=table.size("styles.0.linear.weight", 0),
            stage_channels=tuple(table.size(f"body.{i}.res_layer.3.weight", 0) for i in last_blocks),
            squeeze_channels=tuple(table.size(f"body.{i}.res_layer.5.fc1.weight", 0) for i in last_blocks),
        )
    except ShapeError as error:
        raise CheckpointError(f"{table.what} is no IR-SE 50: {error}") from error


def _option(options: object, name: str, default: object) -> object:
    """Return an option of `opts`, which is a dict or a namespace."""
    if isinstance(options, Mapping):
        return options.get(name, default)
    return getattr(options, name, default)
