"""Measure a face model on the held-out faces of a folder: the figures of its model card.

    python -m data.make.face_evaluation MODEL_DIR FACES [--directions DIR] [--invert 16] [--sheet samples.png]

Held out is every tenth face by file hash (`training.split_faces`), or all with `--all`, for faces that nobody trained on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.linalg import sqrtm
from torch import Tensor
from torch.nn import functional as F

from data.make.face_folder import read_faces, split_faces
from data.make.face_model.losses import PerceptualDistance
from data.make.identity import SAME_PERSON_DISTANCE, FaceRecognizer
from data.make.probes import PictureFeatures
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.mesh import bone_distance
from stylegan.images import decode_image
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.latents.inversion import invert
from stylegan.networks.checkpoints import FaceModel, load_face_model
from stylegan.networks.efficientnet import installed_backbone_path

NUM_IDENTITY_FACES = 64


@torch.inference_mode()
def encoder_error(face_model: FaceModel, faces: Tensor, *, size: int | None = None) -> float:
    """Return the mean absolute error of encode and render over faces [N, 3, S, S], on the scale -1..1.

    size: of the compared renders; None is the generator's own.
    """
    size, side = face_model.generator.config.size if size is None else size, face_model.encoder.config.size
    errors = []
    for batch in faces.split(32):
        renders = face_model.generator.synthesize(face_model.encoder(_resized(batch, side)), size=size).clamp(-1, 1)
        errors.append((renders - _resized(batch, size)).abs().mean(dim=(1, 2, 3)))
    return float(torch.cat(errors).mean())


def _resized(faces: Tensor, size: int) -> Tensor:
    """Return faces [N, 3, S, S] at another size, antialiased."""
    if faces.shape[-1] == size:
        return faces
    return F.interpolate(faces, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


@torch.inference_mode()
def sharpness(face_model: FaceModel, faces: Tensor) -> dict[str, dict[str, float]]:
    """Compare renders of the full size with enlarged renders of half of it, over faces [N, 3, S, S] of the full size.

    Returns:
        For `enlarged` and `full`: feature_distance, to the real face, of channel-normalised EfficientNet-Lite0 features (the
        losses' perceptual distance); fine_detail, the energy lost when a picture is halved and enlarged again, relative to
        that of the real faces (1 is equal).
    """
    size, distance = (
        face_model.generator.config.size,
        PerceptualDistance(torch.load(installed_backbone_path(), weights_only=True)),
    )
    found: dict[str, list[Tensor]] = {"enlarged": [], "full": []}
    energies: dict[str, list[Tensor]] = {"enlarged": [], "full": [], "real": []}
    for real in faces.split(16):
        w_plus = face_model.encoder(_resized(real, face_model.encoder.config.size))
        half = face_model.generator.synthesize(w_plus, size=size // 2)
        pictures = {"enlarged": _resized(half, size), "full": face_model.generator.synthesize(w_plus), "real": real}
        wanted = distance.features(real)
        for name, picture in pictures.items():
            clamped = picture.clamp(-1, 1)
            energies[name].append((clamped - _resized(_resized(clamped, size // 2), size)).square().mean())
            if name in found:
                found[name].append(distance(distance.features(clamped), wanted))
    real_energy = torch.stack(energies["real"]).mean()
    return {
        name: {
            "feature_distance": float(torch.stack(found[name]).mean()),
            "fine_detail": float(torch.stack(energies[name]).mean() / real_energy),
        }
        for name in found
    }


def inversion_errors(face_model: FaceModel, faces: Tensor) -> tuple[dict[str, float], list[np.ndarray]]:
    """Return mean errors after encoder, W+ optimisation and pivotal tuning with the seconds per face, and the renders."""
    started_s = time.perf_counter()
    results = [invert(face_model, face[None]) for face in faces]
    seconds = (time.perf_counter() - started_s) / len(faces)
    stages = ("error_encoder", "error_w_plus", "error_tuned")
    means = {stage: float(np.mean([getattr(result, stage) for result in results])) for stage in stages}
    with torch.inference_mode():
        renders = [decode_image(result.synthesis(result.w_plus))[0] for result in results]
    return {**means, "faces": len(faces), "seconds_per_face": seconds}, renders


def frechet_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Return |mean difference|^2 + trace(A + B - 2 (A B)^(1/2)) of features [N, D] (Heusel et al. 2017, eq. 6)."""
    a, b = np.cov(left, rowvar=False), np.cov(right, rowvar=False)
    root = sqrtm(a @ b)
    return float(np.square(left.mean(axis=0) - right.mean(axis=0)).sum() + np.trace(a + b - 2.0 * np.real(root)))


def sample_quality(face_model: FaceModel, train: Tensor, held_out: Tensor, *, truncation: float = 0.8) -> dict[str, float]:
    """Return Fréchet distances of samples and of real faces to the held-out ones, in EfficientNet-Lite0's last features.

    Not comparable with published FIDs: another network, few pictures. Both figures use the same number of pictures, so
    the second is the value of the first for perfect samples.
    """
    num, features = len(held_out), PictureFeatures(torch.load(installed_backbone_path(), weights_only=True))
    z = torch.randn(num, face_model.generator.config.z_dim, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        samples = torch.cat(
            [face_model.generator.synthesize(face_model.generator.map(b, truncation=truncation)) for b in z.split(32)]
        )

    def describe(images: Tensor) -> np.ndarray:
        last = features.compute(list(decode_image(images)))[:, -320 * 16 :]
        return last.reshape(len(images), 320, 16).mean(axis=2)

    reference = describe(held_out)
    return {
        "samples": frechet_distance(describe(samples), reference),
        "reconstructions": frechet_distance(describe(rebuild(face_model, held_out)), reference),
        "real_faces": frechet_distance(describe(train[:num]), reference),
    }


@torch.inference_mode()
def rebuild(face_model: FaceModel, faces: Tensor) -> Tensor:
    """Encode and render faces [N, 3, S, S]."""
    side = face_model.encoder.config.size
    return torch.cat([face_model.generator.synthesize(face_model.encoder(_resized(b, side))) for b in faces.split(32)])


class IdentityMeter:
    """Compares aligned crops by code cosine, bone distance and, if installed, dlib's face distance."""

    def __init__(self, codec: FaceCodec) -> None:
        self.codec, self.analyzer, self.recognizer = codec, FaceAnalyzer(), FaceRecognizer.installed()

    def compare(self, left: list[np.ndarray], right: list[np.ndarray]) -> dict[str, Any]:
        """Return mean measurements over pairs of crops, and the share of pairs that are one person to dlib (None: no dlib)."""
        ours, theirs = self.codec.encode(left), self.codec.encode(right)
        cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        bones = [
            bone_distance(self.analyzer.locate_aligned(a).points, self.analyzer.locate_aligned(b).points)
            for a, b in zip(left, right, strict=True)
        ]
        row: dict[str, Any] = {"pairs": len(left), "code_cosine": float(cosine.mean()), "bone_distance": float(np.mean(bones))}
        if self.recognizer is not None:
            far = self.distances(left, right)
            row |= {"face_distance": float(far.mean()), "same_person": float((far < SAME_PERSON_DISTANCE).mean())}
        return row

    def distances(self, left: list[np.ndarray], right: list[np.ndarray]) -> np.ndarray:
        """Return dlib's distances of pairs, [N]."""
        assert self.recognizer is not None
        embed = self.recognizer.embed
        return np.array([np.linalg.norm(embed(a) - embed(b)) for a, b in zip(left, right, strict=True)])


def identity_figures(
    face_model: FaceModel, faces: Tensor, inverted: list[np.ndarray], directions: DirectionSet | None
) -> dict[str, Any]:
    """Return the similarity of faces after inversion and edits, of different people, and the code cosine at identity loss.

    `floor`: on a path from one face's code to another's, the cosine to the start below which dlib's distance of the renders
    exceeds 0.6, as the 90th percentile over paths: nine paths in ten may go at least that far.
    """
    codec = FaceCodec(face_model)
    meter, originals = IdentityMeter(codec), list(decode_image(faces))
    codes = codec.encode(originals)
    renders = codec.render(codes)
    figures: dict[str, Any] = {
        "other_person": meter.compare(originals, [*originals[1:], originals[0]]),
        "encoder": meter.compare(originals, renders),
    }
    if inverted:
        figures["inversion"] = meter.compare(originals[: len(inverted)], inverted)
    for k, name in enumerate(directions.names if directions else ()):
        assert directions is not None
        edited = codec.render(codes + directions.high[k] * directions.vectors[k])
        figures[f"edit_{name}_{directions.high[k]:+.1f}"] = meter.compare(renders, edited)
    if meter.recognizer is not None:
        lost = []
        for i in range(len(codes)):
            steps = np.linspace(0, 1, 21, dtype=np.float32)[:, None]
            walk = codec.render(codes[i] + steps * (codes[(i + 1) % len(codes)] - codes[i]))
            far = meter.distances([walk[0]] * len(walk), walk) >= SAME_PERSON_DISTANCE
            if far.any():
                seen = codec.encode([walk[0], walk[int(far.argmax())]])
                lost.append(float(seen[0] @ seen[1] / np.linalg.norm(seen[0]) / np.linalg.norm(seen[1])))
        if lost:
            figures["floor"] = {"walks": len(lost), "median": float(np.median(lost)), "p90": float(np.quantile(lost, 0.9))}
    return figures


@torch.inference_mode()
def save_samples(face_model: FaceModel, path: Path, *, truncation: float = 0.8) -> None:
    """Write a sheet of 64 samples of map(z), eight per row."""
    z = torch.randn(64, face_model.generator.config.z_dim, generator=torch.Generator().manual_seed(1))
    tiles = decode_image(face_model.generator.synthesize(face_model.generator.map(z, truncation=truncation)))
    side = tiles.shape[1]
    Image.fromarray(tiles.reshape(8, 8, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(8 * side, 8 * side, 3)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder with model.safetensors and manifest.json")
    parser.add_argument("faces", type=Path, help="folder of aligned faces; every tenth by file hash is used")
    parser.add_argument("--all", action="store_true", help="use all faces of the folder, not every tenth")
    parser.add_argument("--invert", type=int, default=0, help="also invert so many held-out faces")
    parser.add_argument("--quality", action="store_true", help="also the Fréchet distances and the identity figures")
    parser.add_argument("--directions", type=Path, help="with --quality: also what these directions cost in identity")
    parser.add_argument("--sheet", type=Path, help="also write a sheet of 64 samples")
    arguments = parser.parse_args()
    face_model = load_face_model(arguments.model)
    paths = [*arguments.faces.glob("*.jpg"), *arguments.faces.glob("*.png")]
    train_paths, held_out_paths = ([], sorted(paths)) if arguments.all else split_faces(paths)
    size = face_model.generator.config.size
    faces = read_faces(held_out_paths, size=size)
    figures: dict[str, Any] = {"held_out_faces": len(faces), "encoder_error": encoder_error(face_model, faces)}
    side = face_model.encoder.config.size if face_model.has_encoder else size
    if side < size:
        figures[f"encoder_error_at_{side}"] = encoder_error(face_model, faces, size=side)
        figures["sharpness"] = sharpness(face_model, faces)
    inverted: list[np.ndarray] = []
    if arguments.invert:
        figures["inversion"], inverted = inversion_errors(face_model, faces[: arguments.invert])
    if arguments.quality:
        train = read_faces(train_paths[: len(faces)], size=size)
        if len(train):
            figures["frechet_distance"] = sample_quality(face_model, train, faces)
        directions = DirectionSet.load(arguments.directions) if arguments.directions else None
        figures["identity"] = identity_figures(face_model, faces[:NUM_IDENTITY_FACES], inverted, directions)
    if arguments.sheet:
        save_samples(face_model, arguments.sheet)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
