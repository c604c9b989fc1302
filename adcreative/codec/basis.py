"""Where the light transforms start: the cosine basis of 16x16 blocks in three colour directions, strongest functions first.

A random start spends most of a short training on finding what has been known since JPEG, that blocks of pictures are sparse in
cosines. From this start the network begins as a transform coder with a learned entropy model, and training only improves on it.

Shapes: M basis functions.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

__all__ = ["BLOCK_PX", "block_basis"]

BLOCK_PX = 16
COLOURS = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))  # of R, G, B, orthogonal: brightness, red to blue, green
STRENGTHS, DECAY = (2.85, 0.54, 0.28), 1.57  # measured on rendered ads: deviation = strength * frequency^-1.57 (log error 0.32)


def block_basis(num_functions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return orthonormal basis functions of 16x16 px blocks, and the standard deviation expected of their coefficients.

    Args:
        num_functions: M, up to 768; the strongest are taken.
    Returns:
        [M, 3, 16, 16] float32, and [M] float32 for pixels in 0..1; standard deviations descend.
    """
    cosines = dct(np.eye(BLOCK_PX), norm="ortho", axis=0)  # [frequency, pixel]
    colours = np.array(COLOURS) / np.linalg.norm(COLOURS, axis=1, keepdims=True)
    functions = np.einsum("kc,ui,vj->kuvcij", colours, cosines, cosines).reshape(-1, 3, BLOCK_PX, BLOCK_PX)
    frequency = np.hypot(*np.meshgrid(np.arange(BLOCK_PX), np.arange(BLOCK_PX), indexing="ij"))
    deviation = np.multiply.outer(STRENGTHS, np.maximum(frequency, 0.5) ** -DECAY).ravel()
    strongest = np.argsort(-deviation, kind="stable")[:num_functions]
    return functions[strongest].astype(np.float32), deviation[strongest].astype(np.float32)
