"""Model files that would run code: each loader refuses them, and the sentinel file is never written."""

from __future__ import annotations

import ast
import json
import os
import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from adcreative.errors import AdCreativeError

ROOT = Path(__file__).parents[2]


class Evil:
    """Unpickling this runs a command that leaves a file."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.sentinel}",)


@pytest.fixture
def sentinel(tmp_path: Path) -> Path:
    path = tmp_path / "code-was-run"
    pickle.loads(pickle.dumps(Evil(path)))
    assert path.exists()  # the attack works where nothing stops it
    path.unlink()
    return path


@pytest.mark.parametrize("file_name", ["model.safetensors", "model.pt", "model.pkl"])
def test_a_predictor_folder_with_a_pickle(sentinel: Path, tmp_path: Path, file_name: str) -> None:
    """The manifest names the pickle, with the right hash, under an honest and under a false suffix."""
    import hashlib

    from adcreative.ctr.predictor import Predictor
    from adcreative.encoders.weights import embedded_dir

    shutil.copytree(embedded_dir("predictor"), tmp_path / "predictor")
    content = pickle.dumps(Evil(sentinel))
    (tmp_path / "predictor" / file_name).write_bytes(content)
    path = tmp_path / "predictor" / "manifest.json"
    manifest = json.loads(path.read_text()) | {"file": file_name, "sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(json.dumps(manifest))
    with pytest.raises(AdCreativeError, match=r"no safetensors file|a plain name ending in \.safetensors"):
        Predictor.load(tmp_path / "predictor")
    assert not sentinel.exists()


def test_a_manifest_that_names_a_file_elsewhere(tmp_path: Path) -> None:
    from adcreative.artifacts import load_artifact
    from adcreative.errors import ArtifactError

    for name in ("../x.safetensors", "/etc/x.safetensors", "a/../../x.safetensors"):
        manifest = {"kind": "k", "format": 1, "file": name, "sha256": ""}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(ArtifactError, match="a plain name"):
            load_artifact(tmp_path, kind="k", formats=(1,))


def test_a_face_model_folder_with_a_pickle(sentinel: Path, tmp_path: Path) -> None:
    import hashlib

    from stylegan.errors import CheckpointError
    from stylegan.networks.checkpoints import load_face_model, save_face_model
    from stylegan.networks.generator import Generator, GeneratorConfig

    small = GeneratorConfig(size=8, z_dim=8, w_dim=8, num_mapping_layers=1, channels={4: 8, 8: 8})
    save_face_model(tmp_path / "faces", Generator(small), None)
    content = pickle.dumps(Evil(sentinel))
    (tmp_path / "faces" / "model.safetensors").write_bytes(content)
    path = tmp_path / "faces" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(CheckpointError):
        load_face_model(tmp_path / "faces")
    assert not sentinel.exists()


@pytest.mark.parametrize("file_name", ["pytorch_model.bin", "model.safetensors"])
def test_a_language_model_folder_with_a_pickle_or_code(sentinel: Path, tmp_path: Path, file_name: str) -> None:
    from adcreative.encoders.gguf_cache import load_language_model
    from adcreative.errors import CopywriterError

    folder = tmp_path / "llm"
    folder.mkdir()
    (folder / "evil.py").write_text(f"open({str(sentinel)!r}, 'w')\nclass Evil: pass\n")
    config = {
        "model_type": "llama",
        "auto_map": {"AutoModelForCausalLM": "evil.Evil", "AutoTokenizer": "evil.Evil"},
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 10,
        "architectures": ["LlamaForCausalLM"],
    }
    (folder / "config.json").write_text(json.dumps(config))
    torch.save({"w": Evil(sentinel)}, folder / file_name)
    with pytest.raises(CopywriterError, match="cannot be loaded"):
        load_language_model(str(folder), tmp_path / "cache")
    assert not sentinel.exists()


def test_no_loader_of_ours_switches_the_guard_off() -> None:
    """Every torch.load says weights_only=True, every np.load allows no pickles, and no foreign code is trusted."""
    import ast
    import re

    root = Path(__file__).parents[2]
    risky = re.compile(r"torch\.load|pickle|joblib|yaml|\beval\(|\bexec\(|trust_remote_code")
    for path in [p for top in ("adcreative", "stylegan", "apps") for p in (root / top).rglob("*.py")]:
        source = path.read_text()
        for node in ast.walk(ast.parse(source)) if risky.search(source) else ():
            if not isinstance(node, ast.Call):
                continue
            called, keywords = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            if called == "torch.load":
                assert keywords.get("weights_only") == "True", f"{path}:{node.lineno}"
            assert called not in ("pickle.load", "pickle.loads", "joblib.load", "yaml.load", "eval", "exec"), (
                f"{path}:{node.lineno}"
            )
            assert keywords.get("allow_pickle", "False") == "False", f"{path}:{node.lineno}"
            assert keywords.get("trust_remote_code", "False") == "False", f"{path}:{node.lineno}"


def test_models_by_name_are_asked_not_to_run_their_code() -> None:
    """transformers and diffusers run a model's own Python files where trust_remote_code is on, or ask on a terminal."""
    calls = [
        (path.name, node)
        for path in sorted((ROOT / "adcreative").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and re.search(r"\bAuto\w+\.from_pretrained$", ast.unparse(node.func))
    ]
    assert len(calls) >= 5
    for name, call in calls:
        said = {one.arg: ast.unparse(one.value) for one in call.keywords}
        assert said.get("trust_remote_code") == "False", name
