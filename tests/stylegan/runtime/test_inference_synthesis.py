"""Rendering without gradients equals the published formula, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stylegan.errors import ShapeError
from stylegan.networks.generator import GeneratorConfig, SynthesisNetwork
from stylegan.runtime import inference_synthesis
from stylegan.runtime.inference_synthesis import InferenceSynthesis
from tests.bench.plain_synthesis import plain_synthesis

CHANNELS = {4: 24, 8: 24, 16: 256, 32: 7, 64: 17, 128: 13, 256: 6}


def build_synthesis(size: int, conv_clamp: float | None = None) -> SynthesisNetwork:
    """A network with noise, biases and an odd number of channels; 256 of them at 16 px."""
    torch.manual_seed(4)
    channels = {r: c for r, c in CHANNELS.items() if r <= size}
    synthesis = SynthesisNetwork(GeneratorConfig(size=size, w_dim=20, conv_clamp=conv_clamp, channels=channels))
    synthesis.eval().requires_grad_(False)
    for name, tensor in [*synthesis.named_parameters(), *synthesis.named_buffers()]:
        if "noise" in name or (name.endswith("bias") and "affine" not in name):
            tensor.normal_().mul_(0.3)
    return synthesis


def draw_w_plus(synthesis: SynthesisNetwork, batch: int) -> Tensor:
    return torch.randn(batch, synthesis.config.num_rows, 20, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def large() -> SynthesisNetwork:
    return build_synthesis(256)


@pytest.fixture
def small() -> SynthesisNetwork:
    return build_synthesis(32)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("band_elements", [256 * 6 * 100, inference_synthesis.BAND_ELEMENTS])
def test_equals_the_published_formula_at_256(
    batch: int, band_elements: int, large: SynthesisNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        inference_synthesis, "BAND_ELEMENTS", band_elements
    )  # bands of 100, 100 and 56 rows, then the whole picture
    w_plus = draw_w_plus(large, batch)
    expected = plain_synthesis(large, w_plus)
    assert expected.std() > 0.3
    torch.testing.assert_close(InferenceSynthesis(large)(w_plus), expected, atol=1e-4, rtol=0)


def test_clamp_is_kept() -> None:
    synthesis = build_synthesis(32, conv_clamp=0.4)
    w_plus = draw_w_plus(synthesis, 2)
    expected = plain_synthesis(synthesis, w_plus)
    assert not torch.allclose(expected, plain_synthesis(build_synthesis(32), w_plus), atol=0.1)
    torch.testing.assert_close(InferenceSynthesis(synthesis)(w_plus), expected, atol=1e-4, rtol=0)


def test_bfloat16_stays_near(large: SynthesisNetwork) -> None:
    w_plus = draw_w_plus(large, 2)
    expected = plain_synthesis(large, w_plus)
    found = InferenceSynthesis(large, torch.bfloat16)(w_plus)
    assert found.dtype == torch.float32
    relative = (found - expected).abs().mean() / expected.std()
    assert 1e-4 < relative < 0.02  # rounded, and not more than rounded


@pytest.mark.parametrize("change", ["step", "buffer", "load", "replace"])
def test_changed_weights_are_noticed(change: str, small: SynthesisNetwork) -> None:
    w_plus = draw_w_plus(small, 1)
    render = InferenceSynthesis(small)
    before = render(w_plus)
    if change == "step":
        small.convs[1].weight.requires_grad_()
        optimizer = torch.optim.SGD([small.convs[1].weight], lr=0.1)
        small(w_plus).square().mean().backward()
        optimizer.step()
    elif change == "buffer":
        small.convs[2].noise_const.add_(1.0)
    elif change == "load":
        small.load_state_dict({name: tensor * 1.1 for name, tensor in small.state_dict().items()})
    else:
        small.const = torch.nn.Parameter(small.const * 1.1)
    after = render(w_plus)
    assert (after - before).abs().max() > 1e-3
    with torch.no_grad():
        torch.testing.assert_close(after, plain_synthesis(small, w_plus), atol=1e-4, rtol=0)


def test_unchanged_weights_are_prepared_once(small: SynthesisNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    render = InferenceSynthesis(small)
    monkeypatch.setattr(render, "_prepare", lambda: pytest.fail("prepared again"))
    render(draw_w_plus(small, 1))


def test_makes_no_graph_and_ignores_autocast(small: SynthesisNetwork) -> None:
    small.requires_grad_(True)
    w_plus = draw_w_plus(small, 1).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = InferenceSynthesis(small)(w_plus)
    assert not found.requires_grad
    torch.testing.assert_close(found, plain_synthesis(small, w_plus).detach(), atol=1e-4, rtol=0)


def test_inputs_are_left_alone(small: SynthesisNetwork) -> None:
    w_plus = draw_w_plus(small, 2)
    state, given = {name: tensor.clone() for name, tensor in small.state_dict().items()}, w_plus.clone()
    render = InferenceSynthesis(small)
    assert torch.equal(render(w_plus), render(w_plus))
    assert torch.equal(w_plus, given)
    assert all(torch.equal(state[name], tensor) for name, tensor in small.state_dict().items())


def test_an_empty_batch_and_wrong_shapes(small: SynthesisNetwork) -> None:
    render = InferenceSynthesis(small)
    assert render(torch.zeros(0, 8, 20)).shape == (0, 3, 32, 32)
    with pytest.raises(ShapeError, match=r"w_plus \[B, 8, 20\], got \[1, 7, 20\]"):
        render(torch.zeros(1, 7, 20))


@pytest.mark.parametrize("size", [4, 32, 64, 128, 256])
def test_a_smaller_size_is_the_network_stopped_there(size: int, large: SynthesisNetwork) -> None:
    w_plus = draw_w_plus(large, 2)
    found = InferenceSynthesis(large)(w_plus, size=size)
    assert list(found.shape) == [2, 3, size, size]
    torch.testing.assert_close(found, large(w_plus, size=size), atol=1e-4, rtol=0)


def test_a_size_that_is_not_on_the_way_is_refused(small: SynthesisNetwork) -> None:
    for render in (InferenceSynthesis(small), small):
        with pytest.raises(ShapeError, match=r"a 32 px generator makes pictures of \[4, 8, 16, 32\] px, 64 px was asked for"):
            render(draw_w_plus(small, 1), size=64)
