"""ProductDescriber: candidates of an engine, cleaned sentence by sentence, ranked, and completed from the record.

    score = 0.3 * predicted log-odds against the candidates' mean, within -1..1
            + 1.0 * attribute recall - 2.0 * unsupported rate - 2.0 * stuffing - 0.5 if stuffed at all - length excess

A sentence with a claim that the record does not back is left out before ranking; attributes that the best text leaves unsaid
are said by the template grammar, and the engine's name tells ("smollm2+template"). Knows no model.

Source: the task of Zhou et al. 2023 (arXiv 2310.18357: descriptions from product attributes); weights and filters are ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from adcreative.copywriter.brief import clean_text
from adcreative.copywriter.candidates import FELL_BACK, CutShortError, ShouldStop
from adcreative.copywriter.lint.checks import check_sentence, is_near_duplicate, used_words
from adcreative.copywriter.products.claims import Lexicon, Statement, bare_numbers, read_statement, split_sentences
from adcreative.copywriter.products.other_languages import other_language
from adcreative.copywriter.products.product import Product, ProductFacts, read_product_facts
from adcreative.copywriter.products.sentence_parts import join_that_fit, says_what_it_is
from adcreative.copywriter.products.sentences import TemplateDescriptions, sentences_for
from adcreative.copywriter.rules import rule_pack
from adcreative.errors import CopywriterError

TextScorer = Callable[[Sequence[str], ProductFacts], np.ndarray]


class DescriptionSource(Protocol):
    """Proposes raw descriptions, which the describer checks afterwards."""

    engine: str

    def propose(
        self, product: ProductFacts, num: int, *, seed: int, max_chars: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return about `num` descriptions.

        Raises:
            CopywriterError: the engine cannot write.
        """


