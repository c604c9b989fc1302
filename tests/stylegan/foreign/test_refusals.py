"""Files that are not what they should be: one sentence each, and no code of theirs runs."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stylegan.errors import CheckpointError
from stylegan.foreign.kinds import read_weights
from tests.stylegan.foreign import originals as o

ROSINALITY = o.random_rosinality(8, depth=2, seed=0)
NVLABS = o.random_nvlabs(8, depth=2, seed=0)
TENSORFLOW = o.random_tensorflow(8, depth=2, seed=0)


class Planted:
    """Calls a function when unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def planted(mark: Path) -> list[Planted]:
    return [Planted(os.system, f"touch {mark}"), Planted(eval, f"open({str(mark)!r}, 'w')"), Planted(Path.touch, mark)]


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("kind", ["bare.pkl", "in_G_ema.pkl", "zip.pt", "legacy.pt", "in_args.pt", "storage.pkl"])
def test_planted_code_never_runs(number: int, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark, path = tmp_path / "it-ran", tmp_path / kind
    trap = planted(mark)[number]
    if kind == "bare.pkl":
        path.write_bytes(pickle.dumps(trap))
    elif kind == "in_G_ema.pkl":
        o.save_nvlabs(path, NVLABS | {"mapping.trap.w_avg": trap}, monkeypatch, clamp=None)  # type: ignore[dict-item]
    elif kind == "storage.pkl":  # a tensor's bytes that are a pickle of their own
        inner = io.BytesIO()
        torch.save(trap, inner, _use_new_zipfile_serialization=False)
        path.write_bytes(pickle.dumps({"G_ema": Planted(torch.storage._load_from_bytes, inner.getvalue())}))
    else:
        content = {"g_ema": ROSINALITY, "latent_avg": trap} if kind != "in_args.pt" else {"args": [trap], "g_ema": ROSINALITY}
        torch.save(content, path, _use_new_zipfile_serialization=kind != "legacy.pt")
    with pytest.raises(CheckpointError, match=r"asks for .* refused without running it") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def test_a_refused_name_is_stated(tmp_path: Path) -> None:
    (tmp_path / "g.pkl").write_bytes(pickle.dumps(Planted(os.system, "true")))
    with pytest.raises(CheckpointError, match=r"asks for posix\.system on loading.*refused without running it"):
        read_weights(tmp_path / "g.pkl")
    torch.save({"g_ema": Planted(os.system, "true")}, tmp_path / "g.pt")
    with pytest.raises(CheckpointError, match=r"asks for posix\.system on loading.*refused without running it"):
        read_weights(tmp_path / "g.pt")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch_utils.persistence", "import_hook"),
        ("collections", "OrderedDict.__init__.__globals__"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("torch", "load"),
        ("functools", "partial"),
        ("torch.storage", "_load_from_bytes.__globals__"),
    ],
)
def test_names_near_the_table_are_refused(module: str, name: str, tmp_path: Path) -> None:
    def text(word: str) -> bytes:
        return b"\x8c" + bytes([len(word)]) + word.encode()

    (tmp_path / "g.pkl").write_bytes(b"\x80\x04" + text(module) + text(name) + b"\x93.")
    with pytest.raises(CheckpointError, match="asks for"):
        read_weights(tmp_path / "g.pkl")


@pytest.mark.parametrize(
    "trap",
    [
        Planted(np._core.multiarray.scalar, np.dtype("O"), pickle.dumps("x")),  # type: ignore[attr-defined]
        Planted(np._core.multiarray._reconstruct, np.dtype, (0,), b"b"),  # type: ignore[attr-defined]
    ],
)
def test_number_stand_ins_take_numbers_only(trap: Planted, tmp_path: Path) -> None:
    (tmp_path / "g.pkl").write_bytes(pickle.dumps({"G_ema": trap}))
    with pytest.raises(CheckpointError, match=r"an array is of type O8, expected|numpy\.dtype|an array is of an unknown kind"):
        read_weights(tmp_path / "g.pkl")


