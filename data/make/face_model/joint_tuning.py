"""Fit one generator to a few dozen faces at once: a latent for each face, and one copy of the synthesis weights for all.

    1. w_plus_i <- encoder(face_i), then a first share of the steps moves the latents alone
    2. the weights and, more slowly, the latents:
           minimise over both   2 L1(face_i, G(w_plus_i)) + 0.35 perceptual(face_i, G(w_plus_i)) + drift |w_plus_i - encoder|^2

which is pivotal tuning (Roich et al. 2021) with many pivots. Between pivots the generator still renders faces, so people can be
mixed and their expressions varied. Knows networks; no files, no ads.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from data.make.face_model.losses import PerceptualDistance, face_weight
from stylegan.errors import ShapeError
from stylegan.networks.checkpoints import FaceModel


@dataclass(frozen=True, kw_only=True)
class JointTuningConfig:
    """One run. num_epochs: passes over the faces. latent_share: of the steps, with fixed weights.

    Step sizes fall to a twentieth along a cosine; w_lr_later is that of the latents while the weights are trained.
    """

    num_epochs: int = 120
    batch_size: int = 8
    latent_share: float = 0.2
    w_lr: float = 0.02
    w_lr_later: float = 2e-3
    weight_lr: float = 1.5e-3
    w_drift: float = 0.02
    perceptual_weight: float = 0.35
    seed: int = 0


class JointTuner:
    """Latents [N, R, w_dim] of N faces and the synthesis network that renders them; `step` trains on a batch."""

    def __init__(
        self, face_model: FaceModel, faces: Tensor, config: JointTuningConfig, backbone_state: dict[str, Tensor]
    ) -> None:
        """Start from the encoder's latents.

        Args:
            face_model: not modified. faces: [N, 3, S, S] in -1..1, S the generator's size.
        Raises:
            ShapeError: the faces have another size.
        """
        size = face_model.generator.config.size
        if faces.ndim != 4 or list(faces.shape[1:]) != [3, size, size] or not len(faces):
            raise ShapeError(f"expected faces [N, 3, {size}, {size}], got {list(faces.shape)}")
        self.config, self.faces = config, faces
        side = face_model.encoder.config.size
        small = F.interpolate(faces, size=(side, side), mode="bilinear", antialias=True) if side != size else faces
        with torch.no_grad():
            self.start = torch.cat([face_model.encoder(batch) for batch in small.split(32)])
        self.w_plus = self.start.clone().requires_grad_(True)
        self.synthesis = copy.deepcopy(face_model.generator.synthesis).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.weights = [p.requires_grad_(True) for name, p in self.synthesis.named_parameters() if "noise" not in name]
        self.perceptual = PerceptualDistance(backbone_state).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = [{"params": [self.w_plus], "lr": config.w_lr}, {"params": self.weights, "lr": config.weight_lr}]
        self.optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
        self.rng = torch.Generator().manual_seed(config.seed)
        self.num_steps_done = 0

    @property
    def num_steps(self) -> int:
        """Total steps of the run."""
        return max(1, self.config.num_epochs * len(self.faces) // self.config.batch_size)

    def state(self) -> dict[str, Any]:
        """Return the state for resuming a run."""
        return {
            "w_plus": self.w_plus.detach(),
            "synthesis": self.synthesis.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.get_state(),
            "num_steps_done": self.num_steps_done,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same faces and settings."""
        with torch.no_grad():
            self.w_plus.copy_(state["w_plus"])
        self.synthesis.load_state_dict(state["synthesis"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.set_state(state["rng"])
        self.num_steps_done = int(state["num_steps_done"])

    def start_from(self, w_plus: Tensor, synthesis_state: dict[str, Tensor]) -> None:
        """Start from the latents and weights of another run for the same faces, in order, instead of the encoder's.

        The run may be of a smaller size: missing rows repeat its last one, and blocks above it stay unchanged.

        Raises:
            ShapeError: the latents are of other faces, or the weights of another network.
        """
        missing = self.w_plus.shape[1] - w_plus.shape[1]
        state = self.synthesis.state_dict()
        fits = all(name in state and state[name].shape == tensor.shape for name, tensor in synthesis_state.items())
        if not fits or missing < 0 or len(w_plus) != len(self.w_plus):
            raise ShapeError(f"the run to begin with, of latents {list(w_plus.shape)}, is of another network or other faces")
        with torch.no_grad():
            self.w_plus.copy_(torch.cat([w_plus, *[w_plus[:, -1:]] * missing], dim=1))
        self.synthesis.load_state_dict(state | synthesis_state)

    def step(self) -> dict[str, float]:
        """Train on one batch; return its losses."""
        config, done = self.config, self.num_steps_done / self.num_steps
        fall = 0.05 + 0.95 * 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * min(done, 1.0)))))
        holds_weights = done < config.latent_share
        lrs = (config.w_lr if holds_weights else config.w_lr_later, 0.0 if holds_weights else config.weight_lr)
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr * fall
        rows = torch.randperm(len(self.faces), generator=self.rng)[: config.batch_size]
        targets = self.faces[rows].contiguous(memory_format=torch.channels_last)
        w_plus = self.w_plus[rows]
        with torch.autocast("cpu", torch.bfloat16):
            images = self.synthesis(w_plus).float()
        l1 = (face_weight(targets.shape[-1]) * (images - targets).abs()).mean()
        with torch.no_grad():
            target_features = self.perceptual.features(targets)
        perceptual = self.perceptual(self.perceptual.features(images), target_features)
        drift = (w_plus - self.start[rows]).square().mean()
        loss = 2 * l1 + config.perceptual_weight * perceptual + config.w_drift * drift
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.num_steps_done += 1
        return {"l1": l1.item(), "perceptual": perceptual.item(), "drift": drift.item()}

    @torch.no_grad()
    def render(self, rows: slice = slice(None)) -> Tensor:
        """Render the faces as fitted so far, [N, 3, S, S] float32."""
        return torch.cat([self.synthesis(batch) for batch in self.w_plus.detach()[rows].split(16)])

    def error(self) -> float:
        """Return the mean absolute error over all faces, on the scale -1..1."""
        return float((self.render().clamp(-1, 1) - self.faces).abs().mean())
