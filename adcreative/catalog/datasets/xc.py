"""The data format of the extreme classification repository: sparse features and labels of many points in one text file. No
torch.

    N V L                              points, features, labels
    3,17,90 0:0.5 12:1.25 ...          labels of a point (none: the line starts with a space), then feature:value

Source: Bhatia et al., The Extreme Classification Repository, 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from adcreative.catalog.tables import atomic_file
from adcreative.errors import CatalogError


def read_xc(path: Path) -> tuple[csr_matrix, csr_matrix]:
    """Return features [N, V] and labels [N, L] (0 or 1).

    Raises:
        CatalogError: the file is missing, or a line is no such line; the message names it.
    """
    features: tuple[list[int], list[int], list[float]] = ([], [], [])
    labels: tuple[list[int], list[int]] = ([], [])
    number = 0
    try:
        with Path(path).open(encoding="utf-8") as lines:
            sizes = [int(word) for word in lines.readline().split()]
            if len(sizes) != 3 or min(sizes) < 0:
                raise CatalogError(f"{path} must start with three numbers: points, features, labels")
            for number, line in enumerate(lines, 1):
                head, _, rest = line.rstrip("\n").partition(" ")
                if ":" in head:
                    head, rest = "", f"{head} {rest}"
                for label in head.split(",") if head else ():
                    labels[0].append(number - 1)
                    labels[1].append(int(label))
                for entry in rest.split():
                    column, value = entry.split(":")
                    features[0].append(number - 1)
                    features[1].append(int(column))
                    features[2].append(float(value))
        if number != sizes[0]:
            raise CatalogError(f"{path} says {sizes[0]} points and has {number}")
        x = csr_matrix((features[2], features[:2]), shape=(sizes[0], sizes[1]))
        y = csr_matrix((np.ones(len(labels[0])), labels), shape=(sizes[0], sizes[2]))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path} cannot be read ({error})") from error
    except ValueError as error:
        if isinstance(error, CatalogError):
            raise
        raise CatalogError(
            f"{path} line {number + 1}: labels, then feature:value pairs, within the sizes it states ({error})"
        ) from error
    y.data[:] = 1.0  # a label that a line names twice
    return x, y


def write_xc(path: Path, features: csr_matrix, labels: csr_matrix) -> None:
    """Write features [N, V] and labels [N, L] as `read_xc` reads them; all of it or nothing."""
    with atomic_file(path) as file:
        file.write(f"{features.shape[0]} {features.shape[1]} {labels.shape[1]}\n")
        for point in range(features.shape[0]):
            of_point = labels.indices[labels.indptr[point] : labels.indptr[point + 1]]
            cells = slice(features.indptr[point], features.indptr[point + 1])
            pairs = zip(features.indices[cells], features.data[cells], strict=True)
            values = " ".join(f"{column}:{float(value)!r}" for column, value in pairs)
            file.write(f"{','.join(map(str, sorted(of_point)))} {values}\n")
