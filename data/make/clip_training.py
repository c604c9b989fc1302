"""Train the two projections of the embedded CLIP: frozen towers, features computed once, minutes on one core.

    python -m data.make.clip_training FACES --out RUN_DIR [--ads FOLDER] [--words packages.parquet]
                                                [--export data/weights/clip-projections]

FACES has metadata.csv with file_name and captions (several separated by "|"); --ads is a catalogue of pictures with
headlines; --words gives unlabelled headlines, so that the text projection keeps what ordinary ad words need.

Both projections start at a softened PCA of their tower's outputs (the mean direction removed, since a linear projection can't
subtract it), and are trained with a contrastive loss in which every text of a picture is right:

    loss = mean over rows of -log( sum over right columns of exp(s_ij) / sum over columns of exp(s_ij) ),  s = scale * cosine

once over pictures and once over texts, plus a pull towards the start: few captions must not erase what they don't name.
Every tenth picture by hash of its name is held out.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from adcreative.artifacts import save_artifact
from adcreative.encoders import weights
from adcreative.encoders.creative_clip import CONTEXT_LENGTH, EMBED_DIM, FORMAT, KIND, PICTURE_HEAD, TEXT_HEAD, CreativeClip
from adcreative.encoders.networks.towers import build_towers
from adcreative.errors import TrainingError
from data.make.headline_tests import ATTRIBUTION, read_headline_tests


@dataclass(frozen=True, kw_only=True)
class ClipTrainingConfig:
    """One training of the projections."""

    seed: int = 0
    num_steps: int = 200
    batch_size: int = 384
    learning_rate: float = 1e-3
    pull: float = 3.0
    start_scale: float = 14.0
    softening: float = 0.25


@dataclass(frozen=True)
class CaptionedPictures:
    """Pictures on disk and the matching texts of each; a picture may have none, a text may belong to many."""

    paths: tuple[Path, ...]
    texts: tuple[tuple[str, ...], ...]

    def is_held_out(self) -> np.ndarray:
        """Return [N] bool: every tenth picture by the hash of its file name."""
        return np.array([int(hashlib.sha256(p.name.encode()).hexdigest()[:8], 16) % 10 == 0 for p in self.paths], bool)


def read_faces(faces_dir: Path) -> CaptionedPictures:
    """Read the captioned faces.

    Raises:
        TrainingError: metadata.csv is missing, or has no captions.
    """
    table = faces_dir / "metadata.csv"
    if not table.is_file():
        raise TrainingError(f"no {table}; captioned faces need metadata.csv with file_name and captions.")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not any(row.get("captions") for row in rows):
        raise TrainingError(f"{table} has no captions; at least one face must have some.")
    texts = tuple(tuple(t.strip() for t in row["captions"].split("|") if t.strip()) for row in rows)
    return CaptionedPictures(tuple(faces_dir / row["file_name"] for row in rows), texts)


def read_ads(ads_dir: Path) -> CaptionedPictures:
    """Read ads with a picture and a headline from a catalogue folder."""
    from adcreative.catalog import read_catalog

    ads = [(c.image_path, c.headline) for c in read_catalog(ads_dir).creatives if c.image_path and c.headline]
    return CaptionedPictures(tuple(path for path, _ in ads), tuple((headline,) for _, headline in ads))


@dataclass(frozen=True)
class TowerOutputs:
    """Outputs of the frozen towers: pictures [N, 1280], texts [M, 384], right [N, M] bool, held_out [N] bool."""

    pictures: Tensor
    texts: Tensor
    right: Tensor
    held_out: Tensor

    @property
    def can_be_judged(self) -> bool:
        """Whether a held-out picture has a text, which may be false for a very small data set."""
        return bool(self.right[self.held_out].any())


def encode_towers(data: CaptionedPictures, clip: CreativeClip, cache_path: Path) -> TowerOutputs:
    """Run both towers without projections; picture outputs are cached in `cache_path`, keyed by file name."""
    names = [str(path) for path in data.paths]
    pictures = np.zeros((0, 0), np.float32)
    if cache_path.is_file():
        with np.load(cache_path) as cached:
            if cached["names"].tolist() == names:
                pictures = cached["pictures"]
    if not len(pictures):
        pictures = np.stack([_encode_picture(clip, path) for path in data.paths])
        np.savez(cache_path, names=np.array(names), pictures=pictures)
    unique = sorted({text for texts in data.texts for text in texts})
    place = {text: column for column, text in enumerate(unique)}
    right = torch.zeros(len(names), len(unique), dtype=torch.bool)
    for row, texts in enumerate(data.texts):
        right[row, [place[text] for text in texts]] = True
    held_out = torch.from_numpy(data.is_held_out())
    return TowerOutputs(torch.from_numpy(pictures), encode_words(clip, unique), right, held_out)


def _encode_picture(clip: CreativeClip, path: Path) -> np.ndarray:
    with Image.open(path) as image, torch.inference_mode():
        pixels = clip.transform(image.convert("RGB")).unsqueeze(0)
        pooled: np.ndarray = clip.model.visual.trunk(pixels)[0].numpy()
    return pooled


def encode_words(clip: CreativeClip, texts: Sequence[str]) -> Tensor:
    """Return the mean token state [M, 384] of each text."""
    token_ids = clip.tokenizer(list(texts))
    text_tower = clip.model.text
    parts = []
    with torch.inference_mode():
        for block in token_ids.split(64):
            parts.append(text_tower.mean_state(block[:, : int((block != 0).sum(1).max())]))
    return torch.cat(parts)


def softened_pca(features: Tensor, num_components: int, softening: float) -> Tensor:
    """Return a projection [num_components, D]: principal directions divided by eigenvalue ** softening.

    The mean direction is removed first. Scaled so that a projected row has about length 1. If fewer directions have
    variance than requested, the rest stay zero.
    """
    features = features.double()
    mean = features.mean(0)
    mean = mean / mean.norm()
    residual = features - (features @ mean)[:, None] * mean
    eigenvalues, directions = torch.linalg.eigh(residual.T @ residual / len(residual))
    eigenvalues, directions = eigenvalues.flip(0)[:num_components], directions.flip(1)[:, :num_components]
    signs = torch.where(directions.abs().amax(0) == directions.amax(0), 1.0, -1.0)  # fixes the sign, undetermined by eigh
    gains = torch.where(eigenvalues > 1e-8 * eigenvalues[0], eigenvalues.clamp_min(1e-12) ** -softening, 0.0)
    projection = (directions * signs * gains).T  # [num_components, D]
    return (projection / (residual @ projection.T).norm(dim=1).mean()).float()


def contrastive_loss(similarity: Tensor, right: Tensor) -> Tensor:
    """Return the mean over rows (that have a right column) of -log of the share of the right columns."""
    rows = right.any(1)
    everything = similarity[rows].logsumexp(1)
    matching = similarity[rows].masked_fill(~right[rows], -torch.inf).logsumexp(1)
    return (everything - matching).mean()


@dataclass(frozen=True)
class Projections:
    """The trained weights: picture [E, 1280], text [E, 384]."""

    picture: Tensor
    text: Tensor


def fit_projections(outputs: TowerOutputs, words: Tensor, config: ClipTrainingConfig) -> Projections:
    """Train both projections on the pictures that are not held out; deterministic for a seed."""
    generator = torch.Generator().manual_seed(config.seed)
    train = torch.nonzero(~outputs.held_out & outputs.right.any(1)).squeeze(1)
    start = Projections(
        softened_pca(outputs.pictures[~outputs.held_out], EMBED_DIM, config.softening),
        softened_pca(torch.cat([outputs.texts, words]), EMBED_DIM, config.softening),
    )
    start = align_text_start(start, outputs, train)
    picture, text = start.picture.clone().requires_grad_(), start.text.clone().requires_grad_()
    log_scale = torch.tensor(config.start_scale).log().requires_grad_()
    optimizer = torch.optim.Adam([picture, text, log_scale], lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.num_steps)
    for _ in range(config.num_steps):
        rows = train[torch.randperm(len(train), generator=generator)[: config.batch_size]]
        columns = torch.nonzero(outputs.right[rows].any(0)).squeeze(1)
        right = outputs.right[rows][:, columns]
        pictures = F.normalize(outputs.pictures[rows] @ picture.T, dim=1)
        texts = F.normalize(outputs.texts[columns] @ text.T, dim=1)
        similarity = log_scale.exp() * pictures @ texts.T
        loss = contrastive_loss(similarity, right) + contrastive_loss(similarity.T, right.T)
        drift = (picture - start.picture).square().sum() / start.picture.square().sum()
        drift = drift + (text - start.text).square().sum() / start.text.square().sum()
        optimizer.zero_grad(set_to_none=True)
        (loss + config.pull * drift).backward()
        optimizer.step()
        schedule.step()
    return Projections(picture.detach(), text.detach())


def align_text_start(start: Projections, outputs: TowerOutputs, rows: Tensor) -> Projections:
    """Rotate the text projection so that texts are close to their pictures (orthogonal Procrustes); distances are preserved."""
    pictures = F.normalize(outputs.pictures[rows] @ start.picture.T, dim=1)
    texts = F.normalize(outputs.texts @ start.text.T, dim=1)
    right = outputs.right[rows].float()
    means = (right.T @ pictures) / right.sum(0).clamp_min(1)[:, None]  # [M, E] mean picture of a text
    shown = right.sum(0) > 0
    centred = (means - means[shown].mean(0))[shown], (texts - texts[shown].mean(0))[shown]
    left, _, transposed = torch.linalg.svd(centred[0].T @ centred[1])
    return Projections(start.picture, (left @ transposed) @ start.text)


def evaluate_retrieval(projections: Projections, outputs: TowerOutputs, top: int = 5) -> dict[str, float]:
    """Return the share of held-out pictures with a matching text among the `top` nearest, and the level of chance.

    recall_pictures is the reverse: the share of texts with a matching held-out picture among the `top` nearest.
    """
    pictures = F.normalize(outputs.pictures[outputs.held_out] @ projections.picture.T, dim=1)
    texts = F.normalize(outputs.texts @ projections.text.T, dim=1)
    right = outputs.right[outputs.held_out]
    similarity = pictures @ texts.T
    found: dict[str, float] = {"pictures": int(right.any(1).sum()), "texts": right.shape[1], "top": top}
    for name, scores, truth in (("texts", similarity, right), ("pictures", similarity.T, right.T)):
        rows = truth.any(1)
        nearest = scores[rows].topk(min(top, scores.shape[1]), dim=1).indices
        found[f"recall_{name}"] = float(truth[rows].gather(1, nearest).any(1).float().mean())
        share_wrong = 1 - truth[rows].float().mean(1)  # random choice of `top` texts
        found[f"chance_{name}"] = float((1 - share_wrong**top).mean())
    return found


def kept_variance(projection: Tensor, features: Tensor, held_out: Tensor, ridge: float = 1e-3) -> float:
    """Return the share of the held-out features' variance that a linear read-out of the projection explains (at most 1).

    The read-out is a ridge regression fitted on the other rows.
    """
    projected, features = (features @ projection.T).double(), features.double()
    mean, target_mean = projected[~held_out].mean(0), features[~held_out].mean(0)
    inputs, targets = projected[~held_out] - mean, features[~held_out] - target_mean
    gram = inputs.T @ inputs
    gram = gram + ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    read_out = torch.linalg.solve(gram, inputs.T @ targets)
    target = features[held_out] - target_mean
    residual = target - (projected[held_out] - mean) @ read_out
    return float(1 - residual.square().sum() / target.square().sum())


def export_projections(folder: Path, projections: Projections, config: ClipTrainingConfig, notes: dict[str, Any]) -> None:
    """Write fp16 safetensors, manifest and model card."""
    tensors = {PICTURE_HEAD: projections.picture.half().numpy(), TEXT_HEAD: projections.text.half().numpy()}
    notes = {"embed_dim": EMBED_DIM, "config": asdict(config), **notes}
    save_artifact(folder, kind=KIND, format_version=FORMAT, tensors=tensors, notes=notes)
    (folder / "README.md").write_text(_card(notes))


def _card(notes: dict[str, Any]) -> str:
    lines = [
        "# clip-projections",
        "",
        f"Two linear maps (1280 to {EMBED_DIM}, 384 to {EMBED_DIM}) that put EfficientNet-Lite0 pictures and MiniLM words into",
        "one space. The towers are frozen and not included. Trained by `data.make.clip_training`.",
        "",
        "Data: SFHQ and SFHQ-T2I synthetic faces with captions (MIT, copyright David Beniaguev; nobody in them exists)"
        + (f",\n{notes['num_ads']} ads of the project's own market simulator with their headlines" if notes["num_ads"] else "")
        + (f",\n{notes['num_words']} headlines (words only) of {ATTRIBUTION}" if notes["num_words"] else "")
        + ".\nLicence of the maps: Apache-2.0.",
        "",
        "| held-out pictures | texts to choose from | a right text among the 5 nearest | by chance |"
        " a right picture for a text | by chance |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in notes["held_out"].items():
        lines.append(
            f"| {found['pictures']} {name} | {found['texts']} | {found['recall_texts']:.3f} | {found['chance_texts']:.3f} | "
            f"{found['recall_pictures']:.3f} | {found['chance_pictures']:.3f} |"
        )
    kept = notes["kept_variance"]
    lines += [
        "",
        f"Variance of the tower's outputs on held-out pictures that a linear read-out of the {EMBED_DIM} numbers recovers: "
        f"{kept['pictures']:.3f}; of words: {kept['words']:.3f}.",
        "",
        "Limits: a thousand captioned faces teach faces and looks, not the world; captions are search phrases, right most of "
        "the time. Use ViT-B-32/laion2b_s34b_b79k where open-vocabulary matching matters.",
        "",
    ]
    return "\n".join(lines)


def _join(parts: Sequence[TowerOutputs]) -> TowerOutputs:
    """Concatenate several data sets; a text of one never matches a picture of another."""
    right = torch.block_diag(*[part.right.float() for part in parts]).bool()
    return TowerOutputs(
        torch.cat([part.pictures for part in parts]),
        torch.cat([part.texts for part in parts]),
        right,
        torch.cat([part.held_out for part in parts]),
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for the tower outputs and the log")
    parser.add_argument("--ads", type=Path, help="catalogue folder of ads with pictures and headlines")
    parser.add_argument("--words", type=Path, help="parquet of headline tests, used as unlabelled words")
    parser.add_argument("--export", type=Path)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    arguments.out.mkdir(parents=True, exist_ok=True)
    started_s = time.monotonic()
    places = weights.find_weight("efficientnet-lite0"), weights.find_weight("minilm")
    towers = build_towers(*places, embed_dim=EMBED_DIM, context_length=CONTEXT_LENGTH)
    clip = CreativeClip(*towers, "towers", "")
    parts = {"faces": encode_towers(read_faces(arguments.faces), clip, arguments.out / "faces.npz")}
    if arguments.ads:
        parts["ads"] = encode_towers(read_ads(arguments.ads), clip, arguments.out / "ads.npz")
    words = torch.zeros(0, parts["faces"].texts.shape[1])
    if arguments.words:
        words = encode_words(clip, sorted(set(read_headline_tests(arguments.words).part("tune").headlines))[::3])
    config = ClipTrainingConfig()
    joined = _join(list(parts.values()))
    projections = fit_projections(joined, words, config)
    all_words = torch.cat([joined.texts, words])
    every_tenth_word = torch.arange(len(all_words)) % 10 == 0
    notes = {
        "num_words": len(words),
        "num_ads": len(parts["ads"].pictures) if "ads" in parts else 0,
        "held_out": {name: evaluate_retrieval(projections, part) for name, part in parts.items() if part.can_be_judged},
        "kept_variance": {
            "pictures": kept_variance(projections.picture, joined.pictures, joined.held_out),
            "words": kept_variance(projections.text, all_words, every_tenth_word),
        },
    }
    print(json.dumps(notes, indent=1), f"{time.monotonic() - started_s:.0f} s", flush=True)
    if arguments.export:
        export_projections(arguments.export, projections, config, notes)


if __name__ == "__main__":
    main()
