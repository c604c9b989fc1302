"""The byte stream: what comes out is the model's own hard rounding bit for bit, in another process too; damage is refused."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adcreative.codec.entropy import gaussian_bits, scale_table
from adcreative.codec.model import CodecModel, freeze, load_codec, save_codec
from adcreative.codec.network import ImageCodec, Pass, first_coded_idx, quantise, quantise_z
from adcreative.codec.stream import HEADER, decode, encode, picture_latents, reconstruct
from adcreative.errors import ArtifactError, ConfigError
from tests.codec.conftest import SMALL, build_small


@pytest.fixture(scope="module")
def model(network: ImageCodec) -> CodecModel:
    return freeze(network)


def picture(seed: int, *shape: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.cumsum(rng.normal(0, 20, shape), axis=0) + 128, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(37, 61), (1, 1), (64, 128), (130, 65)])
@pytest.mark.parametrize("rate", [0, 1])
def test_decoding_gives_the_models_own_rounding_bit_for_bit(model: CodecModel, size: tuple[int, int], rate: int) -> None:
    image_u8 = picture(1, *size, 3)
    coded = encode(model, image_u8, rate)
    assert np.array_equal(decode(model, coded.content), coded.image_u8)
    assert np.array_equal(coded.image_u8, reconstruct(model, image_u8, rate))
    assert coded.image_u8.shape == image_u8.shape


def test_the_rounding_is_not_trivial(model: CodecModel) -> None:
    """Symbols other than zero are coded in every pass, else the round trip would say nothing."""
    y, z = picture_latents(model, picture(1, 64, 64, 3), 1)
    counts: list[int] = []

    def take(one: Pass) -> torch.Tensor:
        symbols, _, _ = quantise(one, y, model.config.skip_scale)
        counts.append(int((symbols != 0).sum()))
        return symbols * one.steps + one.mean

    network, rates = model.network, torch.tensor([1])
    network.walk_slices(network.hyper_features(quantise_z(z), rates), network.steps(rates), take)
    assert len(counts) == 2 * len(model.config.slices)
    assert min(counts) > 10


def test_another_process_decodes_the_same(model: CodecModel, network: ImageCodec, tmp_path: Path) -> None:
    coded = encode(model, picture(3, 70, 90, 3), 1)
    save_codec(model, network, tmp_path / "model", {})
    (tmp_path / "stream").write_bytes(coded.content)
    script = (
        "import sys\nfrom pathlib import Path\nimport numpy as np, torch\ntorch.set_num_threads(2)\n"
        "from adcreative.codec.model import load_codec\nfrom adcreative.codec.stream import decode\n"
        "folder = Path(sys.argv[1])\n"
        "image_u8 = decode(load_codec(folder / 'model'), (folder / 'stream').read_bytes())\n"
        "np.save(folder / 'back.npy', image_u8)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=120)
    assert np.array_equal(np.load(tmp_path / "back.npy"), coded.image_u8)


def test_length_is_what_the_likelihoods_say(model: CodecModel) -> None:
    image_u8 = picture(5, 128, 128, 3)
    y, z = picture_latents(model, image_u8, 1)
    z = quantise_z(z)
    bits = -np.log2(np.take_along_axis(model.z_tables[1] / 2**24, z[0].flatten(1).long().numpy() + 48, axis=1)).sum()

    def take(one: Pass) -> torch.Tensor:
        nonlocal bits
        symbols, idx, is_coded = quantise(one, y, model.config.skip_scale)
        log_scale = torch.from_numpy(np.log(scale_table()))[idx]
        bits += float(gaussian_bits(symbols, log_scale)[is_coded].sum())
        return symbols * one.steps + one.mean

    network, rates = model.network, torch.tensor([1])
    network.walk_slices(network.hyper_features(z, rates), network.steps(rates), take)
    num_strings = 1 + 2 * len(model.config.slices)
    length = 8 * (len(encode(model, image_u8, 1).content) - HEADER.size - 4 * num_strings)
    assert abs(length - bits) <= 0.02 * bits + 64 * num_strings


def test_grey_and_alpha(model: CodecModel) -> None:
    grey = picture(2, 20, 30)
    assert np.array_equal(encode(model, grey, 0).image_u8, encode(model, np.dstack([grey] * 3), 0).image_u8)
    with_alpha = np.dstack([grey, grey, grey, 255 - grey])
    assert np.array_equal(encode(model, with_alpha, 0).image_u8, encode(model, grey, 0).image_u8)


def test_a_higher_rate_takes_more_bytes(model: CodecModel) -> None:
    image_u8 = picture(4, 96, 96, 3)
    assert len(encode(model, image_u8, 1).content) > len(encode(model, image_u8, 0).content)


def test_saved_and_loaded(model: CodecModel, network: ImageCodec, tmp_path: Path) -> None:
    save_codec(model, network, tmp_path, {"trained": "not at all"})
    loaded = load_codec(tmp_path)
    assert loaded.model_id == model.model_id
    image_u8 = picture(6, 40, 40, 3)
    assert encode(loaded, image_u8, 0).content == encode(model, image_u8, 0).content


def test_a_stream_of_another_model_is_refused_by_name(model: CodecModel) -> None:
    other = freeze(build_small(1))
    content = encode(model, picture(0, 8, 8, 3), 0).content
    with pytest.raises(
        ArtifactError, match=f"coded with the model {model.model_id.hex()}, and this one is {other.model_id.hex()}"
    ):
        decode(other, content)


def test_symbols_below_the_skip_scale_are_not_coded(model: CodecModel) -> None:
    first = first_coded_idx(SMALL.skip_scale)
    assert scale_table()[first - 1] < SMALL.skip_scale <= scale_table()[first]
    mean = torch.zeros(1, 8, 2, 2, dtype=torch.float64)
    one = Pass(slice(0, 8), torch.ones(1, 1, 2, 2), mean, torch.full_like(mean, float(np.log(0.2))), torch.ones(1, 8, 1, 1))
    symbols, _, is_coded = quantise(one, torch.full((1, 24, 2, 2), 5.0), SMALL.skip_scale)
    assert not is_coded.any()
    assert not symbols.any()


def test_what_cannot_be_coded(model: CodecModel) -> None:
    with pytest.raises(ConfigError, match=r"uint8 \[H, W, 3\], got float64"):
        encode(model, np.zeros((4, 4, 3)), 0)
    with pytest.raises(ConfigError, match=r"uint8 \[H, W, 3\], got uint8 \[0, 4, 3\]"):
        encode(model, np.zeros((0, 4, 3), np.uint8), 0)
    with pytest.raises(ConfigError, match="1, 3 or 4 channels, got 5"):
        encode(model, np.zeros((4, 4, 5), np.uint8), 0)
    with pytest.raises(ConfigError, match="this codec has the rates 0 to 1"):
        encode(model, np.zeros((4, 4, 3), np.uint8), 2)
    with pytest.raises(ConfigError, match="takes pictures up to 2,100,000 px"):
        encode(model, np.zeros((3000, 800, 3), np.uint8), 0)


def test_truncated_and_fuzzed_streams_are_one_sentence(model: CodecModel) -> None:
    content = encode(model, picture(7, 70, 50, 3), 0).content
    rng = random.Random(4)
    cases = [content[:length] for length in (0, 3, HEADER.size - 1, HEADER.size, len(content) - 1)]
    for _ in range(300):
        damaged = bytearray(content)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        cases.append(bytes(damaged))
    for case in cases:
        if case[13] if len(case) > 13 else True:  # a changed rate may name another rate of this model
            with pytest.raises(ArtifactError, match=r"stream|no picture of the image codec|coded with the model"):
                decode(model, case)


@pytest.mark.parametrize(
    ("field", "value", "said"), [(1, 9, "has version 9, this version reads 1"), (3, 7, "rate 7"), (4, 60_000, "60000 x")]
)
def test_a_header_that_lies(model: CodecModel, field: int, value: int, said: str) -> None:
    content = encode(model, picture(7, 70, 50, 3), 0).content
    fields = list(HEADER.unpack_from(content))
    fields[field] = value
    with pytest.raises(ArtifactError, match=said):
        decode(model, HEADER.pack(*fields) + content[HEADER.size :])


def test_tables_that_do_not_fit_are_refused(model: CodecModel, network: ImageCodec, tmp_path: Path) -> None:
    save_codec(replace(model, z_tables=model.z_tables + 1), network, tmp_path, {})
    with pytest.raises(ArtifactError, match="a table of frequencies does not add up"):
        load_codec(tmp_path)
