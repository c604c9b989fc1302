"""A causal language model on this machine as a line source: SmolLM2-135M by default, any transformers model by path or id.

The model is loaded for the first line. A larger model writes: one batch for all lines of a kind, ranked by likelihood and by
overlap with the brief. The embedded model of 135 million parameters does not write: seven of eight of its own lines were
unusable (docs/measured.md). Instead, it ranks the lines that `template` builds from the ad's own phrases by their likelihood
after the ad.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adcreative.copywriter.brief import WORD, Brief, Facts, read_facts, stem
from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.engines.adapter import is_adapter_folder, merge_adapter
from adcreative.copywriter.engines.decoding import SampledRow, SamplingConfig, SharedPrompt
from adcreative.copywriter.engines.prompts import brief_prompt, choose_starts, example_lines, examples_prompt
from adcreative.copywriter.engines.template import TemplateSource
from adcreative.copywriter.lint.checks import KINDS, check_copy, is_near_duplicate
from adcreative.copywriter.rules import word_set
from adcreative.encoders.gguf_cache import default_cache_dir, load_language_model
from adcreative.encoders.weights import find_weight
from adcreative.errors import CopywriterError, hide_passwords

EMBEDDED = "smollm2"
TUNED = "smollm2-tuned"
_WEIGHT, _ADAPTER_WEIGHT = "smollm2-135m", "copywriter"


@dataclass(frozen=True, kw_only=True)
class LocalConfig:
    """Number of rows written per wanted line, and sampling settings.

    max_rows limits time and memory. min_log_prob drops lines of low likelihood (mean nats per token). brief_bonus is added to a
    line's score for each of the first two words shared with the brief.
    """

    rows_per_line: float = 3.0
    min_rows: int = 12
    max_rows: int = 20
    headline_temperature: float = 0.75
    description_temperature: float = 0.65
    top_p: float = 0.9
    stop_push: float = 0.25
    headline_tokens: int = 12
    description_tokens: int = 14
    min_log_prob: float = -2.3
    brief_bonus: float = 0.35

    def sampling(self, kind: str) -> SamplingConfig:
        """Return the sampling settings for one kind of line."""
        is_headline = kind == "headline"
        return SamplingConfig(
            max_new_tokens=self.headline_tokens if is_headline else self.description_tokens,
            temperature=self.headline_temperature if is_headline else self.description_temperature,
            top_p=self.top_p,
            stop_push=self.stop_push,
        )


class LocalSource:
    """A LineSource over one language model, loaded once at the first proposal and shareable between threads.

    spec: "smollm2", "smollm2-tuned" (with the shipped adapter), a folder with an adapter for SmolLM2 (papers/post_training), or
    another model's folder, .gguf file or hub id.
    """

    def __init__(self, spec: str = EMBEDDED, config: LocalConfig | None = None, cache_dir: Path | None = None) -> None:
        self.engine = spec if spec in (EMBEDDED, TUNED) else Path(hide_passwords(spec)).name.removesuffix(".gguf")
        self._spec, self._config = spec, config or LocalConfig()
        self._cache_dir = cache_dir or default_cache_dir()
        self._is_adapted = spec == TUNED or is_adapter_folder(Path(spec))
        self.is_small = spec == EMBEDDED or self._is_adapted
        self._lock = threading.Lock()
        self._loaded: LoadedModel | None = None

    def propose(
        self, brief: Brief, kind: str, num_lines: int, *, seed: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return the usable rows of one batch, best first.

        Raises:
            CopywriterError: the model cannot be obtained or loaded, memory ran out, or the embedded model does not know the
                language of the brief.
        """
        facts = read_facts(brief)
        self.check_language(facts)
        if num_lines < 1 or (should_stop is not None and should_stop()):
            return []
        if self.is_small:
            return self._ranked(brief, facts, kind, num_lines, seed, should_stop)
        with self.loaded() as loaded:
            return self._written(loaded, facts, kind, num_lines, seed, should_stop)

    def _ranked(
        self, brief: Brief, facts: Facts, kind: str, num_lines: int, seed: int, should_stop: ShouldStop | None
    ) -> list[str]:
        """Return the lines of `template`, ranked by the model's likelihood after the ad; none when stopped."""
        proposed = TemplateSource().propose(brief, kind, num_lines, seed=seed, should_stop=should_stop)
        lines = [line for line in proposed if not check_copy(line, brief, kind)]
        if should_stop is not None and should_stop():
            return []
        with self.loaded() as loaded:
            prompt = loaded.examples(kind).extended(loaded.encode(brief_prompt(facts, kind)))
            scores = prompt.score([loaded.encode(f"- {line}\n") for line in lines])
        order = sorted(range(len(lines)), key=lambda place: -scores[place])
        return [lines[place] for place in order]

    def check_language(self, facts: Facts) -> None:
        """Raise a CopywriterError when the embedded model does not know the language of the words."""
        if self.is_small and not facts.is_english:
            raise CopywriterError("the embedded SmolLM2 knows English only, and the brief is in another language")

    @contextmanager
    def loaded(self) -> Iterator[LoadedModel]:
        """Give this thread exclusive use of the loaded model.

        Raises:
            CopywriterError: the model cannot be obtained or loaded, or memory runs out, here or in the block.
        """
        try:
            with self._lock:
                yield self._load()
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise CopywriterError(f"the language model {self.engine!r} ran out of memory: {error}") from error

    def _load(self) -> LoadedModel:
        if self._loaded is None:
            source = find_weight(_WEIGHT) if self.is_small else self._spec
            model, tokenizer = load_language_model(source, self._cache_dir)
            if self._is_adapted:
                merge_adapter(model, find_weight(_ADAPTER_WEIGHT) if self._spec == TUNED else Path(self._spec))
            self._loaded = LoadedModel(model, tokenizer)
        return self._loaded

    def _written(
        self, loaded: LoadedModel, facts: Facts, kind: str, num_lines: int, seed: int, should_stop: ShouldStop | None
    ) -> list[str]:
        config = self._config
        num_rows = min(max(round(config.rows_per_line * num_lines), config.min_rows), config.max_rows)
        words = "\n".join((facts.brand, facts.product, facts.headline, facts.description))
        digest = int.from_bytes(hashlib.sha256(words.encode("utf-8", "replace")).digest()[:4], "big")
        rng = np.random.default_rng([seed % 2**32, KINDS.index(kind), digest])
        starts = choose_starts(facts, kind, num_rows, rng)
        prompt = loaded.examples(kind).extended(loaded.encode(brief_prompt(facts, kind)))
        rows = prompt.sample(
            [loaded.encode(f"- {start.text}" if start.text else "-") for start in starts],
            allowed=loaded.allowed,
            stop_ids=loaded.stop_ids(kind),
            config=config.sampling(kind),
            generator=torch.Generator().manual_seed(int(rng.integers(2**62))),
            should_stop=should_stop,
        )
        texts = [start.finish(loaded.decode(row.token_ids), kind) for start, row in zip(starts, rows, strict=True)]
        scores = [self._score(text, row, facts) for text, row in zip(texts, rows, strict=True)]
        usable = [(-score, place) for place, score in enumerate(scores) if score is not None]
        return [texts[place] for _, place in sorted(usable)]

    def _score(self, text: str, row: SampledRow, facts: Facts) -> float | None:
        """Return the score of a line, larger is better; None for an unfinished, unlikely, off-topic or leaked line."""
        if not row.is_finished or row.mean_log_prob < self._config.min_log_prob or is_near_duplicate(text, example_lines()):
            return None
        return row.mean_log_prob + self._config.brief_bonus * min(num_shared_words(text, facts), 2)


