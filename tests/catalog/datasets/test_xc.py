"""The extreme classification format: read, written, and refused with the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import random as random_sparse

from adcreative.catalog.datasets.xc import read_xc, write_xc
from adcreative.errors import CatalogError


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    features = random_sparse(30, 50, 0.1, "csr", random_state=0)
    labels = (random_sparse(30, 12, 0.1, "csr", random_state=1) > 0).astype(float).tocsr()
    write_xc(tmp_path / "train.txt", features, labels)
    x, y = read_xc(tmp_path / "train.txt")
    assert np.array_equal(x.toarray(), features.toarray())
    assert np.array_equal(y.toarray(), labels.toarray())


def test_points_without_labels_and_without_features(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("3 4 5\n0,4 1:0.5\n 2:1\n3\n")
    x, y = read_xc(tmp_path / "train.txt")
    assert y.toarray().sum(axis=1).tolist() == [2, 0, 1]
    assert x.toarray().sum(axis=1).tolist() == [0.5, 1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("3 4\n", "must start with three numbers"),
        ("2 4 5\n0 1:1\n", "says 2 points and has 1"),
        ("1 4 5\n9 1:1\n", "within the sizes it states"),
        ("1 4 5\n0 1:x\n", "line 2"),
    ],
)
def test_wrong_files_are_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(content)
    with pytest.raises(CatalogError, match=message):
        read_xc(tmp_path / "train.txt")
    with pytest.raises(CatalogError, match="cannot be read"):
        read_xc(tmp_path / "none.txt")
