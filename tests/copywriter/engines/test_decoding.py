"""Batched sampling on a tiny random model: rows are independent, seeded and stoppable."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from adcreative.copywriter.engines.decoding import SamplingConfig, SharedPrompt, _draw  # noqa: E402
from adcreative.encoders.gguf_cache import load_language_model  # noqa: E402

SIZE = 14


@pytest.fixture(scope="module")
def model(tiny_model_dir, tmp_path_factory):
    return load_language_model(tiny_model_dir, tmp_path_factory.mktemp("cache"))[0]


def _sample(prompt, starts, seed=0, allowed=None, should_stop=None, **settings):
    allowed = torch.ones(SIZE, dtype=torch.bool) if allowed is None else allowed
    config = SamplingConfig(**{"max_new_tokens": 6, **settings})
    generator = torch.Generator().manual_seed(seed)
    return prompt.sample(starts, allowed=allowed, stop_ids=[0, 2], config=config, generator=generator, should_stop=should_stop)


def test_the_same_seed_gives_the_same_rows(model) -> None:
    prompt = SharedPrompt(model, [3, 4, 5])
    assert _sample(prompt, [[6], [7]], seed=1) == _sample(prompt, [[6], [7]], seed=1)
    assert _sample(prompt, [[6], [7]], seed=1) != _sample(prompt, [[6], [7]], seed=2)


def test_the_global_generator_is_not_touched(model) -> None:
    before = torch.random.get_rng_state()
    _sample(SharedPrompt(model, [3, 4, 5]), [[6]])
    assert torch.equal(before, torch.random.get_rng_state())


def test_shared_prompt_and_padding_change_nothing(model) -> None:
    """Greedy rows equal those of the plain model on the whole text, whatever stands beside them in the batch."""
    starts = [[6], [7, 8, 9], [10, 11]]
    rows = _sample(SharedPrompt(model, [3, 4]).extended([5]), starts, temperature=1e-4, max_new_tokens=4, min_new_tokens=4)
    for start, row in zip(starts, rows, strict=True):
        tokens = [3, 4, 5, *start]
        for token in row.token_ids:
            logits = model(torch.tensor([tokens])).logits[0, -1]
            logits[[0, 2]] = -torch.inf
            assert token == int(logits.argmax())
            tokens.append(token)


def test_extending_leaves_the_first_prompt_alone(model) -> None:
    prompt = SharedPrompt(model, [3, 4])
    before = _sample(prompt, [[6]])
    assert prompt.extended([5, 6]).num_tokens == 4
    assert prompt.num_tokens == 2
    assert _sample(prompt, [[6]]) == before


def test_only_allowed_tokens_are_drawn(model) -> None:
    allowed = torch.zeros(SIZE, dtype=torch.bool)
    allowed[[4, 9]] = True
    for row in _sample(SharedPrompt(model, [3]), [[6]] * 8, allowed=allowed):
        assert set(row.token_ids) <= {4, 9}


def test_stopping_ends_between_steps(model) -> None:
    steps = []
    rows = _sample(SharedPrompt(model, [3]), [[6]] * 3, min_new_tokens=6, should_stop=lambda: steps.append(1) or len(steps) > 2)
    assert [len(row.token_ids) for row in rows] == [2, 2, 2]
    assert not any(row.is_finished for row in rows)


def test_an_empty_prompt_is_refused(model) -> None:
    with pytest.raises(ValueError, match="the shared prompt has no tokens"):
        SharedPrompt(model, [])


def test_draws_follow_the_nucleus() -> None:
    log_probs = torch.tensor([[0.6, 0.3, 0.1]]).log().repeat(4000, 1)
    drawn = _draw(log_probs, SamplingConfig(temperature=1.0, top_p=0.7), torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=3) / 4000
    assert counts[2] == 0
    assert counts[0] == pytest.approx(2 / 3, abs=0.03)
