from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan.errors import ShapeError
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.generator import Generator, GeneratorConfig, SynthesisNetwork
from tests.bench.plain_synthesis import plain_synthesis


def test_row_numbers_match_their_consumers(tiny_face_model: FaceModel) -> None:
    """Changing row r must change no feature below its consumer: the last row touches the last ToRGB only."""
    synthesis = tiny_face_model.generator.synthesis
    w_plus = torch.randn(1, 8, 16, generator=torch.Generator().manual_seed(1))
    seen: list[torch.Tensor] = []
    hooks = [conv.register_forward_hook(lambda *a: seen.append(a[2].clone())) for conv in synthesis.convs]
    try:
        synthesis(w_plus)
        before = list(seen)
        for row in range(8):
            seen.clear()
            moved = w_plus.clone()
            moved[:, row] += 1.0
            synthesis(moved)
            changed = [not torch.equal(a, b) for a, b in zip(before, seen, strict=True)]
            first = changed.index(True) if True in changed else len(changed)
            assert first == row, f"row {row} first changes convolution {first}"
    finally:
        for hook in hooks:
            hook.remove()


def test_channel_defaults_are_config_f() -> None:
    config = GeneratorConfig(size=1024)
    assert (config.channels[4], config.channels[128], config.channels[1024], config.num_rows) == (512, 256, 32, 18)


def test_stylegan2_1024_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        generator = Generator(GeneratorConfig(size=1024))
    assert sum(p.numel() for p in generator.parameters()) == 30_370_060  # rosinality and NVlabs alike


@settings(max_examples=10, deadline=None)
@given(truncation=st.floats(0, 1))
def test_truncation_moves_between_mean_and_sample(truncation: float) -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(size=8, z_dim=4, w_dim=4, num_mapping_layers=2, channels={4: 4, 8: 4}))
    generator.mapping.w_avg.fill_(0.5)
    z = torch.randn(2, 4)
    full = generator.map(z)
    torch.testing.assert_close(generator.map(z, truncation=truncation), 0.5 + truncation * (full - 0.5))


def test_constant_noise_reaches_the_picture(tiny_face_model: FaceModel) -> None:
    import copy

    synthesis = copy.deepcopy(tiny_face_model.generator.synthesis)
    w_plus = torch.zeros(1, 8, 16)
    plain = synthesis(w_plus)
    synthesis.convs[2].noise_const.normal_()
    assert torch.equal(synthesis(w_plus), plain)  # strength zero
    synthesis.convs[2].noise_strength.data.fill_(0.5)
    assert not torch.allclose(synthesis(w_plus), plain)


def test_gradients_equal_those_of_the_published_formula() -> None:
    torch.manual_seed(2)
    synthesis = SynthesisNetwork(GeneratorConfig(size=16, w_dim=6, channels={4: 5, 8: 4, 16: 3})).double()
    for conv in synthesis.convs:
        torch.nn.init.normal_(conv.noise_const)
        torch.nn.init.normal_(conv.noise_strength)
    w_plus = torch.randn(2, 6, 6, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    inputs = [w_plus, *synthesis.parameters()]
    found = torch.autograd.grad((synthesis(w_plus) * target).sum(), inputs)
    expected = torch.autograd.grad((plain_synthesis(synthesis, w_plus) * target).sum(), inputs)
    names = ["w_plus", *dict(synthesis.named_parameters())]
    for name, ours, theirs in zip(names, found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}")  # type: ignore[misc]


def test_wrong_shapes_are_named(tiny_face_model: FaceModel) -> None:
    with pytest.raises(ShapeError, match=r"w_plus \[B, 8, 16\], got \[1, 7, 16\]"):
        tiny_face_model.generator.synthesize(torch.zeros(1, 7, 16))
    with pytest.raises(ShapeError, match=r"expected z \[B, 12\]"):
        tiny_face_model.generator.map(torch.zeros(1, 5))
    with pytest.raises(ShapeError, match="power of two"):
        GeneratorConfig(size=48)
    with pytest.raises(ShapeError, match="channels must name"):
        GeneratorConfig(size=8, channels={4: 2})
    with pytest.raises(ShapeError, match="mapping_rows must be 1 or 4"):
        Generator(GeneratorConfig(size=8, mapping_rows=3))
    with pytest.raises(ShapeError, match="aligned faces"):
        tiny_face_model.encoder.encode(torch.zeros(1, 3, 16, 16))
