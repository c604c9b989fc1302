"""Unlabelled directions: SeFa from the weights, GANSpace from samples. Both sorted, with a fixed sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from stylegan.errors import DirectionError, ShapeError
from stylegan.networks.generator import EqualLinear, Generator, SynthesisNetwork


def row_layers(synthesis: SynthesisNetwork, row: int) -> list[EqualLinear]:
    """Return the modulation layers driven by row `row` of a W+ latent, each w_dim -> C_in.

    Row 0 drives the 4-px convolution; row 2j+1 an up-sampling convolution and the ToRGB of the resolution below; row 2j+2 the
    second convolution; the last row the last ToRGB.

    Raises:
        DirectionError: no such row.
    """
    num_rows = synthesis.config.num_rows
    if not 0 <= row < num_rows:
        raise DirectionError(f"the generator has W+ rows 0 to {num_rows - 1}, got {row}")
    driven = [synthesis.convs[row]] if row < len(synthesis.convs) else []
    driven += [synthesis.to_rgbs[row // 2]] if row % 2 == 1 else []
    return [cast(EqualLinear, layer.affine) for layer in driven]


def sefa(generator: Generator, rows: Sequence[int], *, num_directions: int) -> np.ndarray:
    """Return the closed-form directions of chosen W+ rows: the largest changes after the rows' modulation layers.

    Args:
        rows: W+ rows to which the direction will be added, see `row_layers`.
        num_directions: at most w_dim.
    Returns:
        [num_directions, w_dim], unit length, the strongest first; add it to the same rows of a latent.
    Source:
        Shen & Zhou 2021 (SeFa).
    """
    weights = [layer.weight.detach().float().numpy() for row in rows for layer in row_layers(generator.synthesis, row)]
    return sefa_directions(np.concatenate(weights), num_directions=num_directions)


def sefa_directions(modulation_weight: np.ndarray, *, num_directions: int) -> np.ndarray:
    """Return the closed-form directions of SeFa: top eigenvectors of A^T A, sorted, sign fixed.

    Args:
        modulation_weight: [sum of C_in, w_dim], the affine weights of the chosen rows, stacked; rows are normalised here.
        num_directions: at most w_dim.
    Returns:
        [num_directions, w_dim], unit length; the entry of largest magnitude is positive.
    Source:
        Shen & Zhou 2021, eq. 4-6. Differs: `eigh` (sorted) and a fixed sign, so that two runs agree.
    """
    rows = modulation_weight / np.linalg.norm(modulation_weight, axis=1, keepdims=True).clip(min=1e-12)
    _, vectors = np.linalg.eigh(rows.T @ rows)
    return _with_fixed_sign(vectors[:, ::-1].T[:num_directions])


@torch.inference_mode()
def ganspace(generator: Generator, *, num_directions: int, num_samples: int = 10_000, seed: int = 0) -> np.ndarray:
    """Return the principal components of the generator's own latents, one standard deviation long.

    Args:
        num_samples: number of mapped z.
    Returns:
        [num_directions, R, w_dim]; with one w for all rows, every row holds the same component. The largest variance first.
    Source:
        Härkönen et al. 2020 (GANSpace), section 3.1: PCA of w = M(z).
    """
    z = torch.randn(num_samples, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    latents = torch.cat([generator.mapping(batch).flatten(1) for batch in z.split(1024)])
    directions = pca_directions(latents, num_directions=num_directions)
    num_rows, w_dim = generator.config.num_rows, generator.config.w_dim
    own_rows = generator.config.mapping_rows
    return np.repeat(directions.reshape(-1, own_rows, w_dim), num_rows // own_rows, axis=1)


def pca_directions(latents: Tensor, *, num_directions: int) -> np.ndarray:
    """Return principal components of latents [N, D], each as long as the standard deviation along it, [num_directions, D]."""
    if num_directions > min(latents.shape):
        raise ShapeError(f"{num_directions} components need as many samples and dimensions, got {list(latents.shape)}")
    pca = PCA(num_directions, random_state=0).fit(latents.numpy())
    return _with_fixed_sign(pca.components_) * np.sqrt(pca.explained_variance_)[:, None].astype(np.float32)


def _with_fixed_sign(directions: np.ndarray) -> np.ndarray:
    """Turn each row so that its entry of largest magnitude is positive, float32."""
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    return (directions * signs[:, None]).astype(np.float32)
