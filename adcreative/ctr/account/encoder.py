"""Fitted encoding of an account's ads: blocks of numbers whose inner products measure the similarity of two ads.

Words: TF-IDF of word 1-2-grams and of character 2-5-grams inside words, which need no knowledge of the language. Columns: one
block each, one column a value. Dense blocks: centred, and scaled so that an ad's squared length is 1 on average. No step
uses results. All state is lists of text and arrays, so a model can be saved without pickle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from adcreative.ctr.account.table import AccountTable, Ads

NGRAMS: Mapping[str, Mapping[str, Any]] = {
    "words": {"ngram_range": (1, 2), "min_df": 2, "sublinear_tf": True},
    "characters": {
        "analyzer": "char_wb",
        "ngram_range": (2, 5),
        "min_df": 3,
        "sublinear_tf": True,
        "max_features": 20_000,
    },
}
MAX_COLUMN_VALUES = 5_000
NUM_COMPONENTS, NUM_DENSE_COMPONENTS = 40, 16
WIDE = 32
CLIP = 4.0


@dataclass(frozen=True, eq=False)
class Encoded:
    """N ads as blocks: sparse [N, D] float32 of words and columns, dense [N, D] float32, and condensed [N, Z] for trees.

    mass: block -> [N] float64, squared length of the ad if all its values were known: 0 where the ad has none. ads:
    the same ads for networks, which have their own encoding; None where only blocks are needed.
    """

    sparse: Mapping[str, sparse.csr_matrix]
    dense: Mapping[str, np.ndarray]
    mass: Mapping[str, np.ndarray]
    condensed: np.ndarray
    ads: Ads | None = None

    def rows(self, idx: np.ndarray) -> Encoded:
        """Return the ads `idx`, in that order."""
        return Encoded(
            {name: block[idx] for name, block in self.sparse.items()},
            {name: block[idx] for name, block in self.dense.items()},
            {name: mass[idx] for name, mass in self.mass.items()},
            self.condensed[idx],
            None if self.ads is None else self.ads.rows(idx),
        )

    def without(self, block: str) -> Encoded:
        """Return the same ads without a block of columns; `condensed` is left as it is."""
        kept = {name: rows for name, rows in self.sparse.items() if name != block}
        mass = {name: mass for name, mass in self.mass.items() if name != block}
        return replace(self, sparse=kept, mass=mass)

    def __len__(self) -> int:
        return len(self.condensed)


@dataclass(frozen=True, eq=False)
class AccountEncoder:
    """Vocabularies and scales of one account.

    vocabularies: block ("words", "characters" or a column) -> terms or values, in the order of the block's columns. idf:
    n-gram block -> weight of each term. centres, scales: dense block -> mean [D] and a divisor. components: part of the
    condensed input ("sparse" or a wide dense block) -> [Z, D].
    """

    vocabularies: Mapping[str, Sequence[str]]
    idf: Mapping[str, np.ndarray]
    centres: Mapping[str, np.ndarray]
    scales: Mapping[str, float]
    components: Mapping[str, np.ndarray]

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        return {name: {value: place for place, value in enumerate(values)} for name, values in self.vocabularies.items()}

    @cached_property
    def _vectorizers(self) -> dict[str, TfidfVectorizer]:
        return {name: self._vectorizer(name) for name in self.idf}

    @classmethod
    def fit(cls, table: AccountTable, *, seed: int) -> AccountEncoder:
        """Fit vocabularies and scales to all ads of a table; `seed` sets the start of the truncated SVD."""
        vocabularies: dict[str, Sequence[str]] = {}
        idf = {}
        for name, settings in NGRAMS.items():
            vectorizer = TfidfVectorizer(dtype=np.float32, **settings)
            try:
                vectorizer.fit(table.texts)
            except ValueError:  # no term is frequent enough
                continue
            vocabularies[name] = vectorizer.get_feature_names_out().tolist()
            idf[name] = np.asarray(vectorizer.idf_, np.float32)
        for name, values in table.columns.items():
            counts = Counter(value for of_ad in values for value in of_ad)
            vocabularies[name] = sorted(value for value, _ in counts.most_common(MAX_COLUMN_VALUES))
        centres, scales = {}, {}
        for name, rows in table.dense.items():
            seen = rows[np.isfinite(rows).all(axis=1)].astype(np.float64)
            centre = seen.mean(axis=0)
            if rows.shape[1] <= WIDE:  # measures with their own units
                spread = np.maximum(seen.std(axis=0), 1e-6)
                centres[name], scales[name] = np.stack([centre, spread]).astype(np.float32), float(np.sqrt(rows.shape[1]))
            else:
                scale = float(np.sqrt(np.square(seen - centre).sum(axis=1).mean()))
                centres[name], scales[name] = centre.astype(np.float32)[None], max(scale, 1e-6)
        bare = cls(vocabularies, idf, centres, scales, {})
        return cls(vocabularies, idf, centres, scales, bare._fit_components(table, seed))

    def encode(self, table: AccountTable) -> Encoded:
        """Encode the ads of a table; values and terms unknown to the fit count as unknown."""
        blocks: dict[str, sparse.csr_matrix] = {}
        mass: dict[str, np.ndarray] = {}
        has_text = np.array([bool(text.strip()) for text in table.texts], np.float64)
        for name, vectorizer in self._vectorizers.items():
            blocks[name], mass[name] = vectorizer.transform(table.texts).tocsr(), has_text
        for name in self.column_names:
            values = table.columns.get(name, [()] * len(table))
            blocks[name] = self._encode_column(name, values)
            mass[name] = np.array([1.0 if of_ad else 0.0 for of_ad in values])
        dense = {}
        for name in self.centres:
            dense[name] = self._scale(name, table.dense.get(name), len(table))
            mass[name] = np.square(dense[name], dtype=np.float64).sum(axis=1)
        return Encoded(blocks, dense, mass, self._condense(blocks, dense, len(table)), table.ads)

    @property
    def column_names(self) -> list[str]:
        """Categorical columns, in order."""
        return [name for name in self.vocabularies if name not in self.idf]

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the input of `from_state`: plain notes and arrays."""
        notes = {"vocabularies": {n: list(v) for n, v in self.vocabularies.items()}, "scales": dict(self.scales)}
        notes["order"] = {"vocabularies": list(self.vocabularies), "dense": list(self.centres), "parts": list(self.components)}
        tensors = {f"idf.{name}": values for name, values in self.idf.items()}
        tensors |= {f"centre.{name}": values for name, values in self.centres.items()}
        return notes, tensors | {f"components.{name}": values for name, values in self.components.items()}

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> AccountEncoder:
        """Rebuild an encoder from its `state`; encodes bit-equally."""
        order = notes["order"]
        vocabularies = {name: notes["vocabularies"][name] for name in order["vocabularies"]}
        return cls(
            vocabularies,
            {name: tensors[f"idf.{name}"] for name in NGRAMS if f"idf.{name}" in tensors},
            {name: tensors[f"centre.{name}"] for name in order["dense"]},
            {name: float(notes["scales"][name]) for name in order["dense"]},
            {name: tensors[f"components.{name}"] for name in order["parts"]},
        )

    def _vectorizer(self, name: str) -> TfidfVectorizer:
        settings = {key: value for key, value in NGRAMS[name].items() if key not in ("min_df", "max_features")}
        vectorizer = TfidfVectorizer(dtype=np.float32, vocabulary=self._places[name], **settings)
        vectorizer.idf_ = self.idf[name]
        return vectorizer

    def _encode_column(self, name: str, values: Sequence[tuple[str, ...]]) -> sparse.csr_matrix:
        """Return [N, V]: 1 at the value of a column; k values of one ad count 1/sqrt(k) each."""
        places = self._places[name]
        pairs = [
            (row, places[value], len(of_ad) ** -0.5) for row, of_ad in enumerate(values) for value in of_ad if value in places
        ]
        rows, found, weights = (np.array(part) for part in zip(*pairs, strict=True)) if pairs else ([], [], [])
        shape = (len(values), len(places))
        return sparse.csr_matrix((np.asarray(weights, np.float32), (rows, found)), shape=shape)

    def _scale(self, name: str, values: np.ndarray | None, num_rows: int) -> np.ndarray:
        centre, *spread = self.centres[name]
        scaled = np.zeros((num_rows, len(centre)), np.float32)
        if values is not None:
            is_there = np.isfinite(values).all(axis=1)
            moved = values[is_there] - centre
            moved = np.clip(moved / spread[0], -CLIP, CLIP) if spread else moved
            scaled[is_there] = moved / np.float32(self.scales[name])
        return scaled

    def _condense(self, blocks: Mapping[str, sparse.csr_matrix], dense: Mapping[str, np.ndarray], num_rows: int) -> np.ndarray:
        parts = [np.zeros((num_rows, 0), np.float32)]
        if "sparse" in self.components:
            parts.append(np.asarray(sparse.hstack(list(blocks.values())).tocsr() @ self.components["sparse"].T, np.float32))
        for name, values in dense.items():
            parts.append(values @ self.components[name].T if name in self.components else values)
        return np.concatenate(parts, axis=1)

    def _fit_components(self, table: AccountTable, seed: int) -> dict[str, np.ndarray]:
        encoded = self.encode(table)
        components = {}
        wide = {name: rows for name, rows in encoded.dense.items() if rows.shape[1] > WIDE}
        inputs: dict[str, Any] = {"sparse": sparse.hstack(list(encoded.sparse.values())).tocsr()} if encoded.sparse else {}
        for name, matrix in (inputs | wide).items():
            wanted = NUM_COMPONENTS if name == "sparse" else NUM_DENSE_COMPONENTS
            num = min(wanted, min(matrix.shape) - 1)
            if num >= 1:
                with np.errstate(divide="ignore", invalid="ignore"):  # of unused shares: 0 / 0 where all rows are alike
                    components[name] = TruncatedSVD(num, random_state=seed).fit(matrix).components_.astype(np.float32)
        return components
