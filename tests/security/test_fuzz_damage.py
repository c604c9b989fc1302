"""A fixed number of damaged files for every reader, by chance (`fuzz_readers`) and led by coverage (`fuzz_with_atheris`)."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from adcreative.encoders.gguf_cache import load_language_model
from adcreative.errors import CopywriterError
from tests.security.fuzz_models import small_gguf
from tests.security.fuzz_readers import READERS, run_cases, try_bytes

ROOT = Path(__file__).parents[2]
NUM_CASES, NUM_GUIDED_CASES = 830, 1000  # 20,000 in all, in under two minutes, a sixth of them in make test; more: make fuzz
FEWER_CASES = {"weights": 150, "text encoder": 40, "plan": 400, "proposal": 40, "rotation plan": 200}  # each takes longer
MIN_CASES = 20_000
DEEP = {
    "mapping": ("a.json", b"[" * 100_000),
    "consents": ("a.json", b"[" * 100_000),
    "sidecar": ("a.json", b"[" * 100_000),
    "brand kit": ("a.json", b"[" * 100_000),
    "plan": ("a.json", b"[" * 100_000),
    "artifact": ("a.json", b"[" * 100_000),
    "jsonl": ("a.jsonl", b"[" * 100_000),
    "config": ("a.toml", b"a = " + b"[" * 5_000),
    "rules": ("a.yaml", b"[" * 5_000),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("share", [pytest.param(1, marks=pytest.mark.slow), 6])
@pytest.mark.parametrize("name", READERS)
def test_damage_gives_a_result_or_one_of_our_errors(name: str, share: int) -> None:
    num_cases = FEWER_CASES.get(name, NUM_CASES) // share
    num_read, num_refused = run_cases(name, num_cases, seed=1)
    assert num_read + num_refused == num_cases


def test_the_number_of_cases_is_what_is_promised() -> None:
    assert sum(FEWER_CASES.get(name, NUM_CASES) for name in READERS) >= MIN_CASES


def test_a_number_of_thousands_of_digits_in_a_configuration_is_refused(tmp_path: Path) -> None:
    assert not try_bytes(READERS["config"], "a.toml", b"num_members = " + b"9" * 5001, tmp_path)


@pytest.mark.parametrize("name", DEEP)
def test_nesting_without_end_is_refused(name: str, tmp_path: Path) -> None:
    file_name, content = DEEP[name]
    assert not try_bytes(READERS[name], file_name, content, tmp_path)


@pytest.mark.parametrize(
    "rules",
    [
        "rules:",
        "rules: 3",
        "rules: [a]",
        "rules: {a: b}",
        "rules: [{id: a, when: x}]",
        "rules: [2026-99-99]",
        "rules: [{id: a, title: t, level: check, duty: d, how: h, applies_from: 2026-08-02, checked_on: 2026-11-01, "
        "sources: [x], when: 3}]",
    ],
)
def test_disclosure_rules_of_another_shape_are_refused(rules: str, tmp_path: Path) -> None:
    assert not try_bytes(READERS["rules"], "a.yaml", f"market: eu\nname: EU\n{rules}\n".encode(), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mapping", "results", "consents", "rules"])
def test_damage_led_by_coverage(name: str) -> None:
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.security.fuzz_with_atheris", name, f"-runs={NUM_GUIDED_CASES}", "-seed=1"]
    finished = subprocess.run([*command, "-rss_limit_mb=4096"], capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert f"Done {NUM_GUIDED_CASES} " in finished.stderr


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_gguf_is_one_sentence(seed: int, tmp_path: Path) -> None:
    """struct.error came through before, of a file that is cut within its header."""
    rng, sound = random.Random(seed), small_gguf()
    for case in range(8):
        content = bytearray(sound[: rng.randrange(4, len(sound))] if case % 2 else sound)
        for _ in range(rng.randrange(1, 4)):
            content[rng.randrange(4, len(content)) if len(content) > 4 else 0] = rng.randrange(256)
        (tmp_path / "a.gguf").write_bytes(content)
        with pytest.raises(CopywriterError, match=r"cannot be loaded"):
            load_language_model(tmp_path / "a.gguf", tmp_path / "cache")
