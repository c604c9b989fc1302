"""Measurements of a tuned language model: likelihoods of lines, preference accuracy, perplexity, win rates, defects.

Intervals are 95 % bootstrap intervals over tests (or briefs), since lines of one test are not independent. Lines are [N], tests
[T], pairs [K]. Knows models and numbers; adapter_card chooses the comparisons.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adcreative.copywriter.brief import WORD
from adcreative.copywriter.engines.decoding import SampledRow, SamplingConfig, SharedPrompt
from adcreative.copywriter.rules import word_set
from adcreative.metrics.bootstrap import Interval, draw_group_counts
from data.make.headline_tests import HeadlineTests, build_pairs

NUM_RESAMPLES = 2000
LENGTH_TOLERANCE = 0.1
_BATCH_LINES = 32
_OPENERS = {"(": ")", "[": "]", "“": "”"}


@dataclass(frozen=True)
class LineLikelihoods:
    """Log-likelihood of each line given its prompt, end of text included: total [N] in nats, and num_tokens [N]."""

    total: np.ndarray
    num_tokens: np.ndarray

    @property
    def per_token(self) -> np.ndarray:
        return self.total / self.num_tokens


@torch.inference_mode()
def line_likelihoods(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    lines: Sequence[str],
    *,
    is_bf16: bool = False,
) -> LineLikelihoods:
    """Return the likelihood of lines [N], each after its prompt [N]; the prompt's own tokens do not count.

    is_bf16: run the layers in bfloat16, twice as fast; totals then differ by some hundredths of a nat per token.
    """
    rows = []
    for prompt, line in zip(prompts, lines, strict=True):
        before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        answer = tokenizer(" " + line, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        rows.append((before, answer))
    total, num_tokens = np.zeros(len(rows)), np.array([len(answer) for _, answer in rows])
    order = np.argsort([len(before) + len(answer) for before, answer in rows], kind="stable")
    for begin in range(0, len(order), _BATCH_LINES):
        block = order[begin : begin + _BATCH_LINES]
        width = max(len(rows[place][0]) + len(rows[place][1]) for place in block)
        ids = torch.full((len(block), width), int(tokenizer.eos_token_id))
        mask, is_answer = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for row, place in enumerate(block):
            before, answer = rows[place]
            ids[row, : len(before) + len(answer)] = torch.tensor(before + answer)
            mask[row, : len(before) + len(answer)] = 1
            is_answer[row, len(before) : len(before) + len(answer)] = True
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            hidden = model.base_model(ids, attention_mask=mask, use_cache=False).last_hidden_state[:, :-1]  # [B, W - 1, D]
        wanted = is_answer[:, 1:]
        logits = model.get_output_embeddings()(hidden[wanted]).float()  # [tokens, V]
        log_probs = -torch.nn.functional.cross_entropy(logits, ids[:, 1:][wanted], reduction="none")
        owner = torch.arange(len(block))[:, None].expand(wanted.shape)[wanted]
        total[block] = torch.zeros(len(block)).index_add(0, owner, log_probs).double().numpy()
    return LineLikelihoods(total, num_tokens)


def ratio_interval(numerator: np.ndarray, denominator: np.ndarray, *, seed: int = 0) -> Interval:
    """Return sum(numerator) / sum(denominator), both [T], with its interval over tests."""
    draws = draw_group_counts(len(numerator), NUM_RESAMPLES, rng=np.random.default_rng(seed))
    resampled = (draws @ numerator) / np.maximum(draws @ denominator, 1e-12)
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Interval(float(numerator.sum() / max(denominator.sum(), 1e-12)), float(low), float(high))


def preference_hits(tests: HeadlineTests, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, per test [T], the number of significant pairs ordered correctly by `scores` [N] (equal: half), and of all."""
    pairs = build_pairs(tests)
    first, second = pairs.first[pairs.significant], pairs.second[pairs.significant]
    right = (scores[first] > scores[second]) + 0.5 * (scores[first] == scores[second])
    owner = pairs.test_idx[pairs.significant]
    return np.bincount(owner, right, len(tests.test_ids)), np.bincount(owner, minlength=len(tests.test_ids))