def rosinality_file(path: Path, **changes: Any) -> None:
    state = {k: t for k, t in (ROSINALITY | changes.pop("state", {})).items() if t is not None}
    torch.save({"g_ema": state, "latent_avg": torch.zeros(o.W_DIM)} | changes, path)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"convs.0.noise.weight": None}, "lacks convs.0.noise.weight"),
        ({"noises.noise_1": None}, "lacks noises.noise_1"),
        ({"style.1.weight": None}, "layers style.* are 2, expected all from 1 on"),
        ({"to_rgbs.0.conv.weight": None}, "layers to_rgbs.* are missing"),
        ({"convs.9.conv.weight": torch.ones(1)}, "1 tensors with no place, first convs.9.conv.weight"),
        ({"convs.1.activate.bias": torch.full((10,), float("nan"))}, "convs.1.activate.bias holds NaN or infinite"),
        ({"convs.0.conv.weight": torch.ones(1, 10, 10, 5, 5)}, r"convs.0.conv.weight has shape \[1, 10, 10, 5, 5\]"),
        ({"style.2.weight": torch.ones(o.W_DIM, 3)}, r"mapping.layers.1.weight has shape \[16, 3\], expected \[16, 16\]"),
        ({"convs.0.conv.blur.kernel": o.KERNEL}, r"not the \[1, 3, 3, 1\] kernel with sum 4 \(its sum is 1\)"),
        ({"to_rgb1.conv.weight": torch.ones(1, 1, 10, 1, 1)}, "writes 1 image channels, expected 3"),
        ({"input.input": torch.ones(3)}, "expected more axes"),
        ({"input.input": "text"}, "input.input is a str, expected a tensor"),
    ],
)
def test_rosinality(state: dict[str, Any], message: str, tmp_path: Path) -> None:
    rosinality_file(tmp_path / "g.pt", state=state)
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / "g.pt").build()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"g": ROSINALITY, "d": {}}, r"rosinality training checkpoint without g_ema \(it has d, g\)"),
        ({"g_ema": 3}, "g_ema is a int"),
        ({"g_ema": ROSINALITY, "latent_avg": 3}, "latent_avg is a int"),
        ({"state_dict": 3}, "state_dict is a int"),
        ({"state_dict": {"backbone.weight": torch.ones(1)}}, "part of neither the encoder nor the decoder"),
        ({"params_ema": {}}, "the file has params_ema at the top; expected g_ema"),
        ({"final_linear.0.weight": torch.ones(1)}, "holds a discriminator"),
        ({"conv.weight": torch.ones(1)}, "tensors conv.weight: not a StyleGAN2 generator"),
        ({"comp": torch.ones(1), "mean": torch.ones(1), "std": torch.ones(1)}, "holds GANSpace components"),
        ({"encoder.body.0.weight": torch.ones(1)}, "e4e checkpoint has no decoder"),
        (torch.ones(1, 512), r"holds one tensor \[1, 512\]: an edit direction"),
        ([1], "holds a list"),
    ],
)
def test_other_torch_files(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "g.pt")
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / "g.pt")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"synthesis.input.freqs": torch.ones(1)}, "StyleGAN3 alias-free network: not supported"),
        ({"synthesis.L0_36_512.weight": torch.ones(1)}, "StyleGAN3 alias-free network: not supported"),
        ({"mapping.embed.weight": torch.ones(1)}, "class-conditional network: not supported"),
        ({"synthesis.b8.skip.weight": torch.ones(1)}, "no place, first synthesis.b8.skip.weight"),
        ({"synthesis.b8.resample_filter": 4 * o.KERNEL}, r"with sum 1 \(its sum is 4\)"),
        ({"synthesis.b8.torgb.weight": torch.full((3, 10, 1, 1), float("inf"))}, "torgb.weight holds NaN or infinite"),
        ({"synthesis.b4.torgb.weight": torch.ones(4, 10, 1, 1)}, "writes 4 image channels, expected 3"),
    ],
)
def test_nvlabs(state: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    o.save_nvlabs(tmp_path / "g.pkl", NVLABS | state, monkeypatch, clamp=None)
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / "g.pkl")


