"""Describe one product: prose that passes the check, else the plain form. The template engine does not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adcreative.copywriter.brief import clean_field, clean_text
from adcreative.copywriter.build import kind_of_engine
from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.products.plain import MAX_FACTS, PlainForm, plain_form
from adcreative.copywriter.products.product import Product, kind_of
from adcreative.copywriter.rules import rule_pack
from adcreative.errors import CopywriterError
from adcreative.problem import Problem

if TYPE_CHECKING:
    from adcreative.copywriter.products.prose import ProseSource

NUM_CANDIDATES = 4


@dataclass(frozen=True, kw_only=True)
class Description:
    """text, its engine ("template" is the plain form), names of used and unused attributes, and sentences for the user."""

    text: str
    engine: str
    told: tuple[str, ...]
    untold: tuple[str, ...]
    notes: tuple[str, ...] = ()


def build_source(spec: str) -> ProseSource | None:
    """Return the engine that `spec` names, as in `build_copywriter`; None for "template", which writes no prose.

    Raises:
        ConfigError: `spec` names no engine.
    """
    kind = kind_of_engine(spec)
    if kind == "template":
        return None
    from adcreative.copywriter.engines.local_llm import LocalSource
    from adcreative.copywriter.engines.server import ServerSource
    from adcreative.copywriter.products.prose import LocalProse, ServerProse

    return ServerProse(ServerSource.from_address(spec.strip())) if kind == "server" else LocalProse(LocalSource(spec.strip()))


def describe_product(
    product: Product,
    source: ProseSource | None = None,
    *,
    is_english: bool = True,
    others: Sequence[str] = (),
    max_chars: int | None = None,
    seed: int = 0,
    should_stop: ShouldStop | None = None,
) -> Description:
    """Return prose of `source` that the record supports, else the plain form with a note.

    Args:
        is_english: whether the record is English; prose in other languages cannot be checked and is not requested.
        others: see `prose.unsupported`.
        max_chars: maximum length of the text in characters, default 400.
    Raises:
        CopywriterError: the record has too little to describe; the message says what to fill in.
    """
    limit = max_chars or int(rule_pack("products")["max_chars"])
    plain = plain_form(product, is_english=is_english)
    notes = [f"left out {len(plain.ignored)} cell text(s) that would instruct a language model"] if plain.ignored else []
    told = {"told": tuple(name for name, _ in plain.facts[:MAX_FACTS]), "untold": plain.untold}
    if source is not None and is_english:
        brand = clean_field(product.brand, 60)[0]
        record: dict[str, object] = {"title": plain.title, "brand": brand, "attributes": dict(plain.facts)}
        try:
            raw = source.propose(record, NUM_CANDIDATES, seed=seed, max_chars=limit, should_stop=should_stop)
            passed, why = _backed(raw, plain, brand, others, limit)
            refused = f"{source.engine} {why}"
        except CopywriterError as error:
            passed, refused = [], Problem("writer_failed", engine=source.engine, error=str(error))
        if passed:
            return Description(text=passed[0], engine=source.engine, notes=tuple(notes), **told)
        notes.append(refused)
    elif source is not None:
        notes.append("prose is checked in English alone, so the plain form is given")
    return Description(text=plain.text(limit), engine="template", notes=tuple(notes), **told)


def _backed(raw: Sequence[str], plain: PlainForm, brand: str, others: Sequence[str], limit: int) -> tuple[list[str], str]:
    """Return the candidates supported by the sure words of the record, and the unsupported words of the first rejected one."""
    from adcreative.copywriter.products.prose import unsupported

    record = ". ".join([plain.title, brand, *(f"{name}: {said}" for name, said in plain.facts)])
    kinds = [kind_of(name) for name, _ in plain.facts]
    texts = [text for text in map(clean_text, raw) if text and len(text) <= limit]
    faults = {text: unsupported(text, record, kinds, others) for text in texts}
    worst = "; ".join(next((found for found in faults.values() if found), ("nothing",))[:3])
    return [text for text, found in faults.items() if not found], f"said what the record does not ({worst}): plain form given"
