"""Measure a face model on the held-out faces of a folder: the figures of its model card.

python -m stylegan.evaluation MODEL_DIR FACES [--invert 16] [--sheet samples.png]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylegan.checkpoints import FaceModel, load_face_model
from stylegan.images import decode_image
from stylegan.inversion import invert
from stylegan.training import read_faces, split_faces


@torch.inference_mode()
def encoder_error(face_model: FaceModel, faces: Tensor) -> float:
    """Return the mean absolute error of encode and render over faces [N, 3, S, S], on the scale -1..1."""
    batches = faces.split(32)
    errors = [(face_model.generator.synthesize(face_model.encoder(b)).clamp(-1, 1) - b).abs().sum() for b in batches]
    return float(torch.stack(errors).sum() / faces.numel())


def inversion_errors(face_model: FaceModel, faces: Tensor) -> dict[str, float]:
    """Return mean errors after encoder, W+ optimisation and pivotal tuning, and the seconds a face takes."""
    started_s = time.perf_counter()
    results = [invert(face_model, face[None]) for face in faces]
    stages = ("error_encoder", "error_w_plus", "error_tuned")
    means = {stage: float(np.mean([getattr(result, stage) for result in results])) for stage in stages}
    return {**means, "seconds_per_face": (time.perf_counter() - started_s) / len(faces)}


@torch.inference_mode()
def save_samples(face_model: FaceModel, path: Path, *, truncation: float = 0.8) -> None:
    """Write a sheet of 64 samples of map(z), eight a row."""
    z = torch.randn(64, face_model.generator.config.z_dim, generator=torch.Generator().manual_seed(1))
    tiles = decode_image(face_model.generator.synthesize(face_model.generator.map(z, truncation=truncation)))
    side = tiles.shape[1]
    Image.fromarray(tiles.reshape(8, 8, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(8 * side, 8 * side, 3)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder with model.safetensors and manifest.json")
    parser.add_argument("faces", type=Path, help="folder of aligned faces; every tenth by file hash is used")
    parser.add_argument("--invert", type=int, default=0, help="also invert so many held-out faces")
    parser.add_argument("--sheet", type=Path, help="also write a sheet of 64 samples")
    arguments = parser.parse_args()
    face_model = load_face_model(arguments.model)
    _, held_out_paths = split_faces([*arguments.faces.glob("*.jpg"), *arguments.faces.glob("*.png")])
    faces = read_faces(held_out_paths, size=face_model.generator.config.size)
    figures: dict[str, float | dict[str, float]] = {"held_out_faces": len(faces)}
    figures["encoder_error"] = encoder_error(face_model, faces)
    if arguments.invert:
        figures["inversion"] = inversion_errors(face_model, faces[: arguments.invert])
    if arguments.sheet:
        save_samples(face_model, arguments.sheet)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
