"""Nearest labels of a vector among up to millions: exact up to 50,000, an inverted file (faiss) above; saved and loaded whole.

A label's vector is the mean of the encoder's and the tuned one, so that an inner product is the mean of both cosines. No torch,
no pickle: vectors are a safetensors file, label names JSON lines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adcreative.artifacts import MANIFEST, load_artifact, open_atomically, save_artifact
from adcreative.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from faiss import IndexIVFFlat

KIND, FORMAT = "label index", 2
EXACT_LABELS = 50_000
PROBES = 24
NAMES_FILE = "labels.jsonl"
MAX_TRAINED = 100_000  # vectors used to train the cells of the inverted file


class LabelIndex:
    """Searchable labels with their vectors.

    Args:
        names: [L]. vectors: [L, D] float32, at most of length 1.
    """

    def __init__(self, names: list[str], vectors: np.ndarray, *, exact_labels: int = EXACT_LABELS) -> None:
        if len(names) != len(vectors) or not names:
            raise ConfigError(f"{len(names)} labels came with {len(vectors)} vectors; one each is needed")
        self.names, self.vectors = names, np.ascontiguousarray(vectors, np.float32)
        self._cells = _build(self.vectors) if len(names) > exact_labels else None

    def search(self, vectors: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
        """Return numbers [N, k] of the best labels, best first, and scores (-1..1); -1 where cells hold fewer than k."""
        num, asked = min(num, len(self.names)), np.ascontiguousarray(vectors, np.float32)
        if self._cells is not None:
            values, numbers = self._cells.search(asked, num)
            return numbers, values
        scores = asked @ self.vectors.T
        numbers = np.argpartition(-scores, num - 1, axis=1)[:, :num]
        values = np.take_along_axis(scores, numbers, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(values, order, axis=1)

    def save(self, folder: Path) -> None:
        """Save the index into a folder of its own. Raises ArtifactError as `save_artifact`."""
        notes = {"num_labels": len(self.names)}
        save_artifact(folder, kind=KIND, format_version=FORMAT, tensors={"vectors": self.vectors}, notes=notes)
        with open_atomically(folder / NAMES_FILE, is_text=True) as file:
            file.writelines(json.dumps(name, ensure_ascii=False) + "\n" for name in self.names)

    @classmethod
    def load(cls, folder: Path) -> LabelIndex:
        """Load an index written by `save`, of format 1 too.

        Raises:
            ArtifactError: it is damaged, or names and vectors do not fit.
        """
        tensors = load_artifact(folder, kind=KIND, formats=(1, FORMAT)).tensors
        vectors = tensors["vectors"] if "vectors" in tensors else (tensors["encoded"] + tensors["tuned"]) / 2
        try:
            names = [json.loads(line) for line in (folder / NAMES_FILE).read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{folder / NAMES_FILE} cannot be read ({error}); make the index again") from error
        if len(names) != len(vectors):
            raise ArtifactError(f"{folder} has {len(names)} names for {len(vectors)} vectors; make it again")
        return cls(names, vectors)


def index_files(folder: Path) -> tuple[Path, Path]:
    """Return the files that `LabelIndex.save` writes; the vectors' file is named by their hash."""
    return folder / MANIFEST, folder / NAMES_FILE


def _build(vectors: np.ndarray) -> IndexIVFFlat:
    """Return an inverted file by inner product.

    Raises:
        ConfigError: faiss is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise ConfigError(f'{len(vectors):,} labels need faiss: pip install "adcreative[delivery]"') from error
    num, dim = vectors.shape
    cells = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, int(min(4 * np.sqrt(num), num // 40)), faiss.METRIC_INNER_PRODUCT)
    cells.cp.niter, cells.cp.seed = 8, 1
    cells.train(np.ascontiguousarray(vectors[:: max(1, num // MAX_TRAINED)]))
    cells.add(vectors)
    cells.nprobe = PROBES
    return cells
