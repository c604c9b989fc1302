"""A language model on this machine as an engine for product descriptions: example records, then this one, then first words.

The embedded model is held to the words of the record and to words that state nothing, so that what it invents is grammar, not
facts. Larger models write freely; the describer behind them leaves out what the record does not back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch

from adcreative.copywriter.brief import stem
from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.engines.ad_phrases import is_plural
from adcreative.copywriter.engines.decoding import SamplingConfig, SharedPrompt
from adcreative.copywriter.engines.local_llm import LoadedModel, LocalSource
from adcreative.copywriter.engines.vocabulary import WordTrie
from adcreative.copywriter.products.claims import name_forms, neutral_words
from adcreative.copywriter.products.families import draw_products
from adcreative.copywriter.products.product import ProductFacts, flag_of, read_product_facts
from adcreative.copywriter.products.sentences import TemplateDescriptions, draw_rng, is_adjective
from adcreative.copywriter.rules import rule_pack

_MARKUP = str.maketrans("<>|{}[]", "       ")  # nothing that a tokenizer takes for a control token
_OPENERS = ("It", "They", "The", "This", "These", "With", "You", "Your", "Each")


@dataclass(frozen=True, kw_only=True)
class LocalDescriptionConfig:
    """How freely a local model writes; is_gated holds the embedded one to the record's and neutral words."""

    max_new_tokens: int = 56
    temperature: float = 0.6
    top_p: float = 0.9
    is_gated: bool = True


class LocalDescriptions:
    """A DescriptionSource over one local language model; shares the loaded model with the LocalSource it is given."""

    def __init__(self, source: LocalSource, config: LocalDescriptionConfig | None = None) -> None:
        self.engine = source.engine
        self._source, self._config = source, config or LocalDescriptionConfig()
        self._examples: SharedPrompt | None = None

    def propose(
        self, product: ProductFacts, num: int, *, seed: int, max_chars: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return `num` rows of one batch, the likeliest first; a row that ran out of tokens ends at its last full stop.

        Raises:
            CopywriterError: as `LocalSource.propose`.
        """
        self._source.check_language(product.facts)
        if num < 1 or (should_stop is not None and should_stop()):
            return []
        rng = draw_rng(product, seed)
        starts = _starts(product, num)
        with self._source.loaded() as loaded:
            if self._examples is None:
                self._examples = SharedPrompt(loaded.model, loaded.encode(examples_prompt()))
            prompt = self._examples.extended(loaded.encode(record_prompt(product)))
            is_gated = self._config.is_gated and self._source.is_small
            rows = prompt.sample(
                [loaded.encode(f" {start}") for start in starts],
                gate=_gate(product, loaded) if is_gated else loaded.open_gate(),
                stop_ids=loaded.stop_ids("headline"),
                config=SamplingConfig(
                    max_new_tokens=self._config.max_new_tokens, min_new_tokens=8, temperature=self._config.temperature,
                    top_p=self._config.top_p,
                ),
                generator=torch.Generator().manual_seed(int(rng.integers(2**62))),
                should_stop=should_stop,
            )  # fmt: skip
            texts = [f"{start}{loaded.decode(row.token_ids)}".strip() for start, row in zip(starts, rows, strict=True)]
        order = sorted(range(len(rows)), key=lambda place: -rows[place].mean_log_prob)
        finished = [_finish(texts[place], is_finished=rows[place].is_finished) for place in order]
        return [text for text in finished if text]


@cache
def examples_prompt() -> str:
    """Return the part that is the same for every product: records of families that are not held out, with descriptions."""
    shown = draw_products(tuple(rule_pack("products")["examples"]), 1, seed=0)
    blocks = []
    for _, product in shown:
        facts = read_product_facts(product)
        (text,) = TemplateDescriptions().propose(facts, 1, seed=0, max_chars=10_000)
        blocks.append(f"{record_prompt(facts)} {text}\n")
    return "Product descriptions that say what the record says.\n" + "".join(blocks)


def record_prompt(product: ProductFacts) -> str:
    """Return the record in the layout of the examples, up to its description."""
    rows = [("Product", product.parts.name), ("Brand", product.brand), *product.attributes]
    return "\n" + "".join(f"{name}: {value}\n".translate(_MARKUP) for name, value in rows if value) + "Description:"


def _starts(product: ProductFacts, num: int) -> list[str]:
    patterns = rule_pack("products")["starts"]["many" if is_plural(product.parts.name.split()[-1]) else "one"]
    title = product.parts.name
    filled = [pattern.format(name=product.name, title=title, Title=title[:1].upper() + title[1:]) for pattern in patterns]
    return [filled[place % len(filled)] for place in range(num)]


def _gate(product: ProductFacts, loaded: LoadedModel) -> WordTrie:
    """Return the words of this product: values in one piece, what is denied only with its "no", and neutral words."""
    phrases = [*_OPENERS, *product.name.split()]
    bound = set[str]()
    for name, value in product.attributes:
        flag = flag_of(value)
        phrases.append(value if flag is None else name if flag else f"{_no(name)} {name}")
        if flag is None:
            bound |= name_forms(name)
            phrases += name.split()
    speak_of_others = {stem(word) for words in rule_pack("products")["names"].values() for word in words.split()} - bound
    neutral = [word for word in sorted(neutral_words()) if stem(word) not in speak_of_others]
    words = dict.fromkeys(text.translate(_MARKUP).strip() for text in [*phrases, *neutral])
    return WordTrie([word for word in words if word], (".", ","), loaded.encode, loaded.vocabulary_size)


def _no(name: str) -> str:
    return "not" if is_adjective(name) else "no"


def _finish(text: str, *, is_finished: bool) -> str:
    if not is_finished:
        text = text[: text.rfind(".") + 1]
    return text if not text or text.endswith(".") else f"{text.rstrip(' ,')}."
