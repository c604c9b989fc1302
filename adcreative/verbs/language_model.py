"""Choose the language model: what is here, in files or behind servers, and whether it can be used. Imports no torch."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from adcreative.copywriter.build import kind_of_engine
from adcreative.encoders.gguf_cache import default_cache_dir
from adcreative.errors import ConfigError, CopywriterError

# usual ports of servers that speak the OpenAI chat protocol
LOCAL_SERVERS = {"Ollama": 11434, "llama.cpp": 8080, "LM Studio": 1234, "vLLM": 8000}
_WAIT_S, _MOST_LISTED = 2.0, 20


def models_dir() -> Path:
    """Return the folder whose .gguf files and model folders are offered by name: "models" in the cache folder."""
    return default_cache_dir() / "models"


def list_language_models() -> dict[str, Path]:
    """Return name -> path of the language models in `models_dir`; empty when there is no such folder."""
    folder = models_dir()
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: path for path in found if path.suffix == ".gguf" or (path / "config.json").is_file()}


def find_language_servers() -> dict[str, str]:
    """Return name -> `--llm` of each model that a server on a usual port of this machine lists: "qwen3:4b (Ollama)".

    Each port is asked once, for at most two seconds; no key is sent. What does not answer like such a server is left out.
    """
    from adcreative.copywriter.engines.chat import ChatClient, ChatConfig
    from adcreative.copywriter.engines.server_address import clean_said

    found: dict[str, str] = {}
    for name, port in LOCAL_SERVERS.items():
        address = f"http://127.0.0.1:{port}/v1"
        with suppress(CopywriterError):
            models = ChatClient(ChatConfig(base_url=address, timeout_s=_WAIT_S, max_attempts=1)).list_models()
            usable = [model for model in models[:_MOST_LISTED] if model == clean_said(model) and " " not in model]
            found |= {f"{model} ({name})": f"{address}#{model}" for model in usable}
    return found


def check_language_model(spec: str, *, key: str = "") -> str:
    """Return the name of the model: the name that a server reports, or the name of a file; the key is not kept.

    Args:
        spec: as for `build_copywriter`, such as "http://localhost:11434/v1#qwen3". key: of a server.
    Raises:
        ConfigError: the address, the key or the file cannot be used. CopywriterError: the server cannot be reached.
    """
    kind = kind_of_engine(spec)
    if kind == "server":
        from adcreative.copywriter.engines.server import ServerSource

        return ServerSource.from_address(spec, key=key).ask_model()
    if kind == "local" and spec not in ("smollm2", "smollm2-tuned") and not Path(spec).exists():
        raise ConfigError(f"there is no language model {Path(spec).name}. Put it into the folder again, or choose another.")
    return Path(spec).name
