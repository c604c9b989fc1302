"""From the name of an engine to a ProductDescriber. Loads no torch until a local model is asked to write."""

from __future__ import annotations

from adcreative.copywriter.build import kind_of_engine
from adcreative.copywriter.products.claims import Lexicon
from adcreative.copywriter.products.describer import DescriptionSource, ProductDescriber, TextScorer
from adcreative.copywriter.products.sentences import TemplateDescriptions


def build_describer(
    spec: str = "smollm2", *, lexicon: Lexicon | None = None, scorer: TextScorer | None = None, allow_fallback: bool = True,
    max_chars: int | None = None,
) -> ProductDescriber:  # fmt: skip
    """Build the describer whose engine `spec` names, as `build_copywriter` does.

    Raises:
        ConfigError: `spec` names no engine.
    """
    return ProductDescriber(
        build_source(spec), lexicon=lexicon, scorer=scorer, allow_fallback=allow_fallback, max_chars=max_chars
    )


def build_source(spec: str) -> DescriptionSource:
    """Return the engine that `spec` names.

    Raises:
        ConfigError: `spec` names no engine.
    """
    kind = kind_of_engine(spec)
    if kind == "template":
        return TemplateDescriptions()
    if kind == "server":
        from adcreative.copywriter.engines.server import ServerSource
        from adcreative.copywriter.products.remote import ServerDescriptions

        return ServerDescriptions(ServerSource.from_address(spec.strip()))
    from adcreative.copywriter.engines.local_llm import LocalSource
    from adcreative.copywriter.products.local import LocalDescriptions

    return LocalDescriptions(LocalSource(spec.strip()))
