"""Build a Copywriter from the name of an engine. Does not import torch until a local language model writes."""

from __future__ import annotations

import os
from typing import Literal

from adcreative.copywriter.candidates import LineSource
from adcreative.copywriter.engines.template import TemplateSource
from adcreative.copywriter.messages import message_encoder
from adcreative.copywriter.writer import LintedCopywriter, with_template_fallback
from adcreative.errors import ConfigError, is_address

ENGINES = {
    "template": "the ad's own phrases put together anew, no language model",
    "smollm2": "the ad's own phrases put together anew, ordered by the embedded SmolLM2-135M-Instruct; English only",
    "smollm2-tuned": "the same, ordered with the shipped adapter, tuned on real headline tests (see its model card)",
    "http://... or https://...": "an OpenAI-compatible chat server; add #model-name to choose its model",
    "a folder, a .gguf file or owner/name": "a causal language model for transformers, local or from the hub",
}
EMBEDDED = ("smollm2", "smollm2-tuned")
MOST_LINES = {"headline": 8, "description": 4}  # per ad from a language model: the local model takes a second per line


def build_copywriter(spec: str = "template", *, allow_fallback: bool = True, key: str | None = None) -> LintedCopywriter:
    """Build the copywriter named by `spec`.

    Args:
        spec: "smollm2", "smollm2-tuned", "template", the address of an OpenAI-compatible server (http://host:port/v1#model), a
            local model folder, adapter folder or GGUF file, or a hub id ("owner/name").
        allow_fallback: the template grammar adds marked lines when the engine fails, writes too few clean lines, or when more
            than MOST_LINES are wanted from a language model.
    Raises:
        ConfigError: `spec` is not a known engine.
    """
    spec, kind = spec.strip(), kind_of_engine(spec)
    if kind == "template":
        return LintedCopywriter(TemplateSource(), fallback=None)
    if kind == "server":
        from adcreative.copywriter.engines.server import ServerSource

        source: LineSource = ServerSource.from_address(spec, key)
    else:
        from adcreative.copywriter.engines.local_llm import LocalSource

        source = LocalSource(spec)
    encode = None if spec in EMBEDDED else message_encoder()  # the embedded model orders the ad's own phrases
    return with_template_fallback(source, allow_fallback=allow_fallback, most_lines=MOST_LINES, encode=encode)


def kind_of_engine(spec: str) -> Literal["template", "server", "local"]:
    """Return the kind of engine that `spec` names.

    Raises:
        ConfigError: an unknown engine (the message lists the known ones), or an invalid server address (not repeated).
    """
    spec = spec.strip()
    if spec == "template":
        return "template"
    if spec.casefold().startswith(("http://", "https://")):
        return "server"
    if is_address(spec) and not os.path.exists(spec):
        raise ConfigError(
            "the language model is named by an address that begins with neither http:// nor https:// (it may hold a password, "
            "so it is not shown here); write http://host:port/v1#model, a folder, a .gguf file or owner/name."
        )
    if spec in EMBEDDED or "/" in spec or "\\" in spec or spec.endswith(".gguf"):
        return "local"
    raise ConfigError(f"no copywriter named {spec!r}; known: {'; '.join(ENGINES)}.")
