"""The whole way: another process reads, a folder appears, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from adcreative.cli.app import app
from stylegan.errors import CheckpointError
from stylegan.foreign import conversion, convert_weights, reading_process, sandbox
from stylegan.foreign.__main__ import main
from stylegan.foreign.converted import ASSUMED_LR_MULTIPLIER
from stylegan.foreign.kinds import read_weights
from stylegan.foreign.messages import FAILED
from stylegan.networks.checkpoints import load_face_model, save_face_model
from stylegan.networks.generator import Generator, GeneratorConfig
from tests.stylegan.foreign import original_e4e as e
from tests.stylegan.foreign import originals as o

STATE = o.random_rosinality(16, depth=2, seed=0)


class RunsCommand:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def test_e4e_becomes_a_face_model_folder(tmp_path: Path) -> None:
    source, encoder = tmp_path / "e4e_ffhq_encode.pt", e.random_encoder(1)
    e.save_e4e(source, encoder, o.random_rosinality(e.SIZE, depth=8, seed=1), torch.ones(e.NUM_ROWS, o.W_DIM))
    summary = convert_weights(source, tmp_path / "out" / "model")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert (summary.source_format, summary.source_sha256, summary.size_px) == ("e4e", digest, 64)
    assert (summary.num_rows, summary.has_encoder, summary.warnings) == (10, True, (ASSUMED_LR_MULTIPLIER,))
    model = load_face_model(summary.path)
    assert model.manifest["source"] == {"name": "e4e_ffhq_encode.pt", "format": "e4e", "sha256": digest}
    assert "non-commercial" in model.manifest["licence"]
    assert torch.equal(model.encoder.state_dict()["network.body.5.res_layer.1.weight"], encoder["body.5.res_layer.1.weight"])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["model"]


def test_planted_code_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "g.pkl").write_bytes(pickle.dumps({"G_ema": RunsCommand(tmp_path / "it-ran")}))
    with pytest.raises(CheckpointError, match=r"'g\.pkl': the file asks for posix\.system on loading"):
        convert_weights(tmp_path / "g.pkl", tmp_path / "model")
    assert [p.name for p in tmp_path.iterdir()] == ["g.pkl"]


def test_a_file_that_asks_for_all_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four bytes seen as 2^46 numbers: a view whose steps are zero."""
    hostile = STATE | {"input.input": torch.zeros(1, dtype=torch.float64).expand(1, 1 << 42, 4, 4)}
    torch.save({"g_ema": hostile}, tmp_path / "g.pt")
    monkeypatch.setattr(reading_process, "confine", lambda *_: [])
    assert reading_process.main([str(tmp_path / "g.pt"), str(tmp_path / "out"), "5"]) == FAILED
    assert "asks for far more memory than its size explains" in json.loads(capsys.readouterr().out)["error"]


