"""Conversion of aligned faces to latent codes and back: the interface of the face model to the rest of the program.

Knows aligned crops (the FFHQ square) and the face model; knows nothing of the crops' pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import cast

import numpy as np
import torch
from PIL import Image

from stylegan.images import decode_image, encode_image
from stylegan.latents.prior import GaussianPrior
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.encoder import FaceEncoder
from stylegan.runtime.compiled import compile_network
from stylegan.runtime.folding import fold_batch_norms, with_part
from stylegan.runtime.inference_synthesis import InferenceSynthesis

ENCODE_BATCH, RENDER_BATCH = 4, 16


class FaceCodec:
    """Aligned faces to latent codes and back. size: side of the crops to encode; render_size: side of the renders.

    look_size: side of renders that are only encoded again; at most the encoder's input size.
    """

    def __init__(self, face_model: FaceModel) -> None:
        self.face_model = face_model
        self.size, self.render_size = face_model.encoder.config.size, face_model.generator.config.size
        self.look_size = min(self.size, self.render_size)
        self.code_dim = face_model.encoder.config.code_dim
        self._device = next(face_model.generator.parameters()).device
        self._block_size = 1 if self._device.type == "cpu" else ENCODE_BATCH
        self._encoder = encoder = face_model.encoder
        if isinstance(encoder, FaceEncoder):  # e4e has its batch norms before the convolutions: nothing to fold
            backbone = compile_network(fold_batch_norms(encoder.backbone))
            self._encoder = cast(FaceEncoder, with_part(encoder, "backbone", backbone))
        self._synthesize = InferenceSynthesis(face_model.generator.synthesis, torch.bfloat16)

    @torch.inference_mode()
    def encode(self, aligned_u8: Sequence[np.ndarray]) -> np.ndarray:
        """Encode aligned crops [S, S, 3] uint8 as codes, [B, code_dim] float32; crops of another size are resized.

        A code is independent of the other crops: on a CPU crops are computed one at a time, which is as fast as a batch,
        on a GPU in blocks of one size, the last one padded with zeros.
        """
        codes, block_size = np.zeros((len(aligned_u8), self.code_dim), dtype=np.float32), self._block_size
        for start in range(0, len(aligned_u8), block_size):
            images_f32 = encode_image([self._resized(crop_u8) for crop_u8 in aligned_u8[start : start + block_size]])
            block = torch.zeros(block_size, *images_f32.shape[1:], device=self._device)
            block[: len(images_f32)] = images_f32
            found = self._encoder.encode(block)[: len(images_f32)]
            codes[start : start + len(found)] = found.float().cpu().numpy()
        return codes

    @torch.inference_mode()
    def render(self, codes: np.ndarray, *, size: int | None = None) -> list[np.ndarray]:
        """Render codes [B, code_dim] as pictures [render_size, render_size, 3] uint8, or smaller ones at a lower cost.

        size: a power of two up to render_size.
        """
        images: list[np.ndarray] = []
        for batch in torch.as_tensor(codes, dtype=torch.float32, device=self._device).split(RENDER_BATCH):
            with torch.autocast(self._device.type, dtype=torch.bfloat16):
                w_plus = self.face_model.encoder.expand(batch)
            images.extend(decode_image(self._synthesize(w_plus, size=size)))
        return images

    def whiten(self, codes: np.ndarray, *, is_difference: bool = False) -> np.ndarray:
        """Return codes [B, code_dim] in standard deviations of the model's faces, F^-1 (c - m) of `prior.py`; float64.

        `is_difference` omits the mean, for differences of codes. Codes of an encoder without such a prior (e4e, whose codes are
        latents themselves) are returned unchanged.
        """
        if self._whitening is None:
            return np.asarray(codes, dtype=np.float64)
        mean, whitening = self._whitening
        return (np.asarray(codes, dtype=np.float64) - (0.0 if is_difference else mean)) @ whitening.T

    @cached_property
    def _whitening(self) -> tuple[np.ndarray, np.ndarray] | None:
        encoder = self.face_model.encoder
        if not isinstance(encoder, FaceEncoder):
            return None
        prior = GaussianPrior.read_from(self.face_model.generator.mapping, encoder)
        return prior.mean.numpy(), torch.linalg.inv(prior.factor).numpy()

    def _resized(self, crop_u8: np.ndarray) -> np.ndarray:
        if crop_u8.shape[:2] == (self.size, self.size):
            return crop_u8
        return np.asarray(Image.fromarray(crop_u8).resize((self.size, self.size), Image.Resampling.LANCZOS))


def inversion_errors(crops_u8: Sequence[np.ndarray], renders_u8: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean absolute difference of crops and their inversions, [F], on the scale -1..1 (0..2)."""
    pairs = zip(crops_u8, renders_u8, strict=True)
    return np.array([np.abs(a.astype(np.float32) - b).mean() / 127.5 for a, b in pairs], dtype=np.float32)
