"""Hashed n-grams of creatives' and labels' words, for any number of labels in any language. Does not import torch.

Word n-grams (1 and 2) and character n-grams (3 to 5) are hashed into 2^16 columns, rows scaled to length 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

NUM_GRAMS = 2**16
_WORDS = HashingVectorizer(n_features=NUM_GRAMS // 2, ngram_range=(1, 2), alternate_sign=False, dtype=np.float32)
_PIECES = HashingVectorizer(
    n_features=NUM_GRAMS // 2, analyzer="char_wb", ngram_range=(3, 5), alternate_sign=False, dtype=np.float32
)


def read_grams(texts: Sequence[str]) -> csr_matrix:
    """Return [N, 65536] float32 rows of length 1; an empty text is a row of zeros."""
    texts = list(texts)
    return csr_matrix(normalize(hstack([_WORDS.transform(texts), _PIECES.transform(texts)], format="csr")))


def weigh_grams(grams: csr_matrix, reference: csr_matrix) -> csr_matrix:
    """Return TF-IDF rows, with document frequencies from the rows of `reference`, scaled to length 1."""
    seen = np.asarray((reference > 0).sum(axis=0)).ravel()
    weights = np.log((1 + reference.shape[0]) / (1 + seen)) + 1
    return csr_matrix(normalize(grams.multiply(weights[None, :]).tocsr()))
