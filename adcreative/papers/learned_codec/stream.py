"""Pictures to bytes and back through a codec model. The stream is complete except for the model, which it identifies by hash.

    magic (4) | version (1) | model id (8) | rate (1) | height, width (u16 each) | checksum of the rest (u32)
    | length of each string (u32) | the strings: z, then anchors and others of every slice

The strings come from a range coder over integer tables; within a pass, symbols are coded by ascending entry of the table of
scales, and by position within an entry, which encoder and decoder know before the pass. Needs the extra `codec`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adcreative.errors import ArtifactError, ConfigError
from adcreative.papers.learned_codec.entropy import MAX_Z, PRECISION, max_symbol
from adcreative.papers.learned_codec.model import CodecModel, Pass, quantise, quantise_z
from adcreative.papers.learned_codec.transforms import STRIDE

MAGIC, VERSION = b"ADIC", 1
HEADER = struct.Struct("<4sB8sBHHI")
MAX_PIXELS = 2_100_000  # of a picture; activations use about 100 bytes a pixel
WORD_BYTES = 4  # of the range coder


@dataclass(frozen=True)
class Encoded:
    """A coded picture: the stream, and its decoded picture, image_u8 [H, W, 3]."""

    content: bytes
    image_u8: np.ndarray


def encode(model: CodecModel, image_u8: np.ndarray, rate: int) -> Encoded:
    """Return the stream of a picture at one of the model's rates.

    Args:
        image_u8: [H, W, 3] uint8, or [H, W] (grey), or [H, W, 4], whose alpha is dropped.
        rate: 0 is the smallest; below len(config.lambdas).
    Raises:
        ConfigError: another shape or rate, an empty picture, or one of more than MAX_PIXELS.
    """
    image_u8 = check_request(model, image_u8, rate)
    y, z = picture_latents(model, image_u8, rate)
    return encode_latents(model, y, z, image_u8.shape[:2], rate)


def decode(model: CodecModel, content: bytes) -> np.ndarray:
    """Return the picture of a stream, image_u8 [H, W, 3].

    Raises:
        ArtifactError: the content is no stream, of another version or model, truncated or changed.
    """
    rate, (height, width), strings = _read_header(model, content)
    rows, columns = -(-height // STRIDE), -(-width // STRIDE)
    rates = torch.tensor([rate])
    try:
        z = _decode_z(model, strings[0], rate, rows, columns)
        remaining = iter(strings[1:])
        latents = model.network.walk_slices(
            model.network.hyper_features(z, rates),
            model.network.steps(rates),
            lambda one: _value(one, _decode_pass(model, one, next(remaining))),
        )
    except AssertionError as error:  # of the range coder
        raise _damaged("a string holds no symbols of this model") from error
    return _render(model, latents, rates, (height, width))


def check_request(model: CodecModel, image_u8: np.ndarray, rate: int) -> np.ndarray:
    """Return the picture as [H, W, 3] uint8, without alpha.

    Raises:
        ConfigError: as for `encode`.
    """
    if image_u8.dtype != np.uint8 or image_u8.ndim not in (2, 3) or image_u8.size == 0:
        raise ConfigError(f"a picture is uint8 [H, W, 3], got {image_u8.dtype} {list(image_u8.shape)}; convert it first")
    if image_u8.ndim == 2:
        image_u8 = np.repeat(image_u8[..., None], 3, axis=2)
    if image_u8.shape[2] not in (3, 4):
        raise ConfigError(f"a picture has 1, 3 or 4 channels, got {image_u8.shape[2]}; convert it first")
    if image_u8.shape[0] * image_u8.shape[1] > MAX_PIXELS or max(image_u8.shape[:2]) > 0xFFFF:
        raise ConfigError(f"the codec takes pictures up to {MAX_PIXELS:,} px, got {list(image_u8.shape[:2])}; make it smaller")
    if not 0 <= rate < len(model.config.lambdas):
        raise ConfigError(f"rate is {rate}; this codec has the rates 0 to {len(model.config.lambdas) - 1}")
    return image_u8[..., :3]


@torch.no_grad()
def picture_latents(model: CodecModel, image_u8: np.ndarray, rate: int) -> tuple[Tensor, Tensor]:
    """Return y and z, not rounded, of a checked picture."""
    return model.network.latents(picture_tensor(image_u8), torch.tensor([rate]))


def picture_tensor(image_u8: np.ndarray) -> Tensor:
    """Return [1, 3, H, W] float32 in 0..1, padded to a multiple of STRIDE by the last rows and columns."""
    image = torch.from_numpy(np.ascontiguousarray(image_u8)).permute(2, 0, 1)[None].float() / 255
    height, width = image.shape[-2:]
    return functional.pad(image, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")


@torch.no_grad()
def _render(model: CodecModel, latents: Tensor, rates: Tensor, size: tuple[int, ...]) -> np.ndarray:
    pixels = model.network.render(latents, rates)[0, :, : size[0], : size[1]]
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _value(one: Pass, symbols: Tensor) -> Tensor:
    """Return the latents of a pass: mean plus symbol times step; the mean where nothing was coded."""
    return symbols * one.steps + one.mean


@torch.no_grad()
def encode_latents(model: CodecModel, y: Tensor, z: Tensor, size: tuple[int, ...], rate: int) -> Encoded:
    """Return the stream of latents y and z, not rounded, of a picture of `size` (height, width)."""
    rates, z = torch.tensor([rate]), quantise_z(z)
    strings = [_encode_z(model, z, rate)]

    def take(one: Pass) -> Tensor:
        symbols, idx, is_coded = quantise(one, y, model.config.skip_scale)
        coder = _coder().queue.RangeEncoder()
        for table, where in _groups(idx, is_coded):
            bound = max_symbol(table)
            coder.encode((symbols[where] + bound).to(torch.int32).numpy(), _table_model(model.y_tables[table]))
        strings.append(coder.get_compressed().astype("<u4").tobytes())
        return _value(one, symbols)

    latents = model.network.walk_slices(model.network.hyper_features(z, rates), model.network.steps(rates), take)
    body = struct.pack(f"<{len(strings)}I", *map(len, strings)) + b"".join(strings)
    head = HEADER.pack(MAGIC, VERSION, model.model_id, rate, size[0], size[1], zlib.crc32(body))
    return Encoded(head + body, _render(model, latents, rates, size))


def _decode_pass(model: CodecModel, one: Pass, string: bytes) -> Tensor:
    symbols, idx, is_coded = quantise(
        one, torch.zeros(1, model.config.latent_channels, *one.mean.shape[-2:]), model.config.skip_scale
    )
    symbols = torch.zeros_like(symbols)
    coder = _coder().queue.RangeDecoder(np.frombuffer(string, "<u4").astype(np.uint32))
    for table, where in _groups(idx, is_coded):
        count = int(where.sum())
        found = coder.decode(_table_model(model.y_tables[table]), count)
        symbols[where] = torch.from_numpy(found.astype(np.float64)) - max_symbol(table)
    return symbols


def _groups(idx: Tensor, is_coded: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield each entry of the table of scales with coded symbols, and their mask."""
    for table in torch.unique(idx[is_coded]).tolist():
        yield table, is_coded & (idx == table)


