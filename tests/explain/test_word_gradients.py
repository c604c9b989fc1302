"""Integrated gradients over tokens, on real towers of a few random layers: they add up, and they find the planted word."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from adcreative.creative import Creative
from adcreative.ctr.predictor import Predictor
from adcreative.explain import word_gradients
from adcreative.explain.word_gradients import has_gradients, integrate_words
from adcreative.features.batch import CreativeFeatures
from adcreative.verbs.loading import load_scorer
from data.make.predictor_fitting import fit_predictor
from tests.ctr.conftest import SMALL
from tests.ctr.planted import TEXT_DIM, plant_tests

VOCABULARY = {"[pad]": 0, "[cls]": 1, "[sep]": 2}


def to_ids(text: str) -> list[int]:
    """One token a word, two for a word with a hyphen."""
    return [VOCABULARY.setdefault(part, len(VOCABULARY)) for part in text.lower().replace("-", " - ").split() if part]


class TextModel(nn.Module):
    """A text tower: the mean of embeddings through a tanh layer, as a unit vector."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table, self.layer = nn.Embedding(60, 12, padding_idx=0), nn.Linear(12, TEXT_DIM)
        for parameter in self.parameters():
            nn.init.normal_(parameter, generator=generator)

    def encode_text(self, ids: torch.Tensor, normalize: bool = True) -> torch.Tensor:
        vector = torch.tanh(self.layer(self.table(ids).mean(dim=1)))
        return vector / vector.norm(dim=1, keepdim=True)


