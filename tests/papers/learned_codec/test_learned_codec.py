"""The image codec: what each pass may see, the same bits everywhere, streams that decode to the model's own rounding."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from adcreative.errors import ArtifactError, ConfigError, TrainingError
from adcreative.papers.learned_codec import annealing
from adcreative.papers.learned_codec import run as training
from adcreative.papers.learned_codec.annealing import _draw, anneal, rate_distortion_cost
from adcreative.papers.learned_codec.entropy import (
    PRECISION,
    LocalContext,
    anchor_mask,
    gaussian_bits,
    gaussian_table,
    make_exact,
    max_symbol,
    scale_table,
    snap,
)
from adcreative.papers.learned_codec.model import (
    CodecModel,
    ImageCodec,
    Pass,
    freeze,
    load_codec,
    quantise,
    quantise_z,
    save_codec,
)
from adcreative.papers.learned_codec.run import Crops, TrainingOptions, train
from adcreative.papers.learned_codec.stream import HEADER, decode, encode, picture_latents
from adcreative.papers.learned_codec.transforms import CodecConfig
from tests.bench.codec import bd_rate

SMALL = CodecConfig(
    widths=(8, 12, 16),
    depths=(1, 1, 1),
    slices=(4, 8, 12),
    hyper_channels=8,
    context_channels=16,
    lambdas=(0.01, 0.1),
)


def build_small(seed: int, config: CodecConfig = SMALL) -> ImageCodec:
    """Return a network whose weights are drawn from `seed`, and whose symbols differ from their means."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ImageCodec(config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
            network.log_steps.sub_(1.5)
    return network


@pytest.fixture(scope="module")
def network() -> ImageCodec:
    return build_small(0)


@pytest.fixture(scope="module")
def model(network: ImageCodec) -> CodecModel:
    return freeze(network)


def picture(seed: int, *shape: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.cumsum(rng.normal(0, 20, shape), axis=0) + 128, 0, 255).astype(np.uint8)


def walk(network: ImageCodec, latents: torch.Tensor, hyper: torch.Tensor) -> list[Pass]:
    """Return the predictions of every pass over given latents [1, M, H, W]."""
    seen: list[Pass] = []

    def take(one: Pass) -> torch.Tensor:
        seen.append(one)
        return latents[:, one.channels]

    network.walk_slices(hyper, network.steps(torch.tensor([1])), take)
    return seen


def test_no_pass_sees_what_comes_after_it(network: ImageCodec) -> None:
    exact = network.exact()
    generator = torch.Generator().manual_seed(0)
    hyper = snap(torch.randn(1, 2 * SMALL.context_channels, 4, 6, generator=generator, dtype=torch.float64))
    latents = snap(3 * torch.randn(1, SMALL.latent_channels, 4, 6, generator=generator, dtype=torch.float64))
    before = walk(exact, latents, hyper)
    for number, changed in enumerate(before):
        other = latents.clone()
        other[:, changed.channels] += 5 * changed.mask
        after = walk(exact, other, hyper)
        for earlier in range(number + 1):  # its own prediction included
            difference = (after[earlier].mean - before[earlier].mean).abs() * before[earlier].mask
            assert difference.max() == 0
        if number + 1 < len(before):
            assert not torch.equal(after[number + 1].mean, before[number + 1].mean)


