"""One training run of the embedded face model: its settings, networks, optimisers and random state; `step` trains on a batch.

Knows no files. `__main__.py` documents the losses and runs it over a folder.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from data.make.face_model.augmentation import jitter
from data.make.face_model.discriminator import ProjectedDiscriminator, generator_loss
from data.make.face_model.losses import PerceptualDistance, face_weight, step_discriminator
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.efficientnet import load_backbone
from stylegan.networks.encoder import EncoderConfig, FaceEncoder
from stylegan.networks.generator import Generator, GeneratorConfig

CHANNELS = {4: 256, 8: 256, 16: 192, 32: 128, 64: 64, 128: 32}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """One training run. Learning rates fall from their value to a tenth along a cosine over `num_images`.

    An encoder_lr of 0 trains the generator alone: a finished encoder, trained further on few faces, only memorises them.
    From `freeze_norm_from` on the encoder's batch norms use their running statistics, as in inference:
    without this stage about three in a hundred faces get a code ten times too long.
    """

    size: int = 128
    w_dim: int = 256
    batch_size: int = 16
    num_images: int = 90_000
    generator_lr: float = 2e-3
    encoder_lr: float = 5e-4
    code_noise: float = 0.1
    perceptual_weight: float = 0.35
    ema_decay: float = 0.998
    freeze_norm_from: int = 78_000
    adversarial_from: int = 1_000_000_000
    adversarial_weight: float = 0.05
    prior_samples: int = 8
    save_every_s: float = 100.0
    seed: int = 0


class FaceModelTrainer:
    """Networks, optimisers and random state of one run; `step` trains on one batch."""

    def __init__(self, config: TrainingConfig, backbone_state: dict[str, Tensor]) -> None:
        self.config = config
        torch.manual_seed(config.seed)  # layer initialisation only; every other draw uses self.rng
        generator_config = GeneratorConfig(
            size=config.size,
            z_dim=512,
            w_dim=config.w_dim,
            num_mapping_layers=1,
            normalize_z=False,
            mapping_lr_multiplier=1.0,
            mapping_rows=2 * (config.size.bit_length() - 1) - 2,
            channels={r: c for r, c in CHANNELS.items() if r <= config.size},
        )
        self.generator = Generator(generator_config)
        for conv in self.generator.synthesis.convs:
            conv.noise_strength.requires_grad_(False)
        self.encoder = FaceEncoder(EncoderConfig(size=config.size, num_rows=generator_config.num_rows, w_dim=config.w_dim))
        load_backbone(self.encoder.backbone, backbone_state)
        nn.init.normal_(self.encoder.to_rows.weight, std=0.044)
        nn.init.zeros_(self.encoder.to_rows.bias)
        self.perceptual = PerceptualDistance(backbone_state)
        networks: tuple[nn.Module, ...] = (self.generator, self.encoder, self.perceptual)
        for network in networks:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema_encoder = copy.deepcopy(self.encoder).eval().requires_grad_(False)
        self.ema_synthesis = copy.deepcopy(self.generator.synthesis).eval().requires_grad_(False)
        self.encoder.requires_grad_(config.encoder_lr > 0)
        backbone_ids = {id(p) for p in self.encoder.backbone.parameters()}
        heads = [p for p in self.encoder.parameters() if id(p) not in backbone_ids]
        groups = [{"params": [p for p in self.generator.synthesis.parameters() if p.requires_grad], "lr": config.generator_lr}]
        if config.encoder_lr > 0:
            groups += [
                {"params": heads, "lr": config.encoder_lr * 2},
                {"params": list(self.encoder.backbone.parameters()), "lr": config.encoder_lr},
            ]
        self.optimizer = torch.optim.Adam(groups, betas=(0.5, 0.99))
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.discriminator = ProjectedDiscriminator(self.perceptual.feature_channels)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=1e-3, betas=(0.0, 0.99))
        self.recent_codes = torch.zeros(0, self.encoder.config.code_dim)
        self.rng = torch.Generator().manual_seed(config.seed)
        self.num_images_seen = 0
        self.log: list[dict[str, float]] = []

    def state(self) -> dict[str, object]:
        modules = {
            name: getattr(self, name).state_dict()
            for name in (
                "generator",
                "encoder",
                "ema_encoder",
                "ema_synthesis",
                "discriminator",
                "optimizer",
                "discriminator_optimizer",
            )
        }
        counters = {"rng": self.rng.get_state(), "num_images_seen": self.num_images_seen, "log": self.log}
        return {**modules, "recent_codes": self.recent_codes, **counters}

    def load_state(self, state: dict[str, object]) -> None:
        for name in (
            "generator",
            "encoder",
            "ema_encoder",
            "ema_synthesis",
            "discriminator",
            "optimizer",
            "discriminator_optimizer",
        ):
            getattr(self, name).load_state_dict(state[name])
        self.recent_codes = state["recent_codes"]  # type: ignore[assignment]
        self.rng.set_state(state["rng"])  # type: ignore[arg-type]
        self.num_images_seen, self.log = int(state["num_images_seen"]), list(state["log"])  # type: ignore[call-overload]

    def start_from(self, model: FaceModel) -> None:
        """Load the weights of a finished model of the same sizes, live and averaged."""
        for encoder in (self.encoder, self.ema_encoder):
            encoder.load_state_dict(model.encoder.state_dict())
        for synthesis in (self.generator.synthesis, self.ema_synthesis):
            synthesis.load_state_dict(model.generator.synthesis.state_dict())

    def step(self, faces: Tensor) -> dict[str, float]:
        """Train on one batch drawn from `faces` [N, 3, H, W]; return the losses."""
        config = self.config
        progress = min(self.num_images_seen / config.num_images, 1.0)
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            warmup = min(1.0, (self.num_images_seen + 1) / min(2000, config.num_images / 20))
            group["lr"] = base_lr * warmup * (0.1 + 0.9 * 0.5 * (1 + float(np.cos(np.pi * progress))))
        rows = torch.randint(faces.shape[0], (config.batch_size,), generator=self.rng)
        targets = jitter(faces[rows], generator=self.rng).contiguous(memory_format=torch.channels_last)
        self.encoder.train(config.encoder_lr > 0 and self.num_images_seen < config.freeze_norm_from)
        code = self.encoder.encode(targets)
        noise = torch.randn(code.shape, generator=self.rng) * config.code_noise
        w_plus = self.encoder.expand(code + noise)
        images = self.synthesize(w_plus)
        l1 = (face_weight(config.size) * (images - targets).abs()).mean()
        with torch.no_grad():
            target_features = self.perceptual.features(targets)
        features = self.perceptual.features(images)
        perceptual = self.perceptual(features, target_features)
        loss = 2 * l1 + self.config.perceptual_weight * perceptual
        losses = {"l1": l1.item(), "perceptual": perceptual.item()}
        if self.num_images_seen >= config.adversarial_from:
            samples = self.synthesize(self.encoder.expand(self.sample_codes(code.detach())))
            fake = [torch.cat(pair) for pair in zip(features, self.perceptual.features(samples), strict=True)]
            detached = [level.detach() for level in fake]
            losses |= step_discriminator(self.discriminator, self.discriminator_optimizer, target_features, detached)
            fooled = generator_loss(self.discriminator(fake))
            loss = loss + config.adversarial_weight * fooled
            losses["fooled"] = fooled.item()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], 5.0)
        self.optimizer.step()
        self.update_ema()
        self.num_images_seen += config.batch_size
        return losses

    def synthesize(self, w_plus: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.generator.synthesize(w_plus).float()

    def sample_codes(self, codes: Tensor) -> Tensor:
        """Draw codes of new faces: normal, with the mean and the covariance of the last 1,024 codes seen."""
        self.recent_codes = torch.cat([self.recent_codes, codes])[-1024:]
        mean = self.recent_codes.mean(dim=0)
        weights = torch.randn(self.config.prior_samples, len(self.recent_codes), generator=self.rng)
        return mean + weights @ (self.recent_codes - mean) / len(self.recent_codes) ** 0.5

    @torch.no_grad()
    def update_ema(self) -> None:
        num_steps = self.num_images_seen / self.config.batch_size
        decay = min(self.config.ema_decay, (1 + num_steps) / (10 + num_steps))
        for ema, live in ((self.ema_encoder, self.encoder), (self.ema_synthesis, self.generator.synthesis)):
            for ema_tensor, tensor in zip(ema.parameters(), live.parameters(), strict=True):
                ema_tensor.lerp_(tensor, 1 - decay)
            for ema_buffer, buffer in zip(ema.buffers(), live.buffers(), strict=True):
                ema_buffer.copy_(buffer)


@torch.no_grad()
def encode_all(encoder: FaceEncoder, faces: Tensor) -> Tensor:
    """Return the codes [N, code_dim] of faces and of their mirror images, in batches of 64."""
    both = torch.cat([faces, faces.flip(3)])
    return torch.cat([encoder.encode(batch) for batch in both.split(64)])


@torch.no_grad()
def reconstruct(trainer: FaceModelTrainer, faces: Tensor) -> Tensor:
    return torch.cat([trainer.ema_synthesis(trainer.ema_encoder(batch)) for batch in faces.split(32)])
