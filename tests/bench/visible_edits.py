"""Do the face edits that are offered show? Pairs of a face and its edit, in an order that nobody knows until guesses are in.

    python -m tests.bench.visible_edits FACES --out pairs/ [--num 30] [--seed 8]
    python -m tests.bench.visible_edits FACES --out pairs/ --guesses "L R L ..." [--told "R R L ..."]

Each face is probed as the editor does (`measure_reach`); one of the edits that it is then offered is drawn at the end of its
range, if the realism floor allows it. The sheets ask which of the two has more of something; which was edited is asked beside.
The answers lie in `answers.json` until `--guesses` and `--told` compare. `--any` draws any direction at a random strength of
0.8 to 2 instead, whether it shows or not, for comparison. The answers say what is seen of each edit, how far its part of the
face moved, and how far dlib's face distance says the face moved.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from adcreative.editor.scoring.first_order import PROBE_SHARE
from adcreative.editor.settings import EditorConfig
from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from adcreative.verbs.directions import FACE_DIRECTIONS
from data.make.face_folder import split_faces
from data.make.identity import FaceRecognizer
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.attributes import ATTRIBUTES
from stylegan.faces.visible_changes import MAX_BONES, VISIBLE_CHANGES, FaceReach, measure_reach, measure_seen, measure_shown
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.networks.checkpoints import load_face_model
from stylegan.photo.session import FaceEditSession

PAIRS_A_SHEET, LABEL_PX = 8, 16
QUESTIONS = {
    "smile": "smile",
    "mouth_open": "open mouth",
    "eyes_open": "open eyes",
    "gaze_x": "gaze to the picture's right",
    "gaze_y": "gaze up",
}


@dataclass(frozen=True)
class Models:
    """What draws and measures the pairs."""

    analyzer: FaceAnalyzer
    codec: FaceCodec
    directions: DirectionSet

    def attributes(self, image_u8: np.ndarray) -> np.ndarray | None:
        """Return the measured attributes [A] of the largest face; None without one."""
        faces = self.analyzer.analyze(image_u8)
        return np.array([faces[0].attributes[name] for name in ATTRIBUTES]) if faces else None


def load_models() -> Models:
    codec = FaceCodec(load_face_model(embedded_dir("faces")))
    return Models(load_face_analyzer(), codec, DirectionSet.load(embedded_dir("directions")).select(FACE_DIRECTIONS))


def probe(session: FaceEditSession, before: np.ndarray, models: Models, box: Sequence[float]) -> FaceReach:
    """Compose every direction on both sides, and return what shows."""
    directions = models.directions
    probes = PROBE_SHARE * np.stack([directions.low, directions.high])
    changes = np.zeros((2, len(directions.names), 1, len(ATTRIBUTES)))
    seen, bones = np.zeros((2, *probes.shape, 1))
    for side, k in np.ndindex(probes.shape):
        strengths = session.strengths(**{directions.names[k]: probes[side, k]})
        picture = session.compose(strengths, is_draft=True)
        after = models.attributes(picture)
        changes[side, k, 0] = 0.0 if after is None else after - before
        seen[side, k, 0], bones[side, k] = measure_seen(session.image_u8, picture, box), session.bones(picture)
    return measure_reach(probes, changes, directions.names, VISIBLE_CHANGES, seen, bones, before[None])


def draw_edit(
    image_u8: np.ndarray, models: Models, rng: np.random.Generator, *, is_any: bool
) -> tuple[np.ndarray, dict[str, Any]] | None:
    """Return one edit of a face and what it is; None where there is none to draw."""
    faces = [face for face in models.analyzer.analyze(image_u8) if face.refusal is None][:1]
    before = models.attributes(image_u8)
    if not faces or before is None:
        return None
    session, names = FaceEditSession(image_u8, faces, models.codec, models.directions, models.analyzer), models.directions.names
    ends = np.stack([models.directions.low, models.directions.high])
    if is_any:
        ends = ends * rng.uniform(0.4, 1.0, ends.shape)
    else:
        reach = probe(session, before, models, faces[0].box_xyxy_px)
        ends = np.stack(reach.limits(*ends))[:, 0]
        session.set_gains(reach.gains)
    offered = [session.strengths(**{names[k]: ends[side, k]}) for side, k in np.argwhere(ends != 0.0)]
    offered = [one for one in offered if is_any or float(session.realism(one[None])[0]) >= EditorConfig().realism_floor]
    if not offered:
        return None
    strengths = offered[rng.integers(len(offered))]
    edited_u8, name = session.compose(strengths), names[int(np.flatnonzero(strengths[0])[0])]
    after, bones = models.attributes(edited_u8), float(session.bones(edited_u8)[0])
    if after is None or (bones > MAX_BONES and not is_any):
        return None
    own = ATTRIBUTES.index(name)
    before_crop, after_crop = (faces[0].alignment.crop(picture, 256) for picture in (image_u8, edited_u8))
    recognizer = FaceRecognizer.installed()
    apart = None if recognizer is None else float(np.linalg.norm(recognizer.embed(after_crop) - recognizer.embed(before_crop)))
    return edited_u8, {
        "direction": name,
        "strength": float(strengths.sum()),
        "moved": float(after[own] - before[own]),
        "of_width": part_moved(models.analyzer.trace_aligned(before_crop), models.analyzer.trace_aligned(after_crop), name),
        "bones": bones,
        "face_distance": apart,
        "shown": measure_shown(before[None], after[None], [name])[name][0],
        "offered": sorted({names[k] for _, k in np.argwhere(ends != 0.0)}),
    }


def part_moved(before: np.ndarray | None, after: np.ndarray | None, name: str) -> float | None:
    """Return how far an edit's own part moved between two traced crops [478, 2], as a share of the face's width; None for a
    lost face: the corners of a smile, the gap of lips or lids, the irises between the corners of the eyes."""
    if before is None or after is None:
        return None

    def part(points: np.ndarray) -> np.ndarray:
        if name == "mouth_open":
            return points[[13]] - points[[14]]
        if name == "eyes_open":
            return points[[159, 386]] - points[[145, 374]]
        if name.startswith("gaze"):
            return points[[468, 473]] - (points[[33, 362]] + points[[133, 263]]) / 2
        return points[[61, 291]] - points[[4]]

    width = np.linalg.norm(before[454] - before[234])
    return float(np.linalg.norm(part(after) - part(before), axis=1).mean() / width)


def draw_pairs(face_paths: list[Path], out: Path, num: int, seed: int, *, is_any: bool = False) -> int:
    """Write sheets of pairs and the answers; return how many pairs there are."""
    models, rng, order = load_models(), np.random.default_rng(seed), np.random.default_rng()
    tiles, answers = list[np.ndarray](), list[dict[str, Any]]()
    for row in rng.permutation(len(face_paths)):
        image_u8 = np.asarray(Image.open(face_paths[row]).convert("RGB"))
        drawn = draw_edit(image_u8, models, rng, is_any=is_any)
        if drawn is not None:
            is_left = bool(order.integers(2))
            tiles.append(np.concatenate([drawn[0], image_u8] if is_left else [image_u8, drawn[0]], axis=1))
            answers.append(
                {**drawn[1], "edited": "L" if is_left else "R", "more": "L" if is_left == (drawn[1]["strength"] > 0) else "R"}
            )
        if len(tiles) == num:
            break
    out.mkdir(parents=True, exist_ok=True)
    (out / "answers.json").write_text(json.dumps(answers, indent=1))
    for start in range(0, len(tiles), PAIRS_A_SHEET):
        save_sheet(tiles, answers, start, out / f"pairs-{start:03d}.png")
    return len(tiles)


def save_sheet(tiles: list[np.ndarray], answers: list[dict[str, Any]], start: int, path: Path) -> None:
    """Draw pairs `start` and after, two a row at their real size, each under its question."""
    height, width = tiles[start].shape[:2]
    sheet = Image.new("RGB", (2 * (width + 8), PAIRS_A_SHEET // 2 * (height + LABEL_PX)))
    for j, tile in enumerate(tiles[start : start + PAIRS_A_SHEET]):
        x, y = j % 2 * (width + 8), j // 2 * (height + LABEL_PX)
        sheet.paste(Image.fromarray(tile), (x, y + LABEL_PX))
        question = f"{start + j}: which has more {QUESTIONS[answers[start + j]['direction']]}?"
        ImageDraw.Draw(sheet).text((x + 4, y + 2), question, fill=(255, 255, 0))
    sheet.save(path)


def compare(out: Path, guesses: list[str], told: list[str]) -> dict[str, Any]:
    """Return how many guesses are right, in all and by direction, as right and asked, and how often the edited one was told."""
    answers = json.loads((out / "answers.json").read_text())
    right = [guess == answer["more"] for guess, answer in zip(guesses, answers, strict=True)]
    by_direction = {
        name: [sum(r for r, a in zip(right, answers, strict=True) if a["direction"] == name), count]
        for name, count in Counter(answer["direction"] for answer in answers).items()
    }
    apart = [answer["face_distance"] for answer in answers if answer["face_distance"] is not None]
    return {
        "pairs": len(right),
        "right": sum(right),
        "by_direction": by_direction,
        "told": sum(one == answer["edited"] for one, answer in zip(told, answers, strict=False)),
        "largest_face_distance": max(apart, default=None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="folder of aligned faces (jpg)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num", type=int, default=30)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--any", action="store_true", help="draw any direction, whether it shows or not")
    parser.add_argument("--guesses", help="L or R for each pair, with spaces: compare instead of drawing")
    parser.add_argument("--told", default="", help="with --guesses, L or R for each pair: the one that was edited")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.guesses:
        print(json.dumps(compare(arguments.out, arguments.guesses.split(), arguments.told.split())))
        return
    train_paths, held_out_paths = split_faces(list(arguments.faces.glob("*.jpg")))
    num = draw_pairs([*train_paths, *held_out_paths], arguments.out, arguments.num, arguments.seed, is_any=arguments.any)
    print(json.dumps({"pairs": num, "sheets": str(arguments.out)}))


if __name__ == "__main__":
    main()
