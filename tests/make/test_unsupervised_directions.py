"""SeFa and GANSpace against planted spectra; which layer a W+ row drives, seen from outside."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from data.make.unsupervised_directions import ganspace, pca_directions, row_layers, sefa, sefa_directions
from stylegan.errors import DirectionError, ShapeError
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.generator import Generator, GeneratorConfig


def test_sefa_finds_the_direction_that_changes_most() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    weight = rng.normal(size=(400, 8)) * np.array([5.0, 2.0, 1, 1, 1, 1, 1, 1]) @ basis.T
    found = sefa_directions(weight, num_directions=2)
    assert abs(found[0] @ basis[:, 0]) > 0.95
    assert abs(found[1] @ basis[:, 1]) > 0.9
    assert all(row[np.abs(row).argmax()] > 0 for row in found)


def test_rows_name_the_layers_that_they_drive(tiny_face_model: FaceModel) -> None:
    """Every modulation layer is watched while rows of known value pass through."""
    synthesis = tiny_face_model.generator.synthesis
    num_rows = synthesis.config.num_rows
    driven: dict[int, list[nn.Module]] = {row: [] for row in range(num_rows)}
    affines = [layer.affine for layer in (*synthesis.convs, *synthesis.to_rgbs)]
    hooks = [a.register_forward_hook(lambda layer, args, _: driven[round(args[0][0, 0].item())].append(layer)) for a in affines]
    with torch.no_grad():
        synthesis(torch.arange(num_rows, dtype=torch.float32)[None, :, None].expand(1, -1, synthesis.config.w_dim))
    for hook in hooks:
        hook.remove()
    assert {row: set(map(id, layers)) for row, layers in driven.items()} == {
        row: set(map(id, row_layers(synthesis, row))) for row in range(num_rows)
    }
    with pytest.raises(DirectionError, match="rows 0 to 7, got 8"):
        row_layers(synthesis, 8)


def test_sefa_of_rows_uses_their_layers_alone(tiny_face_model: FaceModel) -> None:
    generator = tiny_face_model.generator
    weights = [layer.weight.numpy() for layer in row_layers(generator.synthesis, 1)]
    found = sefa(generator, [1], num_directions=3)
    np.testing.assert_array_equal(found, sefa_directions(np.concatenate(weights), num_directions=3))
    assert not np.allclose(found, sefa(generator, [5], num_directions=3))


def test_components_are_sorted_signed_and_one_deviation_long() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    latents = torch.as_tensor(rng.normal(size=(5000, 6)) * [9.0, 4.0, 1, 1, 1, 1] @ basis.T + 3.0, dtype=torch.float32)
    found = pca_directions(latents, num_directions=2)
    assert np.linalg.norm(found, axis=1) == pytest.approx([9.0, 4.0], rel=0.03)
    assert abs(found[0] / 9.0 @ basis[:, 0]) > 0.99
    assert all(row[np.abs(row).argmax()] > 0 for row in found)
    with pytest.raises(ShapeError, match="7 components"):
        pca_directions(latents, num_directions=7)


def test_ganspace_gives_whole_latents_of_either_mapping(tiny_face_model: FaceModel) -> None:
    by_rows = ganspace(tiny_face_model.generator, num_directions=2, num_samples=300)
    assert by_rows.shape == (2, 8, 16)
    assert not np.allclose(by_rows[0, 0], by_rows[0, 1])
    torch.manual_seed(0)
    single = Generator(GeneratorConfig(size=16, z_dim=8, w_dim=8, num_mapping_layers=2, channels={4: 8, 8: 8, 16: 8}))
    one_w = ganspace(single, num_directions=2, num_samples=300)
    assert one_w.shape == (2, 6, 8)
    np.testing.assert_array_equal(one_w[:, 0], one_w[:, 5])
    np.testing.assert_array_equal(one_w, ganspace(single, num_directions=2, num_samples=300))
