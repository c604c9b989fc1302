"""Load a causal language model and its tokenizer; a GGUF file is dequantised once and cached as safetensors for the user.

Reading the GGUF takes ten to twenty seconds, the cached copy about one. The copy is keyed by the file's sha256, written to a
temporary folder and renamed, so that a killed run leaves no partial copy. Weights are rounded to float16 in both cases,
so the first run and later runs compute with equal numbers.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.artifacts import hash_file
from adcreative.errors import CopywriterError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_log = logging.getLogger(__name__)


def default_cache_dir() -> Path:
    """Return the folder of dequantised models: $ADCREATIVE_CACHE, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "adcreative"
    return Path(os.environ.get("ADCREATIVE_CACHE", default))


def find_copy(source: str | Path) -> Path | None:
    """Return the folder in transformers' format that can be read without that library: `source` itself, or the cached copy of a
    GGUF file; None without one.

    Raises:
        CopywriterError: there is no GGUF file.
    """
    path = Path(source)
    if path.is_dir() and (path / "config.json").is_file():
        return path
    folder = _cached_folder(path if path.is_file() else _only_gguf(path), default_cache_dir())
    return folder if folder.is_dir() else None


def load_language_model(source: str | Path, cache_dir: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load from a GGUF file, a folder in transformers' format, or a hub id; float32, ready for inference.

    Code in a model's folder is never executed, and only safetensors are read.

    Raises:
        CopywriterError: there is no model, or it cannot be read.
    """
    path = Path(source)
    try:
        with _quiet_transformers():
            if path.is_file():
                return _load_gguf(path, cache_dir)
            if path.is_dir() and not (path / "config.json").is_file():
                return _load_gguf(_only_gguf(path), cache_dir)
            return _load_folder(str(source))
    except Exception as error:  # transformers, tokenizers, safetensors and gguf have their own error classes
        if isinstance(error, CopywriterError):
            raise
        said = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise CopywriterError(
            f"the language model {str(source)!r} cannot be loaded ({said}). Give a folder with config.json and safetensors, a "
            f".gguf file or a hub id that can be reached, or use --llm template."
        ) from error


def _cached_folder(path: Path, cache_dir: Path) -> Path:
    return cache_dir / "language-models" / hash_file(path)[:32]


def _load_folder(source: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    tokenizer = _read_tokenizer(source)
    model = _read_model(source, use_safetensors=True)
    return model.eval().requires_grad_(False), tokenizer


def _load_gguf(path: Path, cache_dir: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    folder = _cached_folder(path, cache_dir)
    if folder.is_dir():
        try:
            return _load_folder(str(folder))
        except Exception as error:  # as above
            _log.warning("the cached copy of %s is damaged and is made again: %s", path.name, error)
            shutil.rmtree(folder, ignore_errors=True)
    tokenizer = _read_tokenizer(path.parent, gguf_file=path.name)
    model: Any = _read_model(path.parent, gguf_file=path.name)
    _forget_quantisation(model)
    model = model.half()
    try:
        _save_atomically(model, tokenizer, folder)
    except OSError as error:  # a full or read-only cache costs time only
        _log.warning("the language model could not be cached in %s: %s", folder, error)
    return model.float().eval().requires_grad_(False), tokenizer


def _read_tokenizer(source: str | Path, **options: object) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer  # takes seconds, saved in commands that write nothing

    return AutoTokenizer.from_pretrained(source, trust_remote_code=False, **options)  # type: ignore[no-any-return]


def _read_model(source: str | Path, **options: object) -> PreTrainedModel:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(  # type: ignore[no-any-return]
        source, dtype=torch.float32, trust_remote_code=False, **options
    )


def _forget_quantisation(model: PreTrainedModel) -> None:
    """Remove the GGUF attributes: the weights are plain now, and a marked model is not saved as such."""
    marked: Any = model
    if hasattr(marked.config, "quantization_config"):
        del marked.config.quantization_config
    marked.is_quantized, marked.hf_quantizer = False, None


def _save_atomically(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        os.replace(unfinished, folder)
    except OSError:
        if not folder.is_dir():  # another process may have been first
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _only_gguf(folder: Path) -> Path:
    found = sorted(folder.glob("*.gguf"))
    if len(found) != 1:
        raise CopywriterError(
            f"the folder {str(folder)!r} has {len(found)} .gguf files and no config.json; name the file to use, or a folder in "
            f"transformers' format."
        )
    return found[0]


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Hide progress bars and load reports from the terminal.

    The GGUF reader uses tqdm directly, independent of transformers' own switch.
    """
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging as transformers_logging

    gguf_bar = gguf_reader.tqdm
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    gguf_reader.tqdm = partial(gguf_bar, disable=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        gguf_reader.tqdm = gguf_bar
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