def _encode_z(model: CodecModel, z: Tensor, rate: int) -> bytes:
    coder = _coder().queue.RangeEncoder()
    for channel, table in enumerate(model.z_tables[rate]):
        coder.encode((z[0, channel].flatten() + MAX_Z).to(torch.int32).numpy(), _table_model(table))
    return coder.get_compressed().astype("<u4").tobytes()


def _decode_z(model: CodecModel, string: bytes, rate: int, rows: int, columns: int) -> Tensor:
    coder = _coder().queue.RangeDecoder(np.frombuffer(string, "<u4").astype(np.uint32))
    found = [coder.decode(_table_model(table), rows * columns) for table in model.z_tables[rate]]
    return torch.from_numpy(np.stack(found).astype(np.float32) - MAX_Z).view(1, -1, rows, columns)


def _table_model(table: np.ndarray) -> object:
    return _coder().model.Categorical(table.astype(np.float64) / 2**PRECISION, perfect=False)


def _coder() -> ModuleType:
    try:
        from constriction import stream
    except ImportError as error:
        raise ConfigError('the image codec needs a range coder: pip install "adcreative[codec]"') from error
    return stream


def _damaged(why: str) -> ArtifactError:
    return ArtifactError(f"the picture's stream is damaged ({why}); take another copy")


def _read_header(model: CodecModel, content: bytes) -> tuple[int, tuple[int, int], list[bytes]]:
    """Return rate, (height, width) and the strings of a stream with validated lengths and checksum."""
    if len(content) < HEADER.size or not content.startswith(MAGIC):
        raise ArtifactError("this is no picture of the image codec; name a stream that it wrote")
    _, version, model_id, rate, height, width, checksum = HEADER.unpack_from(content)
    if version != VERSION:
        raise ArtifactError(f"the picture's stream has version {version}, this version reads {VERSION}; upgrade adcreative")
    if model_id != model.model_id:
        raise ArtifactError(
            f"the picture was coded with the model {model_id.hex()}, and this one is {model.model_id.hex()}; name that model"
        )
    body, count = content[HEADER.size :], 1 + 2 * len(model.config.slices)
    if zlib.crc32(body) != checksum or len(body) < 4 * count:
        raise _damaged("it is cut short or was changed")
    if rate >= len(model.config.lambdas) or not 0 < height * width <= MAX_PIXELS:
        raise _damaged(f"rate {rate}, {height} x {width} px")
    lengths = struct.unpack_from(f"<{count}I", body)
    if sum(lengths) != len(body) - 4 * count or any(length % WORD_BYTES for length in lengths):
        raise _damaged("the lengths of its strings")
    strings, place = [], 4 * count
    for length in lengths:
        strings.append(body[place : place + length])
        place += length
    return rate, (height, width), strings
