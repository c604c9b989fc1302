"""Fit a copy of a face model to a few dozen faces of a folder at once, see `joint_tuning.py`.

    python -m data.make.face_model.tune FACES --names names.txt --out RUN_DIR [--model data/weights/faces] [--minutes M]

names.txt: one file name a line, faces of the folder. Resumable: state is written every minute; the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data.make.face_folder import read_faces
from data.make.face_model.joint_tuning import JointTuner, JointTuningConfig
from data.make.face_model.state_files import read_state, write_state
from stylegan.errors import CheckpointError
from stylegan.images import decode_image
from stylegan.networks.checkpoints import load_face_model
from stylegan.networks.efficientnet import installed_backbone_path
from stylegan.networks.generator import GeneratorConfig, SynthesisNetwork

SAVE_EVERY_S = 60.0


@dataclass(frozen=True)
class Tuned:
    """A tuning run: the faces' file names, latents [N, R, w_dim], their synthesis network, and the faces [N, S, S, 3] uint8."""

    names: list[str]
    w_plus: Tensor
    synthesis: SynthesisNetwork
    real_u8: np.ndarray


def read_tuned(run_dir: Path, face_paths: list[Path], *, size: int) -> Tuned:
    """Read a run and its faces at `size` px.

    Args:
        face_paths: candidate files; the faces of the run are selected, in its order.
    Raises:
        CheckpointError: the folder has no run, or a face of the run is not among the paths.
    """
    state, by_name = read_state(run_dir / "state.pt"), {path.name: path for path in face_paths}
    if state is None:
        raise CheckpointError(f"no tuning run in {str(run_dir)!r}: make one with python -m data.make.face_model.tune")
    notes = json.loads((run_dir / "run.json").read_text())
    unknown = [name for name in notes["names"] if name not in by_name]
    if unknown:
        raise CheckpointError(f"the run has {len(unknown)} faces that are not there to train on, first {unknown[0]!r}")
    synthesis = SynthesisNetwork(GeneratorConfig(**notes["generator"]))
    synthesis.load_state_dict(state["synthesis"])
    real_u8 = decode_image(read_faces([by_name[name] for name in notes["names"]], size=size))
    return Tuned(notes["names"], state["w_plus"], synthesis.eval().requires_grad_(False), real_u8)


def tune_until(tuner: JointTuner, run_dir: Path, *, stop_at_s: float) -> None:
    """Train until the number of steps or the time is reached; log a line and write the state every minute."""
    started_s, done_at_start = time.monotonic(), tuner.num_steps_done
    last_save_s, window = started_s, list[dict[str, float]]()
    while tuner.num_steps_done < tuner.num_steps and time.monotonic() < stop_at_s:
        window.append(tuner.step())
        if time.monotonic() - last_save_s < SAVE_EVERY_S:
            continue
        means = {key: round(float(np.mean([losses[key] for losses in window])), 4) for key in window[-1]}
        rate = (tuner.num_steps_done - done_at_start) / (time.monotonic() - started_s)
        left_min = round((tuner.num_steps - tuner.num_steps_done) / rate / 60, 1)
        print(json.dumps({"step": tuner.num_steps_done, **means, "minutes_left": left_min}), flush=True)
        write_state(tuner.state(), run_dir / "state.pt")
        last_save_s, window = time.monotonic(), []
    write_state(tuner.state(), run_dir / "state.pt")


def save_sheet(tuner: JointTuner, path: Path, *, columns: int = 16) -> None:
    """Draw every face above its render, `columns` per row."""
    renders, faces_u8 = decode_image(tuner.render()), decode_image(tuner.faces)
    side, strips = faces_u8.shape[1], []
    for start in range(0, len(faces_u8), columns):
        for tiles in (faces_u8[start : start + columns], renders[start : start + columns]):
            strip = np.zeros((side, columns * side, 3), np.uint8)
            strip[:, : len(tiles) * side] = np.concatenate(list(tiles), axis=1)
            strips.append(strip)
    Image.fromarray(np.concatenate(strips)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of aligned faces")
    parser.add_argument("--names", type=Path, required=True, help="text file, one file name of the folder a line")
    parser.add_argument("--out", type=Path, required=True, help="run folder: state, sheet")
    parser.add_argument("--model", type=Path, default=Path("data/weights/faces"))
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long; start again to go on")
    parser.add_argument("--num-epochs", type=int, default=JointTuningConfig.num_epochs)
    parser.add_argument("--latent-share", type=float, default=JointTuningConfig.latent_share, help="of steps with weights held")
    parser.add_argument("--start", type=Path, help="run to begin with, of these faces and others: fewer are fitted closer")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    face_model, names = load_face_model(arguments.model), arguments.names.read_text().split()
    faces = read_faces([arguments.data / name for name in names], size=face_model.generator.config.size)
    config = JointTuningConfig(num_epochs=arguments.num_epochs, latent_share=arguments.latent_share)
    backbone_state = torch.load(installed_backbone_path(), map_location="cpu", weights_only=True)
    tuner = JointTuner(face_model, faces, config, backbone_state)
    arguments.out.mkdir(parents=True, exist_ok=True)
    notes = {"names": names, "generator": face_model.generator.config.as_dict()}
    (arguments.out / "run.json").write_text(json.dumps(notes, indent=1) + "\n")
    state = read_state(arguments.out / "state.pt")
    if state is not None:
        tuner.load_state(state)
    elif arguments.start is not None:
        earlier = read_tuned(arguments.start, [*arguments.data.iterdir()], size=face_model.generator.config.size)
        rows = [earlier.names.index(name) for name in names]
        tuner.start_from(earlier.w_plus[rows], earlier.synthesis.state_dict())
    tune_until(tuner, arguments.out, stop_at_s=time.monotonic() + 60 * arguments.minutes)
    save_sheet(tuner, arguments.out / "sheet.png")
    print(json.dumps({"faces": len(faces), "steps": tuner.num_steps_done, "error": tuner.error()}))


if __name__ == "__main__":
    main()
