"""Inpaint parts of a picture with a `diffusers` pipeline, from a local folder or a hub id.

An optional extra (`pip install "adcreative[scene]"`); without it, or without a model, no scene is painted. Knows pixels and a
prompt; no ads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from adcreative.errors import ConfigError

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

MAX_SIDE_PX = 512  # training size of such inpainting models; larger pictures are painted small and scaled up
NUM_STEPS = 20


class InpaintingModel:
    """A loaded text-guided inpainting pipeline. content_hash: of its name, and of its files' names and sizes when local."""

    def __init__(
        self, pipeline: DiffusionPipeline, content_hash: str, *, num_steps: int = NUM_STEPS, max_side_px: int = MAX_SIDE_PX
    ) -> None:
        self._pipeline: Any = pipeline
        self.content_hash = content_hash
        self._num_steps, self._max_side_px = num_steps, max_side_px

    @classmethod
    def load(cls, model: str, **options: int) -> InpaintingModel:
        """Load a pipeline from a folder in diffusers' layout, or from the hub by its id; safetensors only.

        Raises:
            ConfigError: diffusers is not installed, or `model` is no inpainting pipeline.
        """
        try:
            from diffusers import AutoPipelineForInpainting
        except ImportError as error:
            raise ConfigError('painting scenes needs diffusers; install it with: pip install "adcreative[scene]"') from error
        import torch

        try:
            pipeline = AutoPipelineForInpainting.from_pretrained(model, use_safetensors=True, trust_remote_code=False)
        except Exception as error:  # diffusers, transformers and safetensors have their own error classes
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ConfigError(
                f'the scene model "{model}" cannot be loaded ({reason}); name a folder or hub id of an inpainting pipeline'
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        pipeline.to("cuda" if torch.cuda.is_available() else "cpu")
        return cls(pipeline, _hash_of(model), **options)

    def paint(
        self,
        image_u8: np.ndarray,
        mask: np.ndarray,
        prompt: str,
        num_pictures: int,
        *,
        seed: int,
        should_stop: Callable[[], bool] | None = None,
    ) -> list[np.ndarray]:
        """Return pictures [H, W, 3] uint8 of the input's size, painted where mask [H, W] bool is True; same seed, same pixels.

        Pictures blanked by the pipeline's safety checker are left out; `should_stop` ends the loop with fewer pictures.
        """
        import torch

        height, width = image_u8.shape[:2]
        unit = 8 * getattr(self._pipeline, "vae_scale_factor", 8)
        scale = min(1.0, self._max_side_px / max(height, width))
        size = (max(unit, round(width * scale / unit) * unit), max(unit, round(height * scale / unit) * unit))
        picture = Image.fromarray(image_u8).resize(size, Image.Resampling.LANCZOS)
        mask_picture = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
        painted: list[np.ndarray] = []

        def interrupt(_: DiffusionPipeline, step: int, timestep: object, values: dict[str, Any]) -> dict[str, Any]:
            self._pipeline._interrupt = bool(should_stop is not None and should_stop())  # the pipeline's own way to stop early
            return values

        for number in range(num_pictures):
            if should_stop is not None and should_stop():
                break
            found = self._pipeline(
                prompt=prompt,
                image=picture,
                mask_image=mask_picture,
                width=size[0],
                height=size[1],
                strength=1.0,
                num_inference_steps=self._num_steps,
                generator=torch.Generator().manual_seed(seed + number),
                callback_on_step_end=interrupt,
            )
            is_blanked = bool((getattr(found, "nsfw_content_detected", None) or [False])[0])
            if not is_blanked and not (should_stop is not None and should_stop()):
                painted.append(np.asarray(found.images[0].convert("RGB").resize((width, height), Image.Resampling.LANCZOS)))
        return painted


def _hash_of(model: str) -> str:
    digest, folder = hashlib.sha256(model.encode()), Path(model)
    if folder.is_dir():
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder)} {path.stat().st_size}".encode())
    return digest.hexdigest()