class LoadedModel:
    """The model with its tokenizer, and cached prompts and masks."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model, self._tokenizer = model, tokenizer
        self._examples: dict[str, SharedPrompt] = {}
        eos = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
        self._stop_ids = {"headline": [self.encode("\n")[-1], *eos]}
        self._stop_ids["description"] = [*self._stop_ids["headline"], self.encode(".")[-1]]

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, token_ids: tuple[int, ...]) -> str:
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=True))

    def stop_ids(self, kind: str) -> list[int]:
        """Return the tokens that end a line: a newline or the end of text, and for a description a full stop."""
        return self._stop_ids[kind]

    def examples(self, kind: str) -> SharedPrompt:
        if kind not in self._examples:
            self._examples[kind] = SharedPrompt(self.model, self.encode(examples_prompt(kind)))
        return self._examples[kind]

    @cached_property
    def allowed(self) -> Tensor:
        """The tokens that may be written, [V] bool: all except control tokens."""
        allowed = torch.ones(int(self.model.config.get_text_config().vocab_size), dtype=torch.bool)
        allowed[[token for token in self._tokenizer.all_special_ids if token < len(allowed)]] = False
        allowed[len(self._tokenizer) :] = False
        return allowed


def num_shared_words(text: str, facts: Facts) -> int:
    """Return the number of content words of `text` that are also in the brief."""
    function_words = word_set("language", "function_words")
    return len({stem(word) for word in WORD.findall(text) if word.casefold() not in function_words} & facts.parts)
