"""Nearest labels of a vector among up to millions: exact up to 50,000, an inverted file (faiss) above; saved and loaded whole.

The index holds two vectors for a label, the encoder's and the tuned one; the score is the mean of both cosines, exact for
what the two searches find. No torch, no pickle: vectors are a safetensors file, label names JSON lines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.artifacts import MANIFEST, load_artifact, open_atomically, save_artifact
from adcreative.errors import ArtifactError, ConfigError

KIND, FORMAT = "label index", 1
EXACT_LABELS = 50_000
PROBES = 24
SHORTLIST = 100
NAMES_FILE = "labels.jsonl"
MAX_TRAINED = 100_000  # vectors that the cells of the inverted file are made from


class LabelIndex:
    """Labels with their vectors, ready to be searched.

    Args:
        names: [L]. encoded, tuned: [L, D] float32 unit vectors.
    """

    def __init__(self, names: list[str], encoded: np.ndarray, tuned: np.ndarray, *, exact_labels: int = EXACT_LABELS) -> None:
        if not len(names) == len(encoded) == len(tuned) or not names:
            raise ConfigError(f"{len(names)} labels came with {len(encoded)} and {len(tuned)} vectors; one each is needed")
        self.names, self.encoded, self.tuned = names, encoded.astype(np.float32), tuned.astype(np.float32)
        self._cells = [_build(vectors) for vectors in (self.encoded, self.tuned)] if len(names) > exact_labels else None

    def search(self, vectors: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
        """Return numbers [N, k] of the best labels, best first, and their scores (-1..1); k is at most the number of labels."""
        num = min(num, len(self.names))
        asked = vectors.astype(np.float32)
        if self._cells is None:
            scores = (asked @ self.encoded.T + asked @ self.tuned.T) / 2
            first = np.argpartition(-scores, num - 1, axis=1)[:, :num]
        else:
            found = [cells.search(asked, min(max(SHORTLIST, num), len(self.names)))[1] for cells in self._cells]
            first = np.concatenate(found, axis=1)
            scores = None
        numbers = np.full((len(asked), num), -1)
        values = np.full((len(asked), num), -1.0, np.float32)
        for row, candidates in enumerate(first):
            unique = np.unique(candidates[candidates >= 0])
            of_row = scores[row, unique] if scores is not None else (self.encoded[unique] + self.tuned[unique]) @ asked[row] / 2
            best = np.argsort(-of_row, kind="stable")[:num]
            numbers[row, : len(best)], values[row, : len(best)] = unique[best], of_row[best]
        return numbers, values

    def save(self, folder: Path) -> None:
        """Save the index into a folder of its own. Raises ArtifactError as `save_artifact`."""
        tensors = {"encoded": self.encoded, "tuned": self.tuned}
        save_artifact(folder, kind=KIND, format_version=FORMAT, tensors=tensors, notes={"num_labels": len(self.names)})
        with open_atomically(folder / NAMES_FILE, is_text=True) as file:
            file.writelines(json.dumps(name, ensure_ascii=False) + "\n" for name in self.names)

    @classmethod
    def load(cls, folder: Path) -> LabelIndex:
        """Load what `save` wrote.

        Raises:
            ArtifactError: it is damaged, or names and vectors do not fit.
        """
        artifact = load_artifact(folder, kind=KIND, formats=(FORMAT,))
        try:
            names = [json.loads(line) for line in (folder / NAMES_FILE).read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{folder / NAMES_FILE} cannot be read ({error}); make the index again") from error
        if len(names) != len(artifact.tensors["encoded"]):
            raise ArtifactError(
                f"{folder} has {len(names)} names for {len(artifact.tensors['encoded'])} vectors; make it again"
            )
        return cls(names, artifact.tensors["encoded"], artifact.tensors["tuned"])


def index_files(folder: Path) -> tuple[Path, Path]:
    """Return the files that `LabelIndex.save` writes under names of their own; the vectors' name is their hash."""
    return folder / MANIFEST, folder / NAMES_FILE


def _build(vectors: np.ndarray) -> Any:
    """Return an inverted file over unit vectors, by inner product.

    Raises:
        ConfigError: faiss is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise ConfigError(f'{len(vectors):,} labels need faiss: pip install "adcreative[delivery]"') from error
    num, dim = vectors.shape
    num_cells = int(min(4 * np.sqrt(num), num // 40))
    cells = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, num_cells, faiss.METRIC_INNER_PRODUCT)
    cells.cp.niter = 8
    cells.cp.seed = 1
    step = max(1, num // MAX_TRAINED)
    cells.train(np.ascontiguousarray(vectors[::step]))
    cells.add(vectors)
    cells.nprobe = PROBES
    return cells