def test_the_reading_process_limits_itself_before_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", lambda limit, values: limits.update({limit: values}))
    monkeypatch.setattr(sandbox, "confine_files", lambda *_: True)
    monkeypatch.setattr(sandbox, "confine_calls", lambda: True)
    monkeypatch.setattr(reading_process, "convert", lambda *_: limits.update(done=(len(limits), 0)))  # type: ignore[call-overload]
    (tmp_path / "g.pt").write_bytes(bytes(1000))
    assert reading_process.main([str(tmp_path / "g.pt"), str(tmp_path / "out"), "7"]) == 0
    assert limits.pop("done") == (4, 0)  # type: ignore[call-overload]
    memory = (8 << 30) + 8000
    assert limits[resource.RLIMIT_AS] == (memory, memory)
    assert limits[resource.RLIMIT_CPU] == (7, 7)
    assert limits[resource.RLIMIT_FSIZE] == ((64 << 20) + 4000,) * 2
    assert limits[resource.RLIMIT_CORE] == (0, 0)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo killed >&2; kill -9 $$", r"'g\.pt': the process that reads it was ended by SIGKILL; the file is damaged"),
        ("echo oh no >&2; exit 9", r"'g\.pt': the process that reads it ended with code 9 \(oh no\)"),
        ("exec sleep 20", r"'g\.pt': reading took longer than 1 s"),
    ],
)
def test_a_reader_that_dies_or_hangs(script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n")
    interpreter.chmod(0o755)
    (tmp_path / "g.pt").write_bytes(b"x")
    monkeypatch.setattr(conversion.sys, "executable", str(interpreter))
    with pytest.raises(CheckpointError, match=message):
        convert_weights(tmp_path / "g.pt", tmp_path / "model", timeout_s=1)
    assert not (tmp_path / "model").exists()


def test_the_reading_process_has_no_words_of_its_own(tmp_path: Path) -> None:
    """The last words of a process that died are shown as the reason; a warning of the interpreter is none."""
    (tmp_path / "g.pt").write_bytes(b"no weights")
    command = [sys.executable, "-P", "-m", conversion.READER, str(tmp_path / "g.pt"), str(tmp_path / "out"), "20"]
    environment = {**os.environ, "PYTHONPATH": str(Path(conversion.__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == FAILED
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "far more memory"),
        (RecursionError(), "nested without end"),
        (KeyError("x"), "cannot be read as weights"),
    ],
)
def test_the_reader_says_what_went_wrong(
    error: Exception, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    (tmp_path / "g.pt").write_bytes(b"x")
    monkeypatch.setattr(reading_process, "convert", fail)
    monkeypatch.setattr(reading_process, "confine", lambda *_: [])
    assert reading_process.main([str(tmp_path / "g.pt"), str(tmp_path / "out"), "5"]) == FAILED
    assert message in json.loads(capsys.readouterr().out)["error"]


def test_own_safetensors(tmp_path: Path) -> None:
    o.save_rosinality(tmp_path / "g.pt", STATE, torch.ones(o.W_DIM), is_training_state=False)
    generator = read_weights(tmp_path / "g.pt").build()[0]
    save_file({k: t.contiguous() for k, t in generator.state_dict().items()}, tmp_path / "bare.safetensors")
    converted = read_weights(tmp_path / "bare.safetensors")
    assert converted.config == generator.config
    assert "no manifest beside the file" in converted.notes[0]
    assert all(torch.equal(t, generator.state_dict()[k]) for k, t in converted.generator_state.items())

    config = GeneratorConfig(
        size=8, w_dim=4, z_dim=4, num_mapping_layers=1, mapping_rows=4, conv_clamp=2.0, channels={4: 3, 8: 2}
    )
    save_face_model(tmp_path / "model", Generator(config), None, licence="mine")
    reading_process.convert(tmp_path / "model" / "model.safetensors", tmp_path / "again")
    model = load_face_model(tmp_path / "again")
    assert (model.generator.config, model.has_encoder, model.manifest["licence"]) == (config, False, "mine")
    with pytest.raises(CheckpointError, match="holds a generator only"):
        _ = model.encoder
    (tmp_path / "model" / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"writes all W\+ rows, so its manifest.json is needed"):
        read_weights(tmp_path / "model" / "model.safetensors")
    save_file({"generator.synthesis.const": torch.ones(1), "encoder.x": torch.ones(1)}, tmp_path / "face.safetensors")
    with pytest.raises(CheckpointError, match=r"has an encoder, so its manifest\.json is needed"):
        read_weights(tmp_path / "face.safetensors")
    save_file({"synthesis.const": torch.ones(1), "mapping.w_avg": torch.ones(1, 4)}, tmp_path / "cut.safetensors")
    with pytest.raises(CheckpointError, match="has no generator"):
        read_weights(tmp_path / "cut.safetensors")


def test_a_manifest_of_another_file(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "g.safetensors")
    (tmp_path / "manifest.json").write_text('{"kind": "face-model", "sha256": "0"}')
    with pytest.raises(CheckpointError, match=r"is not the file that the manifest\.json beside it describes"):
        reading_process.convert(tmp_path / "g.safetensors", tmp_path / "out")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(CheckpointError, match="is not JSON"):
        reading_process.convert(tmp_path / "g.safetensors", tmp_path / "out")
    (tmp_path / "manifest.json").write_text('{"kind": "something else"}')
    reading_process.convert(tmp_path / "g.safetensors", tmp_path / "out")
    assert load_face_model(tmp_path / "out").manifest["source"]["format"] == "rosinality"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder_kind": "psp"}, 'unknown kind of encoder "psp"'),
        ({"generator": {"size": 9}}, "does not describe a face model"),
    ],
)
def test_a_manifest_that_this_version_cannot_follow(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    config = GeneratorConfig(size=8, w_dim=4, z_dim=4, num_mapping_layers=1, channels={4: 3, 8: 2})
    save_face_model(tmp_path, Generator(config), None)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(CheckpointError, match=message):
        load_face_model(tmp_path)


def test_source_and_folder_are_checked_first(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a file; expected .pt, .pkl, .safetensors"):
        convert_weights(tmp_path / "none.pt", tmp_path / "model")
    (tmp_path / "g.pt").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="exists and is not an empty folder"):
        convert_weights(tmp_path / "g.pt", tmp_path)


def test_module_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["stylegan.foreign", str(tmp_path / "none.pt"), str(tmp_path / "model")])
    assert main() == 2
    assert capsys.readouterr().err.startswith("stylegan: ")


def test_verb(tmp_path: Path) -> None:
    runner, source = CliRunner(), tmp_path / "550000.pt"
    o.save_rosinality(source, STATE, None, is_training_state=True)
    result = runner.invoke(app, ["convert-weights", str(source), str(tmp_path / "model")])
    assert result.exit_code == 0, result.output
    assert "rosinality generator, 16 px" in result.output
    assert "averaged over 10,000 draws" in result.output
    assert load_face_model(tmp_path / "model").generator.config.size == 16
    result = runner.invoke(app, ["convert-weights", str(tmp_path / "none.pt"), str(tmp_path / "other")])
    assert result.exit_code == 2
    assert result.output.count("adcreative: ") == 1
    assert "Example: adcreative tools convert-weights" in runner.invoke(app, ["convert-weights", "--help"]).output
