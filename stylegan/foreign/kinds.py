"""Recognise a checkpoint by its first bytes and top-level names, and read it with the matching reader."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from stylegan.errors import CheckpointError
from stylegan.foreign import e4e, nvlabs, own, rosinality, tensorflow
from stylegan.foreign.converted import ConvertedWeights
from stylegan.foreign.messages import printable
from stylegan.foreign.tensor_table import without_wrapper
from stylegan.foreign.torch_files import load_tensors
from stylegan.foreign.unpickling import read_pickle

LEGACY_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
MEMORY_WORDS = ("can't allocate memory", "not enough memory", "Cannot allocate memory")  # in torch's RuntimeError
MAX_HEADER_BYTES = 100_000_000  # limit of safetensors' own reader; eight letters encode a larger number
NOT_WEIGHTS = {
    b"version https://git-lfs": "is a Git LFS pointer, not the file itself; fetch it with: git lfs pull",
    b"<": "is a web page, not weights; the download link needs a browser or a confirmation",
    b"\x1f\x8b": "is a gzip archive; unpack it first",
}


def read_weights(path: Path) -> ConvertedWeights:
    """Read any known checkpoint file; run in the reading process only.

    Raises:
        CheckpointError: the file is of another kind, damaged, incomplete or asks to run code.
        MemoryError, RecursionError: the file exceeds the limits.
    """
    try:
        return _read_weights(path)
    except CheckpointError as error:
        raise CheckpointError(printable(str(error))) from error
    except (MemoryError, RecursionError):
        raise
    except RuntimeError as error:
        if any(words in str(error) for words in MEMORY_WORDS):
            raise MemoryError(str(error)) from error
        raise _unreadable(error) from error
    except Exception as error:  # a value of another type than expected: no reader can list all cases
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> CheckpointError:
    reason = str(error).split("\n")[0]
    return CheckpointError(printable(f"the file cannot be read as weights ({type(error).__name__}: {reason})"))


def _read_weights(path: Path) -> ConvertedWeights:
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise CheckpointError("the file is empty; download it again")
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= MAX_HEADER_BYTES:  # the length may begin with " <"
        return read_tensors(read_safetensors(path))
    for magic, problem in NOT_WEIGHTS.items():
        if start.lstrip().startswith(magic):
            raise CheckpointError(f"the file {problem}")
    if start.startswith((b"PK\x03\x04", LEGACY_TORCH)):
        return read_torch_content(load_tensors(path))
    if start[0] == 0x80:
        return read_pickle_content(read_pickle(path))
    raise CheckpointError(
        "the file is neither a PyTorch checkpoint, nor a network pickle, nor safetensors; "
        "expected .pt of rosinality or e4e, .pkl of NVlabs, or .safetensors"
    )


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        CheckpointError: it is truncated or damaged.
    """
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"the safetensors file is truncated or damaged ({error}); download it again") from error


def read_pickle_content(content: object) -> ConvertedWeights:
    """Read the content of a network pickle: a dict of modules (PyTorch) or the tuple G, D, Gs (TensorFlow)."""
    if isinstance(content, tuple):
        return tensorflow.read_networks(content)
    if isinstance(content, Mapping):
        return nvlabs.read_pickle_content(content)
    raise CheckpointError(f"this pickle holds a {type(content).__name__}, expected the networks of a StyleGAN2 snapshot")


def read_torch_content(content: object) -> ConvertedWeights:
    """Read the content of a torch.save file, recognised by its top-level names."""
    if isinstance(content, Tensor):
        raise CheckpointError(f"the file holds one tensor {list(content.shape)}: an edit direction, not a network")
    if not isinstance(content, Mapping):
        raise CheckpointError(f"the file holds a {type(content).__name__}, expected a dict of weights")
    if {"comp", "mean", "std"} <= content.keys():
        raise CheckpointError("the file holds GANSpace components: edit directions, not a network")
    if "state_dict" in content:
        return e4e.read_checkpoint(content)
    if "g_ema" in content or "g" in content:
        return rosinality.read_checkpoint(content)
    if content and all(isinstance(tensor, Tensor) for tensor in content.values()):
        return read_tensors({str(name): tensor for name, tensor in content.items()})
    raise CheckpointError(
        f"the file has {_first_names(content)} at the top; expected g_ema (rosinality), state_dict (e4e) or tensors"
    )


def read_tensors(tensors: Mapping[str, Tensor]) -> ConvertedWeights:
    """Read a bare state dict, recognised by the names of its tensors."""
    tensors = {name: tensor for name, tensor in without_wrapper(tensors).items() if isinstance(tensor, Tensor)}
    if any(name.removeprefix("generator.") == "synthesis.const" for name in tensors):
        return own.read_generator(tensors)
    if "input.input" in tensors:
        return rosinality.read_generator(tensors, None, what="rosinality generator")
    if any(name.startswith("synthesis.") for name in tensors):
        return nvlabs.read_generator(nvlabs.ModuleTree(dict(tensors)), what="NVlabs generator")
    if any(name.startswith("encoder.") for name in tensors):
        return e4e.read_checkpoint({"state_dict": tensors})
    if any(name.startswith(("final_linear.", "b4.fc.", "final_conv.")) for name in tensors):
        raise CheckpointError("the file holds a discriminator, not a generator")
    raise CheckpointError(f"the file has tensors {_first_names(tensors)}: not a StyleGAN2 generator in any known names")


def _first_names(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(map(str, names))[:5]) or "nothing"