def preference_accuracy(tests: HeadlineTests, scores: np.ndarray, baseline: np.ndarray | None = None) -> Interval:
    """Return the share of significant pairs in the right order; with a baseline [N], the difference from the baseline's."""
    hits, count = preference_hits(tests, scores)
    return ratio_interval(hits if baseline is None else hits - preference_hits(tests, baseline)[0], count)


def perplexity(tests: HeadlineTests, likelihoods: LineLikelihoods) -> Interval:
    """Return exp(-nats per token) over all arms, with its interval over tests."""
    total = np.bincount(tests.test_idx, -likelihoods.total, len(tests.test_ids))
    nats = ratio_interval(total, np.bincount(tests.test_idx, likelihoods.num_tokens, len(tests.test_ids)))
    return Interval(*(float(np.exp(value)) for value in (nats.value, nats.low, nats.high)))


def sample_lines(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompt: str,
    num_lines: int,
    *,
    seed: int,
    config: SamplingConfig,
) -> list[tuple[str, bool]]:
    """Return lines generated after `prompt`, each with whether it is finished; all ordinary tokens are allowed."""
    encode = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
    allowed = torch.ones(int(model.config.get_text_config().vocab_size), dtype=torch.bool)
    allowed[[token for token in tokenizer.all_special_ids if token < len(allowed)]] = False
    ids = encode(prompt)
    rows: list[SampledRow] = SharedPrompt(model, ids[:-1]).sample(
        [ids[-1:]] * num_lines,
        allowed=allowed,
        stop_ids=[encode("\n")[-1], int(tokenizer.eos_token_id)],
        config=config,
        generator=torch.Generator().manual_seed(seed),
    )
    return [(str(tokenizer.decode(list(row.token_ids))).strip(), row.is_finished) for row in rows]


def length_matched_wins(
    lines: Sequence[str], scores: np.ndarray, other_lines: Sequence[str], other_scores: np.ndarray
) -> tuple[float, int]:
    """Return the number of pairs (one line of each list) won by the first list, equal scores counting half, and of all pairs.

    Only pairs whose lengths in characters differ by at most 10 % of the longer are compared, so that a score that prefers
    long lines does not reward length.
    """
    wins, count = 0.0, 0
    for line, score in zip(lines, scores, strict=True):
        for other, other_score in zip(other_lines, other_scores, strict=True):
            longer = max(len(line), len(other))
            if longer and abs(len(line) - len(other)) <= LENGTH_TOLERANCE * longer:
                wins += float(score > other_score) + 0.5 * float(score == other_score)
                count += 1
    return wins, count


def is_repetitive(line: str) -> bool:
    """Return whether a line repeats a word twice in a row, three words in a row twice, or one content word three times."""
    words = [word.casefold() for word in WORD.findall(line)]
    triples = list(zip(words, words[1:], words[2:], strict=False))
    content = [word for word in words if word not in word_set("language", "function_words")]
    return (
        any(left == right for left, right in itertools.pairwise(words))
        or len(set(triples)) < len(triples)
        or any(content.count(word) > 2 for word in set(content))
    )


def is_malformed(line: str, *, is_finished: bool = True) -> bool:
    """Return whether a line is malformed by simple signs; a substitute for a grammar check that misses other errors.

    Malformed: unfinished at the limit, fewer than two words, a final comma, dash, colon or word that needs another one
    (an article, a preposition), an unclosed quote or bracket, an initial closing mark, or a space before the full stop.
    """
    words = WORD.findall(line)
    if not is_finished or len(words) < 2 or line.rstrip(" \"'”’").endswith((",", "-", "–", "—", ":", ";")):
        return True
    wants_more = {"a", "an", "the", "of", "and", "or", "to", "for", "with", "from", "by", "at", "your", "their", "our", "my"}
    is_open = any(line.count(opener) != line.count(closer) for opener, closer in _OPENERS.items())
    return (
        is_open
        or line.count('"') % 2 == 1
        or (words[-1].casefold() in wants_more and line.rstrip().endswith(words[-1]))
        or re.match(r"[\s.,;:!?)\]]", line) is not None
        or re.search(r"\w\s+[.,;!?]", line) is not None
    )