def test_alias_free_networks_alone_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"mapping.fc0.weight": torch.ones(4, 4), "synthesis.input.freqs": torch.ones(4, 2)}
    o.save_nvlabs(tmp_path / "stylegan3-t-ffhq.pkl", state, monkeypatch, clamp=None)
    with pytest.raises(CheckpointError, match="StyleGAN3 alias-free network: not supported; use a StyleGAN2 network"):
        read_weights(tmp_path / "stylegan3-t-ffhq.pkl")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"synthesis.b8": {"architecture": "resnet"}}, "synthesis.b8 has architecture 'resnet', expected 'skip'"),
        (
            {"synthesis.b8.conv0": {"conv_clamp": 256}, "synthesis.b8.conv1": {"conv_clamp": None}},
            r"differ in conv_clamp \(256, None\)",
        ),
        ({"mapping.fc1": {"activation": "linear"}}, "mapping.fc1 has activation 'linear', expected 'lrelu'"),
        ({"synthesis.b8.conv1": {"activation": "linear"}}, "synthesis.b8.conv1 has activation 'linear', expected 'lrelu'"),
        ({"synthesis.b4.conv1": {"act_gain": 1.0}}, r"synthesis.b4.conv1 has act_gain 1.0, expected 1.41"),
        ({"synthesis.b8.torgb.affine": {"activation": "lrelu"}}, "torgb.affine has activation 'lrelu', expected 'linear'"),
        ({"synthesis.b8.conv0.affine": {"bias_gain": 0.5}}, "conv0.affine has bias_gain 0.5, expected 1.0"),
        ({"synthesis.b8.conv0": {"use_noise": False}}, "synthesis.b8.conv0 has use_noise False, expected True"),
        ({"mapping.fc0": {"bias_gain": 0.01}, "mapping.fc1": {"bias_gain": 1.0}}, r"differ in bias_gain \(0.01, 1.0\)"),
    ],
)
def test_nvlabs_settings(attributes: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        o.fake_library(patch, "torch_utils.persistence", "_reconstruct_persistent_obj", lambda meta: meta)
        (tmp_path / "g.pkl").write_bytes(pickle.dumps({"G_ema": o.nest(NVLABS, attributes)}))
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / "g.pkl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"G": 1, "D": 2}, r"no network G_ema \(it has D, G\)"),
        ((1, 2), "a tuple of 2, expected the networks"),
        ((1, 2, 3), "a tuple of 3, expected the networks"),
        ([1], "holds a list"),
        (OrderedDict(), "no network G_ema"),
    ],
)
def test_other_pickles(content: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "g.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / "g.pkl")


@pytest.mark.parametrize(
    ("variables", "settings", "message"),
    [
        ({}, {"version": 3}, "of version 3: a StyleGAN or ProGAN network"),
        ({}, {"resample_kernel": [1, 2, 1]}, "resamples with the kernel"),
        ({}, {"mapping_nonlinearity": "relu"}, "mapping.fc0 has activation 'relu', expected 'lrelu'"),
        ({}, {"nonlinearity": "linear"}, r"synthesis.b\d.conv\d has activation 'linear', expected 'lrelu'"),
        ({}, {"use_wscale": False}, "was built with use_wscale=False, which this reader does not know"),
        ({}, {"architecture": "resnet"}, "synthesis has architecture 'resnet', expected 'skip'"),
        ({"mapping/LabelEmbed/weight": np.ones((2, 2), np.float32)}, {}, "no place, first mapping/LabelEmbed/weight"),
        ({"synthesis/8x8/Conv1/weight": np.full((3, 3, 10, 10), np.nan, np.float32)}, {}, "conv1.weight holds NaN"),
        ({"synthesis/8x8/Conv1/weight": np.ones((3, 3), np.float32)}, {}, r"has shape \[3, 3\], expected 4 axes"),
        ({"dlatent_avg": np.array(["a"])}, {}, "something else than weights: an array is of type U1, expected"),
    ],
)
def test_tensorflow(variables: dict, settings: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    o.save_tensorflow(tmp_path / "g.pkl", TENSORFLOW | variables, monkeypatch, **settings)
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / "g.pkl")


@pytest.mark.parametrize("share", [0.3, 0.95])
@pytest.mark.parametrize("kind", ["rosinality.pt", "nvlabs.pkl", "tensorflow.pkl", "legacy.pt", "own.safetensors"])
def test_truncated_files(kind: str, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / kind
    if kind == "nvlabs.pkl":
        o.save_nvlabs(path, NVLABS, monkeypatch, clamp=None)
    elif kind == "tensorflow.pkl":
        o.save_tensorflow(path, TENSORFLOW, monkeypatch)
    elif kind == "own.safetensors":
        save_file(ROSINALITY, path)
    else:
        torch.save({"g_ema": ROSINALITY}, path, _use_new_zipfile_serialization=kind != "legacy.pt")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<script>{let a = 1}</script>", "web page"),
        (b"\x1f\x8b\x08\x00", "gzip archive"),
        (b"hello there", "neither a PyTorch checkpoint, nor a network pickle, nor safetensors"),
    ],
)
def test_other_files(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "g.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / "g.pt")


@pytest.mark.parametrize("start", [b"\n<", b" <", b"<", b"<<", b"\x1f\x8b"])
def test_a_safetensors_file_whose_length_spells_another_kind_is_read(start: bytes, tmp_path: Path) -> None:
    """The first eight bytes are the length of its header: 15,392 is b" <"."""
    length = int.from_bytes(start, "little")
    offset, parts = 0, {}
    for name, tensor in ROSINALITY.items():
        size = tensor.numel() * tensor.element_size()
        parts[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    header = json.dumps(parts).encode()
    length += 65536 * max(0, -(-(len(header) - length) // 65536))
    content = b"".join(tensor.contiguous().numpy().tobytes() for tensor in ROSINALITY.values())
    path = tmp_path / "g.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + header.ljust(length) + content)
    assert path.read_bytes().startswith(start)
    assert read_weights(path).source_format.startswith("rosinality")


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "g.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        read_weights(tmp_path / "g.pt")


def test_parts_of_a_tensorflow_network_that_disagree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    o.save_tensorflow(
        tmp_path / "g.pkl", TENSORFLOW, monkeypatch, parts={"mapping/": {"mapping_lrmul": 1.0}}, mapping_lrmul=0.01
    )
    with pytest.raises(CheckpointError, match=r"its parts differ in mapping_lrmul \(0.01 and 1.0\)"):
        read_weights(tmp_path / "g.pkl")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_named(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), tmp_path / "g.pt")
    with pytest.raises(CheckpointError, match=r"is a TorchScript archive, a program .* save the network's state_dict\(\)"):
        read_weights(tmp_path / "g.pt")


def test_a_network_that_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "g.pkl").write_bytes(pickle.dumps({"G_ema": [1, 2]}))
    with pytest.raises(CheckpointError, match="the G_ema of this pickle is a list, expected a stored network"):
        read_weights(tmp_path / "g.pkl")
