"""Words of creatives and labels as hashed n-grams, for any number of labels in any language. No torch.

Words (1 and 2) and pieces of words (3 to 5 characters) are hashed into 2^16 columns, rows scaled to length 1.
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
    """Return rows weighed by how rare a gram is among the rows of `reference`, scaled to length 1 again (TF-IDF)."""
    seen = np.asarray((reference > 0).sum(axis=0)).ravel()
    weights = np.log((1 + reference.shape[0]) / (1 + seen)) + 1
    return csr_matrix(normalize(grams.multiply(weights[None, :]).tocsr()))
