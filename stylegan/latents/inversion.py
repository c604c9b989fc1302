"""Invert an aligned face: encoder start, W+ optimisation, pivotal tuning.

    1. w_plus <- encoder(image)
    2. minimise  2 * L1(image, G(w_plus)) + feature distance + drift penalty  over w_plus
    3. hold w_plus, minimise the same over a copy of the synthesis weights (Roich et al. 2021, pivotal tuning)

Each step can be skipped; the result has the error after each. It ends once the face, an ellipse in the middle of the square,
is accurate enough: hair and ground are not edited. The feature distance uses the embedded encoder's own picture tower, which
was trained on faces; with a foreign generator it is a distance of blurred copies. Tuning omits this distance, a third of a
step, which does not lower the error. Without an encoder (a generator-only checkpoint) the mean latent is the start.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegan.errors import InversionError, ShapeError
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.encoder import FaceEncoder
from stylegan.networks.generator import SynthesisNetwork

W_STEPS = 60
RISE_STEPS = 10  # steps of rising step size: full steps at once doubled the error at first
FACE_MIDDLE, FACE_RADII = (0.5, 0.54), (0.3, 0.38)  # of the ellipse of a face in its square, right and down


@dataclass(frozen=True, kw_only=True)
class InversionConfig:
    """Maximum steps, and step sizes.

    w_steps: None means 0 with an encoder's start, since a step of tuning lowers the error by more, else W_STEPS.
    w_drift: penalty on the distance from the encoder's latent, which keeps edits working. enough: mean absolute error of the
    face (-1..1) at which the inversion ends.
    """

    w_steps: int | None = None
    tuning_steps: int = 300
    w_lr: float = 0.02
    tuning_lr: float = 3.5e-3
    enough: float = 0.04
    w_drift: float = 0.02
    feature_weight: float = 0.25


@dataclass(frozen=True)
class InversionResult:
    """w_plus [1, R, w_dim], the synthesis network that renders it, and mean absolute error on the [-1, 1] scale by stage."""

    w_plus: Tensor
    synthesis: SynthesisNetwork
    error_encoder: float
    error_w_plus: float
    error_tuned: float


def invert(
    face_model: FaceModel,
    image_f32: Tensor,
    *,
    config: InversionConfig | None = None,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> InversionResult:
    """Find the latent, and on request the weights, that render one aligned face.

    Args:
        face_model: not modified; tuning works on a copy of its synthesis network.
        image_f32: [1, 3, S, S] in -1..1, S the generator's size.
        config: steps of each stage; 0 skips a stage.
        should_stop: called before each step; True returns the best result so far.
        progress: called after each step as progress(step, maximum steps, error of the face).
    Raises:
        ShapeError: not one image of the generator's size.
        InversionError: the picture holds NaN, or is one flat colour.
    """
    config = config or InversionConfig()
    size = face_model.generator.config.size
    if list(image_f32.shape) != [1, 3, size, size]:
        raise ShapeError(f"expected one aligned face [1, 3, {size}, {size}], got {list(image_f32.shape)}")
    if not bool(torch.isfinite(image_f32).all()) or float(image_f32.std()) < 1e-3:
        raise InversionError("the face picture is blank or holds invalid numbers; supply the aligned face itself")
    with torch.no_grad():
        start = _first_guess(face_model, image_f32)
        target_features = _features(face_model, image_f32)
    synthesis = copy.deepcopy(face_model.generator.synthesis)

    def error(w_plus: Tensor) -> float:
        with torch.no_grad():
            return float((synthesis(w_plus).clamp(-1, 1) - image_f32).abs().mean())

    inside = _inside_face(size).to(image_f32)
    w_steps = config.w_steps if config.w_steps is not None else 0 if face_model.has_encoder else W_STEPS
    steps, latest = 0, float("inf")

    def distance(w_plus: Tensor, *, is_tuned: bool) -> Tensor:
        nonlocal steps, latest
        image = synthesis(w_plus)
        apart = (image - image_f32).abs()
        steps, latest = steps + 1, float((apart.detach() * inside).sum() / (3 * inside.sum()))
        if progress is not None:
            progress(steps, w_steps + config.tuning_steps, latest)
        found = 2 * apart.mean() + config.w_drift * (w_plus - start).square().mean()
        if is_tuned:
            return found
        pairs = zip(_features(face_model, image), target_features, strict=True)
        return found + config.feature_weight * torch.stack([(a - b).square().sum(dim=1).mean() for a, b in pairs]).sum()

    def ends() -> bool:
        return latest <= config.enough or (should_stop is not None and should_stop())

    error_encoder = error(start)
    w_plus = start.clone().requires_grad_(True)
    _descend(lambda: distance(w_plus, is_tuned=False), [w_plus], lr=config.w_lr, steps=w_steps, ends=ends)
    w_plus = w_plus.detach()
    error_w_plus = error(w_plus)
    weights = [p.requires_grad_(True) for name, p in synthesis.named_parameters() if "noise" not in name]
    _descend(lambda: distance(w_plus, is_tuned=True), weights, lr=config.tuning_lr, steps=config.tuning_steps, ends=ends)
    synthesis.requires_grad_(False)
    return InversionResult(w_plus, synthesis, error_encoder, error_w_plus, error(w_plus))


def _inside_face(size: int) -> Tensor:
    """Return 1 inside the ellipse of a face in its square, 0 outside, [size, size]."""
    place = (torch.arange(size) + 0.5) / size
    x, y = (place - FACE_MIDDLE[0]) / FACE_RADII[0], (place - FACE_MIDDLE[1]) / FACE_RADII[1]
    return (x[None, :] ** 2 + y[:, None] ** 2 <= 1.0).float()


def _first_guess(face_model: FaceModel, image_f32: Tensor) -> Tensor:
    """Return the encoder's latent, or the mean latent without an encoder, [1, R, w_dim]."""
    if not face_model.has_encoder:
        return face_model.generator.w_plus_avg.clone()
    size = face_model.encoder.config.size
    if image_f32.shape[-1] != size:
        image_f32 = F.interpolate(image_f32, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return face_model.encoder(image_f32)


def _features(face_model: FaceModel, image_f32: Tensor) -> list[Tensor]:
    """Return the features of the feature distance: normalised, or the picture at 1/2, 1/4 and 1/8 of its size."""
    if isinstance(face_model.stored_encoder, FaceEncoder):
        return [F.normalize(level, dim=1) for level in face_model.stored_encoder.backbone(image_f32)[:2]]
    return [F.avg_pool2d(image_f32, factor) for factor in (2, 4, 8)]


def _descend(loss: Callable[[], Tensor], parameters: list[Tensor], *, lr: float, steps: int, ends: Callable[[], bool]) -> None:
    """Run Adam with a short rise and a cosine decay of the step size; stop early on request."""
    optimizer = torch.optim.Adam(parameters, lr=lr, betas=(0.9, 0.99))

    def share(step: int) -> float:
        fall = 0.05 + 0.95 * (1.0 + math.cos(math.pi * step / max(steps, 1))) / 2.0
        return fall * min(1.0, (step + 1) / RISE_STEPS)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    for _ in range(steps):
        if ends():
            return
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
        schedule.step()