@dataclass(frozen=True, kw_only=True)
class RankWeights:
    """What counts when candidates are ordered; see the module's formula. The predictor cannot outweigh a false claim."""

    predictor: float = 0.3
    coverage: float = 1.0
    unsupported: float = 2.0
    stuffing: float = 2.0
    stuffed_at_all: float = 0.5
    length_excess: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Description:
    """A description with its claims checked against the record; raw holds the engine's candidates, its best guess first.

    engine says who wrote it. notes are sentences for the user. is_cancelled: stopped before the engine had written all.
    """

    text: str
    engine: str
    statement: Statement
    score: float
    raw: tuple[str, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    is_cancelled: bool = False


def score_text(
    text: str,
    product: ProductFacts,
    lexicon: Lexicon,
    *,
    max_chars: int,
    appeal: float = 0.0,
    weights: RankWeights | None = None,
) -> float:
    """Return the composite score of one description; larger is better. appeal: log-odds against the other candidates."""
    weights = weights or RankWeights()
    said = read_statement(text, product, lexicon)
    return (
        weights.predictor * float(np.clip(appeal, -1.0, 1.0))
        + weights.coverage * said.recall
        - weights.unsupported * said.unsupported_rate
        - weights.stuffing * said.stuffing
        - weights.stuffed_at_all * (said.stuffing > 0)
        - weights.length_excess * max(0.0, len(text) / max_chars - 1.0)
    )


class ProductDescriber:
    """Writes one description for one product; the same product and seed give the same text.

    Args:
        source: the engine.
        lexicon: values of the other products, to know a foreign one by.
        scorer: predicted log-odds of texts, [N]; None ranks by the record alone.
        allow_fallback: the template grammar writes when the engine cannot, and completes what it left out.
    """

    def __init__(
        self, source: DescriptionSource, *, lexicon: Lexicon | None = None, scorer: TextScorer | None = None,
        allow_fallback: bool = True, num_candidates: int = 6, max_chars: int | None = None,
    ) -> None:  # fmt: skip
        self.engine = source.engine
        self._source, self._scorer, self._allow_fallback = source, scorer, allow_fallback
        self._lexicon = lexicon or Lexicon()
        self._num, self.max_chars = num_candidates, max_chars or int(rule_pack("products")["max_chars"])

    def describe(self, product: Product, *, seed: int, should_stop: ShouldStop | None = None) -> Description:
        """Return the best description that makes no claim beyond the record.

        Raises:
            CopywriterError: the record has no title, or the engine failed or wrote nothing usable and no fallback is allowed.
        """
        facts = read_product_facts(product)
        if not facts.title:
            raise CopywriterError('the product has no title. Fill in what it is, such as "tote bag".')
        notes, engine = [], self.engine
        if facts.ignored:
            notes.append(f"left out {len(facts.ignored)} cell text(s) that would instruct a language model")
        raw: list[str] = []
        try:
            raw = self._source.propose(facts, self._num, seed=seed, max_chars=self.max_chars, should_stop=should_stop)
        except CutShortError as error:
            raw = list(error.lines)
            notes.append(f"{engine} finished {len(raw)} description(s) and then failed: {error}")
        except CopywriterError as error:
            if not self._allow_fallback:
                raise
            notes.append(f"{engine} {FELL_BACK}: {error}")
        is_cancelled = should_stop is not None and should_stop()
        cleaned, dropped = self._clean(raw, facts)
        if not cleaned:
            if not self._allow_fallback:
                raise CopywriterError(f"{engine} wrote no sentence that the record backs. Allow the template grammar to help.")
            engine = TemplateDescriptions.engine
            cleaned = TemplateDescriptions().propose(facts, self._num, seed=seed, max_chars=self.max_chars)
        best = max(zip(self._scores(cleaned, facts), cleaned, strict=True), key=lambda pair: pair[0])[1]
        if self._allow_fallback and engine != TemplateDescriptions.engine:  # the grammar has said what it can
            best, is_longer = self._complete(best, facts)
            engine = f"{engine}+template" if is_longer and engine != TemplateDescriptions.engine else engine
        return Description(
            text=best, engine=engine, statement=read_statement(best, facts, self._lexicon), raw=tuple(raw),
            score=score_text(best, facts, self._lexicon, max_chars=self.max_chars),
            dropped=tuple(dropped), notes=tuple(notes), is_cancelled=is_cancelled,
        )  # fmt: skip

    def rank(self, texts: Sequence[str], product: ProductFacts) -> list[str]:
        """Return texts by composite score, best first; equal ones stay in their order."""
        scores = self._scores(texts, product)
        return [texts[place] for place in sorted(range(len(texts)), key=lambda place: -scores[place])]

    def _scores(self, texts: Sequence[str], product: ProductFacts) -> list[float]:
        appeal = np.zeros(len(texts))
        if self._scorer is not None and len(texts) > 1:
            appeal = np.asarray(self._scorer(texts, product), float)
            appeal = appeal - appeal.mean()
        return [
            score_text(text, product, self._lexicon, max_chars=self.max_chars, appeal=float(one))
            for text, one in zip(texts, appeal, strict=True)
        ]

    def _clean(self, raw: Sequence[str], product: ProductFacts) -> tuple[list[str], list[tuple[str, str]]]:
        """Leave out sentences that are broken, say it again, or claim what the record does not back."""
        texts, dropped = [], []
        for candidate in raw:
            kept: list[str] = []
            for sentence in split_sentences(clean_text(candidate)):
                unsupported = read_statement(sentence, product, self._lexicon).unsupported
                faults = [f"{claim!r} is not in the record" for claim in unsupported]
                faults += check_sentence(sentence, product.facts, product.avoid)
                faults += [f"has the number {one} alone" for one in bare_numbers(sentence, product)]
                faults += [f"says {value!r} twice" for _, value in product.attributes if _says_twice(sentence, value)]
                if any(sentence in own for own in product.sentences):  # the shop's own words, chosen for standing as they are
                    faults = [f"uses {word!r}, which the brand avoids" for word in used_words(product.avoid, sentence)]
                if not faults and is_near_duplicate(sentence, kept):
                    faults = ["says it again"]
                if faults:
                    dropped.append((sentence[:300], "; ".join(faults)))
                else:
                    kept.append(sentence)
            text = join_that_fit(kept, self.max_chars)
            if text and says_what_it_is(text, product) and text not in texts:
                texts.append(text)
        return texts, dropped

    def _complete(self, text: str, product: ProductFacts) -> tuple[str, bool]:
        """Add what the text leaves unsaid, as far as it fits."""
        missing = set(read_statement(text, product, self._lexicon).missing)
        left = [one for one in product.attributes if one[0] in missing]
        if not left:
            return text, False
        if not product.is_english:
            longer = other_language(product, product.attributes, self.max_chars)
            return longer, longer != text
        longer = join_that_fit([text, *sentences_for(left, product)], self.max_chars)
        return longer, longer != text


def _says_twice(sentence: str, value: str) -> bool:
    """Say whether a value stands in a sentence twice, as words of its own: a size S is not in "Sonnenallee Tee"."""
    return len(re.findall(rf"(?<!\w){re.escape(value)}(?!\w)", sentence)) > 1
