"""The headline model: agrees with MiniLM itself, rows independent, saved and loaded without loss, refuses what is damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adcreative.artifacts import load_artifact, save_artifact
from adcreative.encoders import weights
from adcreative.encoders.creative_clip import CreativeClip
from adcreative.encoders.headline import (
    FORMAT,
    KIND,
    MAX_TOKENS,
    SURFACE_FEATURES,
    HeadlineModel,
    HeadlineNet,
    read_language,
    read_minilm,
    save_headline_net,
    surface_features,
)
from adcreative.errors import ArtifactError, WeightsError

FITTED = {
    "pool_mean",
    "pool_scale",
    "language_mean",
    "language_scale",
    "surface_mean",
    "surface_scale",
    "head",
    "language_head",
    "surface_head",
}
HEADLINES = [
    "Short one",
    "You Won't Believe What This 5-Year-Old Did Next",
    "a much longer headline that goes on for a while, with a comma. And a full stop.",
    "🎉 emoji and 标题",
    "عنوان من اليمين إلى اليسار",
]


@pytest.fixture(scope="module")
def model() -> HeadlineModel:
    """Both language models, the second cut after two layers, with random heads: everything but the training."""
    minilm, tokenizer = read_minilm(weights.find_weight("minilm"))
    language, language_tokenizer = read_language(weights.find_weight("smollm2-135m"), 2)
    net = HeadlineNet(minilm, language)
    generator = torch.Generator().manual_seed(0)
    for linear in (net.head, net.language_head, net.surface_head):
        linear.weight.data.normal_(0, 0.1, generator=generator)
    net.head.bias.data.zero_()
    net.language_scale.fill_(10.0)
    return HeadlineModel(net, tokenizer, language_tokenizer, "test")


@pytest.fixture
def saved_dir(model: HeadlineModel, tmp_path: Path) -> Path:
    save_headline_net(tmp_path / "saved", model.net, config={"seed": 0})
    return tmp_path / "saved"


def test_pools_are_means_of_the_models_own_states(model: HeadlineModel) -> None:
    from transformers import AutoTokenizer, BertModel

    from adcreative.encoders.gguf_cache import default_cache_dir, load_language_model

    folder = weights.find_weight("minilm")
    minilm, tokenizer = BertModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    language, language_tokenizer = load_language_model(weights.find_weight("smollm2-135m"), default_cache_dir())
    found, found_language = model.pool_minilm(HEADLINES), model.pool_language(HEADLINES)
    for row, text in enumerate(HEADLINES):
        with torch.inference_mode():
            states = minilm(**tokenizer([text], return_tensors="pt"), output_hidden_states=True).hidden_states
            ids = [language_tokenizer.bos_token_id, *language_tokenizer(text, add_special_tokens=False)["input_ids"]]
            deep = language(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[2]
        for place, depth in enumerate(model.net.pooled_states):
            torch.testing.assert_close(found[row, place], states[depth][0].mean(0), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found_language[row], deep[0, 1:].mean(0), atol=1e-3, rtol=1e-3)


def test_score_does_not_depend_on_the_other_rows(model: HeadlineModel) -> None:
    together = model.score(HEADLINES)
    assert np.array_equal(together, np.concatenate([model.score([text]) for text in HEADLINES]))
    assert np.array_equal(together[::-1], model.score(HEADLINES[::-1]))
    assert np.array_equal(together, model.score(HEADLINES + [f"other {i}" for i in range(20)])[: len(HEADLINES)])


def test_score_is_the_formula_of_the_docstring(model: HeadlineModel) -> None:
    line = HEADLINES[:1]
    pooled, deep = model.pool_minilm(line)[0].flatten(), model.pool_language(line)[0]
    surface = torch.from_numpy(surface_features(line[0]))
    net = model.net
    expected = pooled @ net.head.weight[0] + deep / 10 @ net.language_head.weight[0] + surface @ net.surface_head.weight[0]
    assert model.score(line)[0] == pytest.approx(float(expected), abs=1e-4)


def test_reading_is_score_and_wording_and_wording_is_early_state_and_surface(model: HeadlineModel) -> None:
    read, wording = model.read(HEADLINES), model.read_wording(HEADLINES)
    np.testing.assert_array_equal(read[:, 0], model.score(HEADLINES))
    np.testing.assert_array_equal(read[:, 1:], wording)
    assert wording.shape == (len(HEADLINES), 384 + len(SURFACE_FEATURES))
    np.testing.assert_allclose(wording[1, :384], model.pool_minilm(HEADLINES[1:2])[0, 0].numpy(), atol=1e-6)
    np.testing.assert_allclose(wording[1, 384:], surface_features(HEADLINES[1]), atol=1e-6)
    assert not model.read_wording(["", " "]).any()


def test_blank_scores_zero_and_nothing_gives_nothing(model: HeadlineModel) -> None:
    scores = model.score(["", "  \n", "words"])
    assert scores[:2].tolist() == [0, 0]
    assert scores[2] != 0
    assert model.score([]).shape == (0,)
    assert model.score(["x"]).dtype == np.float32


def test_long_and_odd_texts_are_cut_and_finite(model: HeadlineModel) -> None:
    texts = ["word " * 2000, "x" * 10_000, "\u200f\u200b", "🎉" * 500]
    assert np.isfinite(model.score(texts)).all()
    assert max(len(ids) for ids in model.tokenize(texts)) <= MAX_TOKENS


def test_surface_features_see_what_an_uncased_model_does_not() -> None:
    assert surface_features("").shape == (len(SURFACE_FEATURES),)
    found = dict(zip(SURFACE_FEATURES, surface_features('WOW, he said "3 of us"... Really? Yes!').tolist(), strict=True))
    expected = {"shouted_words": 1, "digit": 1, "question": 1, "exclamation": 1, "quote": 1, "ellipsis": 1, "commas": 1}
    assert {key: found[key] for key in expected} == expected
    assert found["ends_with_stop"] == 0
    assert np.abs(surface_features("A. " * 5000)).max() <= 10


def test_saved_and_loaded_twice_is_bit_equal(saved_dir: Path, model: HeadlineModel, tmp_path: Path) -> None:
    once = HeadlineModel.load(saved_dir)
    np.testing.assert_allclose(once.score(HEADLINES), model.score(HEADLINES), atol=5e-3)  # fp16 on disk
    save_headline_net(tmp_path / "again", once.net)
    twice = HeadlineModel.load(tmp_path / "again")
    assert np.array_equal(once.score(HEADLINES), twice.score(HEADLINES))
    assert once.content_hash == twice.content_hash != model.content_hash


def test_language_models_are_not_stored(saved_dir: Path) -> None:
    stored = load_artifact(saved_dir, kind=KIND, formats=(FORMAT,)).tensors
    assert {name.split(".")[0] for name in stored} == FITTED


def rewrite(saved_dir: Path, target_dir: Path, change: dict[str, np.ndarray | None], **notes: Any) -> Path:
    """Save the artefact again with tensors replaced or, for None, left out."""
    artifact = load_artifact(saved_dir, kind=KIND, formats=(FORMAT,))
    tensors = {k: v for k, v in (artifact.tensors | change).items() if v is not None}
    notes = {key: artifact.manifest[key] for key in ("language_layers", "pooled_states")} | notes
    save_artifact(target_dir, kind=KIND, format_version=FORMAT, tensors=tensors, notes=notes)
    return target_dir


def test_tensors_of_another_shape_are_refused(saved_dir: Path, tmp_path: Path) -> None:
    changed = rewrite(saved_dir, tmp_path / "changed", {"head.weight": np.zeros((1, 7), np.float16)})
    with pytest.raises(ArtifactError, match="does not fit its manifest"):
        HeadlineModel.load(changed)


def test_missing_and_unknown_tensors_are_named(saved_dir: Path, tmp_path: Path) -> None:
    changed = rewrite(saved_dir, tmp_path / "changed", {"head.bias": None, "tail.bias": np.zeros(1, np.float16)})
    with pytest.raises(ArtifactError, match=r"misses \['head.bias'\] and has no place for \['tail.bias'\]"):
        HeadlineModel.load(changed)


def test_absent_minilm_is_a_weights_error(saved_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_MINILM", str(tmp_path / "nowhere"))
    with pytest.raises(WeightsError, match="ADCREATIVE_WEIGHTS_MINILM says"):
        HeadlineModel.load(saved_dir)


def test_absent_language_model_is_a_weights_error(saved_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_SMOLLM2_135M", str(tmp_path / "empty"))
    with pytest.raises(WeightsError):
        HeadlineModel.load(saved_dir)


def test_a_minilm_folder_elsewhere_can_be_given(saved_dir: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(weights.find_weight("minilm"), tmp_path / "minilm")
    given = HeadlineModel.load(saved_dir, copied).score(HEADLINES)
    assert np.array_equal(given, HeadlineModel.load(saved_dir).score(HEADLINES))


def test_shipped_model_is_at_least_as_good_as_promised() -> None:
    model = HeadlineModel.load()
    assert np.isfinite(model.score(HEADLINES)).all()
    manifest = json.loads((weights.find_weight("headline") / "manifest.json").read_text())
    for found in (manifest["held_out"]["all weeks"], manifest["cross_validated"]):
        assert found["pairwise_accuracy_significant"] >= 0.70
        assert found["pairwise_accuracy"] >= 0.58
    assert manifest["cross_validated"]["pairwise_accuracy_significant"] >= 0.74
    assert manifest["cross_validated"]["pairwise_accuracy"] >= 0.62


def test_loaded_tools_read_words_through_one_minilm() -> None:
    from adcreative.encoders.packing import sharing_states
    from adcreative.verbs.loading import load_tools

    tools = load_tools()
    assert tools.clip.minilm is tools.headline_model.minilm
    assert tools.extractor.sharing is sharing_states
    own = CreativeClip.load()
    assert own.minilm is not tools.clip.minilm
    np.testing.assert_array_equal(own.encode_texts(HEADLINES), tools.clip.encode_texts(HEADLINES))
