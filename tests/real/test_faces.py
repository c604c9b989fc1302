"""Which faces of real ads are left alone, against what a person saw (`faces.csv`), where the pictures are.

Kinds: adult (may be edited), child, statue, drawing, covered, turned (away), bystander, small. Ads of the half "work" alone.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative.editor.models import refuse_faces
from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.networks.checkpoints import load_face_model
from tests.real.labels import FOLDERS

LEAST_EDITED = 3  # of the adults: a rule that leaves everybody alone is none


def read_labels() -> dict[str, list[tuple[float, float, str]]]:
    """Return by file the middle of each face, as shares of the picture, and its kind."""
    found = defaultdict(list)
    with Path(__file__).with_name("faces.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            left, top, right, bottom = (float(row[side]) for side in ("left", "top", "right", "bottom"))
            found[row["file"]].append(((left + right) / 2, (top + bottom) / 2, row["kind"]))
    return found


def test_labels_name_kinds() -> None:
    kinds = [kind for faces in read_labels().values() for *_, kind in faces]
    assert set(kinds) == {"adult", "child", "statue", "drawing", "covered", "turned", "bystander", "small"}
    assert len(kinds) - kinds.count("adult") >= 40


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not FOLDERS[0].is_dir(), reason="no ../shared beside the checkout")
def test_no_face_but_an_adults_is_edited_in_real_ads() -> None:
    analyzer, codec = load_face_analyzer(), FaceCodec(load_face_model(embedded_dir("faces")))
    directions, wrong, edited = DirectionSet.load(embedded_dir("directions")), [], 0
    for name, labels in read_labels().items():
        path = next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)
        if path is None:
            continue
        with Image.open(path) as opened:
            image_u8 = np.asarray(opened.convert("RGB"))
        height, width = image_u8.shape[:2]
        for face in refuse_faces(image_u8, analyzer.analyze(image_u8), codec, directions):
            x0, y0, x1, y1 = face.box_xyxy_px
            kinds = [kind for x, y, kind in labels if x0 < x * width < x1 and y0 < y * height < y1]
            edited += face.refusal is None
            wrong += [(name, kinds)] if face.refusal is None and kinds != ["adult"] else []
    assert wrong == []
    assert edited >= LEAST_EDITED
