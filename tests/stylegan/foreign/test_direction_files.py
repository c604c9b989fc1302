from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stylegan.errors import CheckpointError, DirectionError
from stylegan.foreign.direction_files import read_direction_file

W_DIM, ROWS = 8, 4


def ganspace_file(path: Path) -> dict[str, torch.Tensor]:
    components = torch.linalg.qr(torch.randn(W_DIM, W_DIM, generator=torch.Generator().manual_seed(0)))[0][:3]
    content = {"comp": components[:, None], "mean": torch.arange(8.0)[None], "std": torch.tensor([3.0, 2.0, 0.5])}
    torch.save(content, path)
    return content


def test_a_boundary_for_one_w_moves_every_row_alike(tmp_path: Path) -> None:
    boundary = torch.randn(1, W_DIM)
    torch.save(boundary, tmp_path / "age.pt")
    directions = read_direction_file(tmp_path / "age.pt", num_rows=ROWS)
    w_plus = np.zeros((1, ROWS, W_DIM), dtype=np.float32)
    moved = (w_plus.reshape(1, -1) + 2 * directions.vectors).reshape(w_plus.shape)
    np.testing.assert_allclose(moved, w_plus + 2 * boundary.numpy())
    assert directions.names == ("age",)
    assert directions.unit.startswith("unit length per row")
    digest = hashlib.sha256((tmp_path / "age.pt").read_bytes()).hexdigest()
    assert directions.provenance == {"format": "interfacegan", "file": "age.pt", "sha256": digest}


def test_a_boundary_for_w_plus_keeps_its_rows(tmp_path: Path) -> None:
    boundary = torch.randn(1, ROWS, W_DIM)
    torch.save(boundary, tmp_path / "pose.pt")
    vectors = read_direction_file(tmp_path / "pose.pt", num_rows=ROWS).vectors
    assert np.array_equal(vectors.reshape(1, ROWS, W_DIM), boundary.numpy())


def test_ganspace_components_are_one_deviation_long_on_every_row(tmp_path: Path) -> None:
    content = ganspace_file(tmp_path / "ffhq_pca.pt")
    directions = read_direction_file(tmp_path / "ffhq_pca.pt", num_rows=ROWS)
    assert directions.names == ("ffhq_pca_0", "ffhq_pca_1", "ffhq_pca_2")
    assert directions.unit.startswith("standard deviation")
    expected = content["comp"][1, 0] * content["std"][1]
    np.testing.assert_allclose(directions.vectors[1].reshape(ROWS, W_DIM), expected.expand(ROWS, -1), rtol=1e-6)


class Planted:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def test_planted_code_never_runs(tmp_path: Path) -> None:
    torch.save({"comp": Planted(tmp_path / "it-ran")}, tmp_path / "age.pt")
    with pytest.raises(CheckpointError, match="damaged or asks to run code"):
        read_direction_file(tmp_path / "age.pt")
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(2, W_DIM), r"has shape \[2, 8\], expected a boundary"),
        (torch.ones(1, 3, W_DIM), r"expected a boundary \[1, w_dim\] or \[1, 4, w_dim\]"),
        (torch.full((1, W_DIM), float("nan")), "the boundary is not a tensor of finite numbers"),
        ({"comp": torch.ones(3, 1, 8), "mean": torch.ones(1, 8), "std": torch.ones(2)}, "do not fit"),
        ({"comp": 3, "mean": torch.ones(1, 8), "std": torch.ones(2)}, "comp is not a tensor"),
        ({"g_ema": {}}, "holds g_ema, expected a boundary"),
        ([1], "holds list, expected a boundary"),
    ],
)
def test_other_content(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "d.pt")
    with pytest.raises(CheckpointError, match=message):
        read_direction_file(tmp_path / "d.pt", num_rows=ROWS)


def test_missing_file_and_pointer(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no direction file"):
        read_direction_file(tmp_path / "age.pt")
    (tmp_path / "age.pt").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CheckpointError, match="Git LFS pointer"):
        read_direction_file(tmp_path / "age.pt")


def test_a_foreign_direction_edits_like_any_other(tmp_path: Path) -> None:
    torch.save(torch.ones(1, 4), tmp_path / "smile.pt")
    directions = read_direction_file(tmp_path / "smile.pt", num_rows=2).as_set(reach=2.0)
    edited = directions.apply(np.zeros((1, 8), np.float32), np.array([[1.5]]))
    np.testing.assert_allclose(edited, 1.5)
    with pytest.raises(DirectionError, match='"smile" is outside its safe range'):
        directions.apply(np.zeros((1, 8), np.float32), np.array([[2.5]]))
