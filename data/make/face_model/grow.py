"""Grow the embedded face model by one resolution over a folder of aligned faces.

    python -m data.make.face_model.grow FACES --out RUN_DIR --start data/weights/faces [--tuned TUNING_DIR] [--minutes M]
    python -m data.make.face_model.grow FACES --out RUN_DIR --start data/weights/faces --export data/weights/faces

`growth.py` says what is learnt. TUNING_DIR is a run of `python -m data.make.face_model.tune`: its faces have a real picture
as their target. The renders that the block reads are made once and kept in RUN_DIR/renders. Resumable: state is written
every minute; starting the same command again goes on. One face in ten is held out, see `faces/folder.py`.
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
from torch.nn import functional as F

from data.make.face_folder import read_faces, split_faces
from data.make.face_model.growth import GrowthConfig, GrowthTrainer, Renders, grow_face_model
from data.make.face_model.state_files import read_state, write_state
from data.make.face_model.tune import Tuned, read_tuned
from stylegan.images import decode_image
from stylegan.latents.prior import GaussianPrior
from stylegan.networks.checkpoints import FaceModel, load_face_model, save_face_model
from stylegan.networks.efficientnet import installed_backbone_path
from stylegan.networks.encoder import FaceEncoder
from stylegan.networks.generator import SynthesisNetwork

NUM_SAMPLES = 400
TRUNCATION = 0.8
SAVE_EVERY_S = 60.0
NUM_SHOWN = 8


@torch.no_grad()
def make_renders(synthesis: SynthesisNetwork, w_plus: Tensor, folder: Path, real_u8: np.ndarray | None = None) -> Renders:
    """Render latents [N, R, w_dim] of the grown model at the old size into files of `folder`, or open existing files.

    synthesis: any network with the same lower resolutions, grown or not.
    """
    paths = folder / "features.npy", folder / "pictures.npy"
    size = 2 ** (w_plus.shape[1] // 2)  # R = 2 log2(grown size) - 2
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        rows = w_plus[:, : synthesis.config.num_rows]
        channels = synthesis.config.channels[size]
        features = np.lib.format.open_memmap(paths[0], "w+", np.float16, (len(w_plus), channels, size, size))
        pictures = np.zeros((len(w_plus), 3, size, size), np.float16)
        for start in range(0, len(rows), 16):
            found, rgb = synthesis.stage(rows[start : start + 16], size=size)
            features[start : start + 16], pictures[start : start + 16] = found.numpy(), rgb.numpy()
        features.flush()
        np.save(paths[1], pictures)
    return Renders(np.load(paths[0], mmap_mode="r"), np.load(paths[1]), w_plus, real_u8)


def gather_renders(
    grown: FaceModel, start: FaceModel, train: Tensor, tuned: Tuned | None, folder: Path
) -> tuple[Renders | None, Renders]:
    """Render the training data of the block: the tuned faces, or None, and the encoder's inversions with prior samples."""
    encoder = grown.encoder
    assert isinstance(encoder, FaceEncoder)
    with torch.no_grad():
        codes = torch.cat([encoder.encode(F.avg_pool2d(batch, 2)) for batch in train.split(32)])
        prior = GaussianPrior.read_from(start.generator.mapping, start.encoder)  # type: ignore[arg-type]
        drawn = GaussianPrior(prior.mean.float(), prior.factor.float()).sample(
            NUM_SAMPLES, generator=torch.Generator().manual_seed(1), truncation=TRUNCATION
        )
        others = make_renders(grown.generator.synthesis, encoder.expand(torch.cat([codes, drawn])), folder / "others")
    if tuned is None:
        return None, others
    missing = grown.generator.config.num_rows - tuned.w_plus.shape[1]
    w_plus = torch.cat([tuned.w_plus, *[tuned.w_plus[:, -1:]] * missing], dim=1)
    return make_renders(tuned.synthesis, w_plus, folder / "aligned", tuned.real_u8), others


