"""Models of words for `fuzz_readers`: how folders and files of them are read, and sound ones to start from."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from adcreative.encoders.text_encoder import TextEncoder

Files = list[tuple[str, bytes]]


@cache
def _encoder_files() -> dict[str, bytes]:
    from tests.encoders.test_text_encoder import write_encoder

    with tempfile.TemporaryDirectory() as folder:
        write_encoder(Path(folder))
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def text_encoders() -> Files:
    """Return the files of an encoder; the name of each says which of them is damaged."""
    return list(_encoder_files().items())


def read_text_encoder(path: Path) -> object:
    """Load an encoder of which the file at `path` is damaged, and encode a text."""
    folder = path.parent / "encoder"
    folder.mkdir()
    for name, content in _encoder_files().items():
        (folder / name).write_bytes(content)
    path.replace(folder / path.name)
    return TextEncoder.load(str(folder)).encode(["winter coats"])


def four_bit_files() -> Files:
    """Return a tiny file of 4-bit weights."""
    from tests.encoders.networks.test_four_bits import pack_four_bits

    return [("a.bin", pack_four_bits())]


def read_four_bit_file(path: Path) -> object:
    """Read a file of 4-bit weights, and with its network a text that both its vocabulary and its rows know."""
    import torch

    from adcreative.encoders.networks.four_bits import read_four_bits

    network, tokens = read_four_bits(path)
    return tokens.read(["red lamps \N{NEGATIVE SQUARED AB}"]), network(torch.tensor([[0, 0]]))[-1]


@cache
def small_gguf() -> bytes:
    """Return a GGUF file with the keys of a small model and one tensor: enough for its reader, too little for a model."""
    import gguf
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        writer = gguf.GGUFWriter(Path(folder) / "a.gguf", "llama")
        writer.add_context_length(64)
        writer.add_embedding_length(16)
        writer.add_block_count(1)
        writer.add_feed_forward_length(32)
        writer.add_head_count(2)
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(["<eos>", "a", "b"])
        writer.add_token_merges(["a b"])
        writer.add_tensor("token_embd.weight", np.zeros((3, 16), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return (Path(folder) / "a.gguf").read_bytes()
