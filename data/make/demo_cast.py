"""Make the demo's people: a generator fitted to faces of adults who do not exist, and their latents, `weights/cast`.

    python -m data.make.demo_cast FACES --choose names.txt --sheet sheet.png     candidates: frontal adults, by caption
    python -m data.make.face_model.tune FACES --names names.txt --out runs/cast              after an eye has struck out lines
    python -m data.make.demo_cast FACES --run runs/cast --reject 3 17            write the folder, the others left out

Training faces are synthetic (SFHQ). People who are fitted closely are nearly as sharp as those, a mix of codes is not, and they
still take other expressions.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from data.make.captions import read_caption_words
from data.make.face_folder import read_faces, split_faces
from data.make.face_model.growth import with_grown_block
from data.make.face_model.state_files import read_state
from data.make.face_model.tune import read_tuned
from data.make.face_pool import adult_paths, is_usable, save_sheet
from stylegan.images import decode_image
from stylegan.latents.people import FittedPeople, with_weights
from stylegan.networks.checkpoints import load_face_model

COVERED = {"sunglasses", "hat", "hand", "hands", "glasses"}
SHEET_PX = 128


def choose_candidates(faces: Path) -> tuple[list[Path], list[np.ndarray]]:
    """Return training faces of adults with visible eyes, nearly frontal, with their pictures at SHEET_PX."""
    words = read_caption_words(faces)
    train_paths, _ = split_faces(list(faces.glob("*.jpg")))
    paths = [path for path in adult_paths(train_paths, words) if not words[path.name] & COVERED]
    images = list(decode_image(read_faces(paths, size=SHEET_PX)))
    usable = is_usable(load_face_analyzer().measure_aligned(images))
    return [p for p, ok in zip(paths, usable, strict=True) if ok], [i for i, ok in zip(images, usable, strict=True) if ok]


def read_people(
    run: Path, faces: Path, model: Path, reject: list[int], grown: Path | None = None
) -> tuple[FittedPeople, np.ndarray]:
    """Return the people of a tuning run of `model` without the rejected ones, and their errors, [N], on the scale -1..1.

    Args:
        grown: a growth run based on that tuning run; its block doubles the size.
    """
    face_model, state = load_face_model(model), read_state(grown / "state.pt") if grown is not None else None
    train_paths, _ = split_faces(list(faces.glob("*.jpg")))
    size = face_model.generator.config.size * (1 if state is None else 2)
    tuned = read_tuned(run, train_paths, size=size)
    weights, w_plus = tuned.synthesis.state_dict(), tuned.w_plus
    if state is not None:
        face_model = with_grown_block(face_model, weights, state)
        weights = face_model.generator.synthesis.state_dict()
        w_plus = torch.cat([w_plus, *[w_plus[:, -1:]] * 2], dim=1)
    kept = np.delete(np.arange(len(w_plus)), reject)
    people = FittedPeople(with_weights(face_model, weights), w_plus[torch.from_numpy(kept)])
    renders = np.stack(people.render(people.codes)).astype(np.float32)
    errors = np.abs(renders - tuned.real_u8[kept]).mean(axis=(1, 2, 3)) / 127.5
    return people, errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="folder of aligned faces with metadata.csv (file_name, captions)")
    parser.add_argument("--choose", type=Path, help="write the candidates' file names here, and stop")
    parser.add_argument("--sheet", type=Path, help="also draw the candidates, or the people as they are fitted, ten a row")
    parser.add_argument("--run", type=Path, help="folder of the tuning run")
    parser.add_argument("--grown", type=Path, help="folder of a run of data.make.face_model.grow that learnt from it")
    parser.add_argument("--model", type=Path, default=embedded_dir("faces"), help="the model that was tuned")
    parser.add_argument("--reject", type=int, nargs="*", default=[], help="numbers of people to leave out, from 0")
    parser.add_argument("--out", type=Path, default=Path("data/weights/cast"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.choose is not None:
        paths, images = choose_candidates(arguments.faces)
        arguments.choose.write_text("".join(f"{path.name}\n" for path in paths))
        if arguments.sheet:
            save_sheet(images, arguments.sheet)
        print(f"{len(paths)} candidates: {arguments.choose}")
        return
    if arguments.run is None:
        parser.error("name --choose or --run")
    people, errors = read_people(arguments.run, arguments.faces, arguments.model, arguments.reject, arguments.grown)
    if arguments.sheet:
        save_sheet(people.render(people.codes), arguments.sheet)
    names = [
        n for i, n in enumerate(json.loads((arguments.run / "run.json").read_text())["names"]) if i not in arguments.reject
    ]
    people.save(arguments.out, faces=names, mean_error=round(float(errors.mean()), 4))
    print(json.dumps({"people": len(names), "mean_error": float(errors.mean()), "largest_error": float(errors.max())}))


if __name__ == "__main__":
    main()
