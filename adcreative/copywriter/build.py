"""From the name of an engine to a Copywriter. Loads no torch until a local language model is asked to write."""

from __future__ import annotations

from adcreative.copywriter.candidates import Copywriter
from adcreative.copywriter.template import TemplateSource
from adcreative.copywriter.writer import LintedCopywriter, with_template_fallback
from adcreative.errors import ConfigError

ENGINES = {
    "smollm2": "SmolLM2-135M-Instruct, embedded; English only",
    "template": "the template grammar, no language model",
    "http://... or https://...": "an OpenAI-compatible chat server; add #model-name to choose its model",
    "a folder, a .gguf file or owner/name": "a causal language model for transformers, local or from the hub",
}


def build_copywriter(spec: str = "smollm2", *, allow_fallback: bool = True) -> Copywriter:
    """Build the copywriter named by `spec`.

    Args:
        spec: "smollm2", "template", the address of an OpenAI-compatible server (http://host:port/v1#model), a local model
            folder or GGUF file, or a hub id ("owner/name").
        allow_fallback: when the engine fails or writes too few clean lines, the template grammar adds some, marked as such.
    Raises:
        ConfigError: `spec` is none of these.
    """
    spec = spec.strip()
    if spec == "template":
        return LintedCopywriter(TemplateSource(), fallback=None)
    if spec.startswith(("http://", "https://")):
        from adcreative.copywriter.server import ServerSource

        return with_template_fallback(ServerSource.from_address(spec), allow_fallback=allow_fallback)
    if spec == "smollm2" or "/" in spec or "\\" in spec or spec.endswith(".gguf"):
        from adcreative.copywriter.local_llm import LocalSource

        return with_template_fallback(LocalSource(spec), allow_fallback=allow_fallback)
    raise ConfigError(f"no copywriter named {spec!r}; known: {'; '.join(ENGINES)}.")
