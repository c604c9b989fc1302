"""Training of the projections: start, loss, retrieval figures, and the script on a handful of pictures."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from adcreative.encoders.creative_clip import CreativeClip
from adcreative.errors import TrainingError
from data.make import clip_training as training

CONFIG = replace(training.ClipTrainingConfig(), num_steps=60, batch_size=64)


def planted_outputs(num_pictures: int = 200, num_texts: int = 10) -> training.TowerOutputs:
    """Each text has a direction in the picture tower and another in the text tower; pictures show their text's plus noise."""
    generator = torch.Generator().manual_seed(0)
    shown = torch.arange(num_pictures) % num_texts
    codes = torch.randn(num_texts, 1280, generator=generator)
    pictures = 3 + codes[shown] + 1.5 * torch.randn(num_pictures, 1280, generator=generator)
    texts = 1 + torch.randn(num_texts, 384, generator=generator)
    return training.TowerOutputs(pictures, texts, F.one_hot(shown, num_texts).bool(), torch.arange(num_pictures) % 7 == 0)


def test_loss_equals_a_naive_loop_and_skips_rows_without_a_right_column() -> None:
    similarity = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    right = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]]).bool()
    expected = []
    for row, truth in zip(similarity.exp(), right, strict=True):
        if truth.any():
            expected.append(-torch.log(row[truth].sum() / row.sum()))
    torch.testing.assert_close(training.contrastive_loss(similarity, right), torch.stack(expected).mean())


def test_unsoftened_start_is_numpys_pca() -> None:
    features = np.random.default_rng(0).normal(size=(300, 12)) * np.arange(1, 13)
    features -= features.mean(0)  # then only the removed mean direction differs, and that is arbitrary but tiny
    features = np.concatenate([features, np.ones((300, 1)) * 1e3], 1)
    found = training.softened_pca(torch.from_numpy(features).float(), 3, 0.0).numpy()
    _, _, axes = np.linalg.svd(features - features.mean(0))
    cosines = [abs(a @ b) / np.linalg.norm(a) for a, b in zip(found, axes[:3], strict=True)]
    np.testing.assert_allclose(cosines, 1.0, atol=1e-3)


def test_training_finds_planted_pairs_and_repeats_exactly() -> None:
    outputs, words = planted_outputs(), torch.zeros(0, 384)
    fitted = training.fit_projections(outputs, words, CONFIG)
    found = training.evaluate_retrieval(fitted, outputs, top=1)
    assert found["recall_texts"] > 0.9
    assert found["chance_texts"] == pytest.approx(0.1)
    again = training.fit_projections(outputs, words, CONFIG)
    assert torch.equal(fitted.picture, again.picture)
    assert torch.equal(fitted.text, again.text)


def write_faces(folder: Path, num_faces: int = 24) -> Path:
    """Dark and bright squares with their words; file names spread over the held-out hash."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(num_faces):
        level, caption = (40, "dark|night") if number % 2 else (210, "bright")
        pixels = np.clip(rng.normal(level, 15, (48, 48, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append({"file_name": f"{number}.png", "captions": caption})
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file_name", "captions"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_captions_are_split_and_every_tenth_picture_is_held_out(tmp_path: Path) -> None:
    data = training.read_faces(write_faces(tmp_path / "faces"))
    assert data.texts[:2] == (("bright",), ("dark", "night"))
    names = tuple(Path(f"{i}.png") for i in range(2000))
    share = training.CaptionedPictures(names, ((),) * 2000).is_held_out().mean()
    assert share == pytest.approx(0.1, abs=0.02)


def test_faces_without_table_or_captions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"captioned faces need metadata\.csv with file_name and captions"):
        training.read_faces(tmp_path)
    (tmp_path / "metadata.csv").write_text("file_name,captions\na.png,\n")
    with pytest.raises(TrainingError, match="has no captions; at least one face must have some"):
        training.read_faces(tmp_path)


@pytest.mark.slow
def test_script_exports_projections_that_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces, out, exported = write_faces(tmp_path / "faces"), tmp_path / "run", tmp_path / "projections"
    ads = tmp_path / "ads"
    write_faces(ads, 6)
    (ads / "metadata.csv").write_text("file_name,headline\n" + "".join(f"{i}.png,Headline number {i}\n" for i in range(6)))
    monkeypatch.setattr(training, "ClipTrainingConfig", lambda: CONFIG)
    training.main([str(faces), "--ads", str(ads), "--out", str(out), "--export", str(exported)])
    clip = CreativeClip.load(path=exported)
    dark, bright = (np.full((50, 50, 3), level, np.uint8) for level in (40, 210))
    images, texts = clip.encode_images([dark, bright]), clip.encode_texts(["dark", "bright"])
    for rows in (images, texts):  # whether projections learn is tested on planted outputs; thirty squares are too few
        assert rows.shape == (2, 256)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)
        assert not np.allclose(rows[0], rows[1], atol=1e-3)
    manifest = json.loads((exported / "manifest.json").read_text())
    assert set(manifest["held_out"]) == {"faces"}, "none of six ads is held out, so there is nothing to say about ads"
    assert "6 ads of the project's own market simulator" in (exported / "README.md").read_text()
    assert (out / "faces.npz").is_file()