@torch.no_grad()
def save_sheet(trainer: GrowthTrainer, grown: FaceModel, held_out: Tensor, path: Path) -> None:
    """Draw held-out faces: originals, enlarged renders of the old model, and renders of the grown one."""
    trainer.write_into(grown.generator.synthesis)
    shown, size = held_out[:NUM_SHOWN], grown.generator.config.size
    w_plus = grown.encoder(F.avg_pool2d(shown, 2))
    small = grown.generator.synthesize(w_plus, size=size // 2)
    enlarged = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    rows = [shown, enlarged, grown.generator.synthesize(w_plus)]
    Image.fromarray(np.concatenate([np.concatenate(list(decode_image(row)), axis=1) for row in rows])).save(path)


def train_until(trainer: GrowthTrainer, grown: FaceModel, held_out: Tensor, run_dir: Path, *, stop_at_s: float) -> None:
    """Train until the number of crops or the time is reached; log a line, the time left and the state every minute."""
    started_s, seen_at_start = time.monotonic(), trainer.num_crops_seen
    last_save_s, window = started_s, list[dict[str, float]]()
    while trainer.num_crops_seen < trainer.config.num_crops and time.monotonic() < stop_at_s:
        window.append(trainer.step())
        if time.monotonic() - last_save_s < SAVE_EVERY_S:
            continue
        rate = (trainer.num_crops_seen - seen_at_start) / (time.monotonic() - started_s)
        means = {key: float(np.mean([losses[key] for losses in window if key in losses])) for key in window[-1]}
        left_min = (trainer.config.num_crops - trainer.num_crops_seen) / rate / 60
        entry = {"crops": trainer.num_crops_seen, **means, "crops_per_s": rate, "minutes_left": left_min}
        line = json.dumps({key: round(float(value), 4) for key, value in entry.items()})
        print(line, flush=True)
        with (run_dir / "log.jsonl").open("a") as log:
            log.write(line + "\n")
        write_state(trainer.state(), run_dir / "state.pt")
        last_save_s, window = time.monotonic(), []
    write_state(trainer.state(), run_dir / "state.pt")
    save_sheet(trainer, grown, held_out, run_dir / f"sheet-{trainer.num_crops_seen:07d}.png")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of aligned faces (jpg or png), of twice the model's size")
    parser.add_argument("--out", type=Path, required=True, help="run folder: state, log, renders, sheets")
    parser.add_argument("--start", type=Path, default=Path("data/weights/faces"), help="the trained face model")
    parser.add_argument("--tuned", type=Path, help="run of data.make.face_model.tune: faces with a real picture as target")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long; start again to go on")
    parser.add_argument("--num-crops", type=int, default=GrowthConfig.num_crops)
    parser.add_argument("--channels", type=int, default=GrowthConfig.channels)
    parser.add_argument("--adversarial-weight", type=float, default=GrowthConfig.adversarial_weight)
    parser.add_argument("--adversarial-from", type=int, default=GrowthConfig.adversarial_from)
    parser.add_argument("--export", type=Path, help="do not train: write the run's face model into this folder")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    config = GrowthConfig(
        num_crops=arguments.num_crops,
        channels=arguments.channels,
        adversarial_weight=arguments.adversarial_weight,
        adversarial_from=arguments.adversarial_from,
    )
    start = load_face_model(arguments.start)
    grown = grow_face_model(start, channels=config.channels)
    size = grown.generator.config.size
    train_paths, held_out_paths = split_faces([*arguments.data.glob("*.jpg"), *arguments.data.glob("*.png")])
    held_out, train = read_faces(held_out_paths[:NUM_SHOWN], size=size), read_faces(train_paths, size=size)
    tuned = read_tuned(arguments.tuned, train_paths, size=size) if arguments.tuned else None
    aligned, others = gather_renders(grown, start, train, tuned, arguments.out / "renders")
    backbone_state = torch.load(installed_backbone_path(), map_location="cpu", weights_only=True)
    trainer = GrowthTrainer(
        grown.generator.synthesis, config, backbone_state, aligned=aligned, others=others, real_u8=decode_image(train)
    )
    state = read_state(arguments.out / "state.pt")
    if state is not None:
        trainer.load_state(state)
        print(f"continuing at {trainer.num_crops_seen} crops", flush=True)
    if arguments.export:
        trainer.write_into(grown.generator.synthesis)
        notes = {**start.manifest.get("training", {}), "growth": asdict(config) | {"crops_seen": trainer.num_crops_seen}}
        save_face_model(arguments.export, grown.generator, grown.encoder, training=notes, codes_sha256=start.codes_sha256)
        return
    train_until(trainer, grown, held_out, arguments.out, stop_at_s=time.monotonic() + 60 * arguments.minutes)


if __name__ == "__main__":
    main()