class HeadlineNetLike(nn.Module):
    """Score: the sum of a planted worth per token, half of it seen by each model; wording: its embedding's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.minilm, self.language = nn.Module(), nn.Module()
        self.minilm.embeddings = nn.Module()
        self.minilm.embeddings.word_embeddings = self._table()
        self.language.embed_tokens = self._table()

    @staticmethod
    def _table() -> nn.Embedding:
        table = nn.Embedding(60, 3)
        nn.init.zeros_(table.weight)
        with torch.no_grad():
            table.weight[VOCABULARY.setdefault("free", len(VOCABULARY))] = 0.15
        return table

    def pool_minilm(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.minilm.embeddings.word_embeddings(ids)[:, None]

    def pool_language(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.language.embed_tokens(ids)

    def score_minilm(self, pooled: torch.Tensor) -> torch.Tensor:
        return pooled.sum(dim=(1, 2, 3))

    def score_language(self, pooled: torch.Tensor) -> torch.Tensor:
        return pooled.sum(dim=(1, 2))

    def score_surface(self, surface: torch.Tensor) -> torch.Tensor:
        return torch.zeros(1)

    def wording(self, pooled: torch.Tensor, surface: torch.Tensor) -> torch.Tensor:
        return pooled.mean(dim=(1, 2))


def clip_tokens(texts: list[str]) -> torch.Tensor:
    """Padded to ten tokens, as open_clip pads to its context; the last one kept is the end."""
    rows = [[1, *to_ids(text)[:8], 2] for text in texts]
    return torch.tensor([row + [0] * (10 - len(row)) for row in rows])


def tokenize_words(words: list[str], has_marks: bool) -> list[list[int]]:
    return [to_ids(word) for word in words]


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    world = plant_tests(40, seed=2)
    features = [replace(one, body=None if one.text is None else one.text[::-1].copy()) for one in world.features]
    return fit_predictor(world.creatives, features, replace(SMALL, num_members=1), seed=0)


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch) -> Any:
    clip = SimpleNamespace(model=TextModel(), tokenizer=clip_tokens)
    net = HeadlineNetLike()

    def pool_language(lines: list[str]) -> torch.Tensor:
        return torch.stack([net.language.embed_tokens(torch.tensor([1, *to_ids(line)])).sum(dim=0)[None] for line in lines])

    headline = SimpleNamespace(
        net=net,
        tokenize=lambda texts: [[1, *to_ids(text), 2] for text in texts],
        tokenizer=SimpleNamespace(read=tokenize_words),
        pool_language=pool_language,
    )
    monkeypatch.setattr(word_gradients, "CreativeClip", SimpleNamespace)
    monkeypatch.setattr(word_gradients, "HeadlineModel", SimpleNamespace)
    return SimpleNamespace(clip=clip, headline_model=headline)


def read(extractor: Any, headline: str) -> CreativeFeatures:
    with torch.no_grad():
        text = extractor.clip.model.encode_text(clip_tokens([headline]))[0].numpy()
        net, ids = extractor.headline_model.net, torch.tensor([[1, *to_ids(headline), 2]])
        appeal = float(net.score_minilm(net.pool_minilm(ids, ids)) + net.score_language(net.pool_language(ids, ids)))
    return CreativeFeatures(text=text, appeal=appeal)


def test_weights_add_up_and_the_planted_word_is_first(predictor: Predictor, extractor: Any) -> None:
    assert has_gradients(extractor)
    creative = Creative(headline="try it free to-day now")
    features = read(extractor, creative.headline)
    found = integrate_words(creative, features, predictor, extractor)
    assert [word.word for word in found] == ["try", "it", "free", "to-day", "now"]
    assert max(found, key=lambda word: word.log_odds).word == "free"
    blank = torch.tensor([[1, 0, 0, 0, 0, 0, 0, 0, 2, 0]])[:, :9]
    with torch.no_grad():
        text = extractor.clip.model.encode_text(blank)[0].numpy()
    nothing = replace(features, text=text, appeal=0.0)
    full, base = predictor.predict_log_odds([creative] * 2, [features, nothing])[0]
    assert sum(word.log_odds for word in found) == pytest.approx(full - base, abs=0.02)


def test_words_of_both_fields_in_reading_order_and_cut_words_weigh_nothing(predictor: Predictor, extractor: Any) -> None:
    creative = Creative(headline="free now", primary_text="one two three four five six seven eight", description="nine")
    features = replace(read(extractor, creative.headline), body=np.ones(TEXT_DIM, np.float32))
    found = integrate_words(creative, features, predictor, extractor)
    assert [(word.field, word.position) for word in found][:3] == [("headline", 0), ("headline", 1), ("primary_text", 0)]
    assert found[-1].word == "nine"
    assert found[-1].log_odds == 0.0
    assert all(word.log_odds != 0 for word in found[2:-1])
    assert integrate_words(Creative(file_name="a.png"), CreativeFeatures(), predictor, extractor) == []


def test_one_pass_through_the_network_of_both_vectors_says_what_two_say(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor: Any
    extractor, predictor = load_scorer()
    creative = Creative(headline="Fresh coffee at your door", primary_text="Roasted on Monday.")
    (features,) = extractor.without_cache().extract([creative])
    hooked, hang = list[Any](), nn.Module.register_forward_hook
    monkeypatch.setattr(nn.Module, "register_forward_hook", lambda one, *a, **k: [hooked.append(one), hang(one, *a, **k)][1])
    num_towers: list[int] = []
    integrate = word_gradients._integrate
    monkeypatch.setattr(word_gradients, "_integrate", lambda *a: [num_towers.append(len(a[2])), integrate(*a)][1])
    once = integrate_words(creative, features, predictor, extractor)
    monkeypatch.setattr(extractor.clip, "minilm", None)
    twice = integrate_words(creative, features, predictor, extractor)
    assert num_towers == [1, 1, 2, 2]
    assert [word.word for word in once] == [word.word for word in twice]
    assert max(abs(word.log_odds) for word in once) > 0.01
    np.testing.assert_allclose([word.log_odds for word in once], [word.log_odds for word in twice], atol=1e-5)
    shared = [*extractor.headline_model.net.modules(), *extractor.clip.model.modules()]
    assert hooked  # on no network that others may read words with meanwhile
    assert not {id(one) for one in hooked} & {id(one) for one in shared}


def test_other_encoders_have_no_gradients() -> None:
    assert not has_gradients(SimpleNamespace(extract=None))