def test_convolutions_on_the_grid_do_not_depend_on_the_order_of_addition() -> None:
    generator = torch.Generator().manual_seed(1)
    layer = torch.nn.Conv2d(64, 8, 3, padding=1)
    values = 30 * torch.randn(1, 64, 9, 9, generator=generator)
    order = torch.randperm(64, generator=generator)

    def outputs(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        weight, image = layer.weight.detach().to(dtype), values.to(dtype)
        return functional.conv2d(image, weight), functional.conv2d(image[:, order], weight[:, order])

    in_float = outputs(torch.float32)
    assert not torch.equal(*in_float)  # what the grid is for
    make_exact(layer)
    values = snap(values.double())
    assert torch.equal(*outputs(torch.float64))


def test_local_context_against_a_loop() -> None:
    torch.manual_seed(3)
    context = LocalContext(6, 8, 5)
    guide, anchors = torch.randn(1, 6, 5, 7), torch.randn(1, 8, 5, 7)
    anchors = anchors * anchor_mask(anchors)
    sizes = anchors.abs()
    query, key, value = context.query(guide), context.key(anchors), context.value(torch.cat([anchors, sizes], dim=1))
    mixed = torch.zeros(1, 8, 5, 7)
    for row in range(5):
        for column in range(7):
            scores, values = [], []
            for i in range(max(row - 2, 0), min(row + 3, 5)):
                for j in range(max(column - 2, 0), min(column + 3, 7)):
                    if (i + j) % 2:
                        angle = (i - row) * context.frequencies[0] + (j - column) * context.frequencies[1]
                        even, odd = key[0, :4, i, j], key[0, 4:, i, j]
                        turned = torch.cat([even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()])
                        scores.append(query[0, :, row, column] @ turned / 8**0.5)
                        values.append(value[0, :, i, j])
            mixed[0, :, row, column] = torch.stack(scores).softmax(0) @ torch.stack(values)
    assert torch.allclose(context(guide, anchors, sizes), context.out(mixed), atol=1e-5)


@pytest.mark.parametrize("idx", [0, 9, 30, 63])
def test_tables_of_frequencies(idx: int) -> None:
    table, bound = gaussian_table(idx).astype(np.int64), max_symbol(idx)
    assert table.sum() == 2**PRECISION
    assert table.min() >= 1
    assert len(table) == 2 * bound + 1
    symbols = torch.arange(-2, 3, dtype=torch.float64)
    bits = gaussian_bits(symbols, torch.full((5,), float(np.log(scale_table()[idx])), dtype=torch.float64)).clamp(max=20)
    assert np.allclose(np.minimum(-np.log2(table[bound - 2 : bound + 3] / 2**PRECISION), 20), bits, atol=0.01)


def smooth_picture(seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    image = functional.interpolate(torch.rand(1, 3, 8, 8, generator=generator), size=64, mode="bilinear")
    return (image[0] * 255).byte().permute(1, 2, 0).numpy()


@pytest.fixture(scope="module")
def learnt() -> CodecModel:
    """A network trained for a moment: the loss of every rate falls, and no part is left without a gradient."""
    network = build_small(5)
    image = torch.stack([torch.from_numpy(smooth_picture(seed)).permute(2, 0, 1) / 255 for seed in (1, 2)])
    optimizer, lambdas, losses = torch.optim.Adam(network.parameters(), lr=2e-3), torch.tensor(SMALL.lambdas), []
    for _ in range(100):
        found = network(image, torch.tensor([0, 1]), generator=torch.Generator().manual_seed(0))
        loss, _, _ = training.rate_distortion(found, image, lambdas)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        losses.append(loss.detach())
    assert (losses[-1] < 0.5 * losses[0]).all()
    assert [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()] == []
    return freeze(network)


@pytest.mark.parametrize("rate", [0, 1])
@pytest.mark.slow
def test_annealing_lowers_the_cost_of_a_held_out_picture(learnt: CodecModel, rate: int) -> None:
    image_u8 = smooth_picture(7)
    plain, annealed = (
        encode(learnt, image_u8, rate),
        anneal(learnt, image_u8, rate, generator=torch.Generator().manual_seed(0), num_steps=60),
    )
    costs = [rate_distortion_cost(learnt, image_u8, coded, rate) for coded in (plain, annealed)]
    print(f"cost {costs[0]:.4f}, annealed {costs[1]:.4f}")
    assert costs[1] < 0.99 * costs[0]
    assert np.array_equal(decode(learnt, annealed.content), annealed.image_u8)
    again = anneal(learnt, image_u8, rate, generator=torch.Generator().manual_seed(0), num_steps=60)
    assert again.content == annealed.content


def test_annealing_that_does_not_help_is_left_out(learnt: CodecModel, monkeypatch: pytest.MonkeyPatch) -> None:
    image_u8 = smooth_picture(9)
    y, z = picture_latents(learnt, image_u8, 1)
    monkeypatch.setattr(annealing, "_descend", lambda *_: (torch.zeros_like(y), z))
    annealed = anneal(learnt, image_u8, 1, generator=torch.Generator(), num_steps=1)
    assert annealed.content == encode(learnt, image_u8, 1).content


def test_draws_lie_between_the_neighbours_and_mostly_near_the_nearer() -> None:
    values = torch.full((20_000,), -1.8, requires_grad=True)
    drawn = _draw(values, 0.05, torch.Generator().manual_seed(0))
    assert ((drawn >= -2) & (drawn <= -1)).all()
    assert ((drawn + 2).abs() < 0.01).float().mean() > 0.95
    odds = np.exp((np.arctanh(0.8) - np.arctanh(0.2)) / 0.5)
    warm = _draw(values, 0.5, torch.Generator().manual_seed(0))
    assert float((warm < -1.5).float().mean()) == pytest.approx(odds / (1 + odds), abs=0.01)
    warm.sum().backward()
    assert values.grad is not None
    assert values.grad.any()


def reconstruct(model: CodecModel, image_u8: np.ndarray, rate: int, counts: list[int]) -> np.ndarray:
    """Return the picture after hard rounding of its latents, without any bytes; note how many symbols are not 0, by pass."""
    y, z = picture_latents(model, image_u8, rate)

    def take(one: Pass) -> Tensor:
        symbols, _, _ = quantise(one, y, model.config.skip_scale)
        counts.append(int((symbols != 0).sum()))
        return symbols * one.steps + one.mean

    rates, network = torch.tensor([rate]), model.network
    latents = network.walk_slices(network.hyper_features(quantise_z(z), rates), network.steps(rates), take)
    pixels = network.render(latents, rates)[0, :, : image_u8.shape[0], : image_u8.shape[1]]
    return (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", [(37, 61), (1, 1), (64, 128), (130, 65)])
@pytest.mark.parametrize("rate", [0, 1])
def test_decoding_gives_the_models_own_rounding_bit_for_bit(model: CodecModel, size: tuple[int, int], rate: int) -> None:
    image_u8, counts = picture(1, *size, 3), []
    coded = encode(model, image_u8, rate)
    assert np.array_equal(decode(model, coded.content), coded.image_u8)
    assert np.array_equal(coded.image_u8, reconstruct(model, image_u8, rate, counts))
    assert coded.image_u8.shape == image_u8.shape
    assert len(counts) == 2 * len(SMALL.slices)
    assert min(counts) > 10 or rate == 0 or size[0] < 64  # else the round trip would say nothing


@pytest.mark.slow
def test_another_process_decodes_the_same(model: CodecModel, network: ImageCodec, tmp_path: Path) -> None:
    coded = encode(model, picture(3, 70, 90, 3), 1)
    save_codec(model, network, tmp_path / "model", {})
    (tmp_path / "stream").write_bytes(coded.content)
    script = (
        "import sys\nfrom pathlib import Path\nimport numpy as np, torch\ntorch.set_num_threads(2)\n"
        "from adcreative.papers.learned_codec.model import load_codec\n"
        "from adcreative.papers.learned_codec.stream import decode\n"
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


def test_a_stream_of_another_model_is_refused_by_name(model: CodecModel) -> None:
    other = freeze(build_small(1))
    content = encode(model, picture(0, 8, 8, 3), 0).content
    with pytest.raises(
        ArtifactError, match=f"coded with the model {model.model_id.hex()}, and this one is {other.model_id.hex()}"
    ):
        decode(other, content)


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


OPTIONS = TrainingOptions(steps=4, decay=2, batch=2, every=1, windows=3)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "faces").mkdir(parents=True)
    for name, level, size in (("a.png", 10, (500, 480)), ("faces/b.jpg", 120, (64, 64)), ("c.webp", 240, (200, 228))):
        Image.fromarray(np.full((*size, 3), level, np.uint8)).save(folder / name, quality=95)
    return folder


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"holds no picture \(\.png, \.jpg, \.jpeg, \.webp\); name a folder that does"):
        Crops(tmp_path, 2, np.random.default_rng(0))


def test_a_stopped_run_goes_on_from_its_checkpoint(pictures: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "run", []
    _, step = train(SMALL, pictures, out, replace(OPTIONS, minutes=0), say=said.append)
    assert (step, said) == (0, [])
    first, step = train(SMALL, pictures, out, replace(OPTIONS, steps=2), say=said.append)
    assert step == 2
    again, step = train(SMALL, pictures, out, replace(OPTIONS, steps=2), say=said.append)
    assert step == 2
    assert freeze(first).model_id == freeze(again).model_id
    further, step = train(SMALL, pictures, out, OPTIONS, say=said.append)
    assert step == 4
    assert freeze(further).model_id != freeze(first).model_id
    assert [line.split(":")[0] for line in said] == ["step 1", "step 2", "step 3", "step 4"]
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is of a codec of other sizes; train with those sizes"):
        train(replace(SMALL, hyper_channels=12), pictures, out, OPTIONS, say=said.append)


def test_the_command_writes_a_model_that_codes(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "CodecConfig", lambda: SMALL)
    out = tmp_path / "run"
    training.main([str(pictures), "--out", str(out), "--steps", "2", "--batch", "1", "--windows", "2"])
    assert f"model written: {out / 'weights'}" in capsys.readouterr().out
    model = load_codec(out / "weights")
    image_u8 = np.full((20, 30, 3), 77, np.uint8)
    assert decode(model, encode(model, image_u8, 1).content).shape == image_u8.shape


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"slices \(=\[4, 6\]\) and context_channels \(=64\) must be divisible by 4"):
        CodecConfig(slices=(4, 6))
    with pytest.raises(ConfigError, match="lambdas must be positive and ascending"):
        CodecConfig(lambdas=(0.1, 0.01))


def test_delta_rates() -> None:
    rates = np.array([0.1075, 0.1747, 0.2721, 0.4129, 0.5923, 0.8025])  # MLIC++ on Kodak, bits a pixel
    psnr = np.array([29.16, 30.71, 32.33, 34.17, 35.82, 37.32])
    assert bd_rate(rates, psnr, 0.9 * rates, psnr) == pytest.approx(-0.1, abs=1e-9)
    assert bd_rate(rates, psnr, rates[::-1], psnr[::-1]) == pytest.approx(0.0, abs=1e-12)
    straight = np.exp(0.2 * psnr)  # the same line, two decibels further up
    assert bd_rate(straight, psnr, np.exp(0.2 * (psnr + 2.0)), psnr + 2.0) == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(bd_rate(rates, psnr, rates, psnr + 100))
