"""The fences around the reading process: each is tried from inside, in a process that is thrown away."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stylegan.foreign import conversion, convert_weights, sandbox
from stylegan.networks.checkpoints import FaceModel, save_face_model
from tests.stylegan.foreign import originals as o

LINUX = pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in sandbox._MACHINES, reason="Linux only")
ROOT = Path(__file__).parents[3]
BEGIN = """
import os, sys, threading
from pathlib import Path
from stylegan.foreign.sandbox import confine
source, out, outside = (Path(word) for word in sys.argv[1:4])
missing = confine(source, out, 60)
assert missing == [], missing
"""
INSIDE = {
    "read the checkpoint": "source.read_bytes()",
    "write into the folder": "(out / 'a').write_bytes(bytes(9)); (out / 'a').unlink()",
    "rename within the folder": "(out / 'b').write_bytes(b'x'); os.replace(out / 'b', out / 'c')",
    "start a thread": "t = threading.Thread(target=print); t.start(); t.join()",
    "import a module": "import wave, torch; torch.ones(3).numpy()",
}
REFUSED = {
    "read another file": "outside.read_bytes()",
    "list another folder": "os.listdir(outside.parent)",
    "write another file": "(outside.parent / 'new').write_bytes(b'x')",
    "change the checkpoint": "source.write_bytes(b'x')",
    "delete another file": "outside.unlink()",
    "make a folder": "(out / 'folder').mkdir()",
    "open a socket": "import socket; socket.socket()",
    "open a local socket": "import socket; socket.socketpair()",
    "fork": "os.fork()",
    "start a program": "import subprocess; subprocess.run(['/bin/true'])",
    "become a program": "os.execv('/bin/true', ['true'])",
    "signal its parent": "os.kill(os.getppid(), 0)",
    "look into its parent": "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "change its user": "os.setuid(12345)",
}
TRY_EACH = """
import json
said = {}
for what, code in json.loads(%r).items():
    try:
        exec(code)
        said[what] = 0
    except OSError as error:
        said[what] = error.errno
print(json.dumps(said))
"""


def run_inside(code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    source, out, outside = tmp_path / "in" / "g.pt", tmp_path / "out", tmp_path / "elsewhere" / "secret"
    for path in (source, outside):
        path.parent.mkdir()
        path.write_bytes(b"content")
    out.mkdir()
    command = [sys.executable, "-P", "-c", BEGIN + code, str(source), str(out), str(outside)]
    environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=120)


@LINUX
def test_what_reading_needs_is_allowed_and_everything_else_is_refused(tmp_path: Path) -> None:
    finished = run_inside(TRY_EACH % json.dumps({**INSIDE, **REFUSED}), tmp_path)
    assert finished.returncode == 0, finished.stderr
    said = json.loads(finished.stdout.splitlines()[-1])
    assert {what for what, errno in said.items() if errno == 0} == set(INSIDE), finished.stderr
    assert {said[what] for what in REFUSED} <= {1, 13}, said
    assert (tmp_path / "elsewhere" / "secret").read_bytes() == b"content"
    assert (tmp_path / "in" / "g.pt").read_bytes() == b"content"
    assert not (tmp_path / "elsewhere" / "new").exists()


@LINUX
def test_the_reading_process_may_end_itself(tmp_path: Path) -> None:
    assert run_inside("os.abort()", tmp_path).returncode == -6


@LINUX
def test_no_right_of_root_is_left_but_to_read(tmp_path: Path) -> None:
    finished = run_inside("print(Path('/proc/self/status').read_text())", tmp_path)
    rights = dict(line.split(":\t") for line in finished.stdout.splitlines() if line.startswith("Cap"))
    allowed = 1 << 2 if os.geteuid() == 0 else 0
    for name in ("CapPrm", "CapEff", "CapInh"):
        assert int(rights[name], 16) & ~allowed == 0, (name, finished.stdout, finished.stderr)


@LINUX
def test_the_same_is_possible_without_the_fences(tmp_path: Path) -> None:
    """What is refused above works where nothing refuses it, so each refusal is the fences' own."""
    harmless = [code for what, code in REFUSED.items() if what not in ("become a program", "change its user", "fork")]
    script = "\n".join(
        ["import os, sys", "from pathlib import Path", "source, out, outside = map(Path, sys.argv[1:4])", *harmless]
    )
    for path in (tmp_path / "in" / "g.pt", tmp_path / "elsewhere" / "secret", tmp_path / "out" / "x"):
        path.parent.mkdir()
        path.write_bytes(b"content")
    arguments = [str(tmp_path / "in" / "g.pt"), str(tmp_path / "out"), str(tmp_path / "elsewhere" / "secret")]
    script = script.replace("open(f'/proc/{os.getppid()}/mem', 'rb').read(1)", "open(f'/proc/{os.getppid()}/mem', 'rb')")
    finished = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_a_system_without_fences_is_named_in_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stylegan.foreign import reading_process

    monkeypatch.setattr(sandbox, "limit_resources", lambda *_: None)
    monkeypatch.setattr(sandbox.sys, "platform", "plan9")
    o.save_rosinality(tmp_path / "g.pt", o.random_rosinality(8, depth=1, seed=0), torch.ones(o.W_DIM), is_training_state=False)
    assert reading_process.main([str(tmp_path / "g.pt"), str(tmp_path / "out"), "60"]) == 0
    notes = conversion.load_face_model(tmp_path / "out").manifest["notes"]
    assert [note for note in notes if "Landlock" in note]
    assert [note for note in notes if "seccomp" in note]
    assert [note for note in notes if "rights" in note]


@LINUX
def test_a_conversion_here_is_read_behind_all_fences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine where torch has never made its cache folder, which it does when it first computes on "meta"."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    o.save_rosinality(tmp_path / "g.pt", o.random_rosinality(8, depth=1, seed=0), torch.ones(o.W_DIM), is_training_state=False)
    summary = convert_weights(tmp_path / "g.pt", tmp_path / "model")
    assert not [note for note in summary.warnings if "was read without" in note]


@LINUX
def test_our_own_face_model_is_converted_behind_the_fences(tmp_path: Path, tiny_face_model: FaceModel) -> None:
    """Its encoder brings timm, which wants to make folders of its own."""
    save_face_model(tmp_path / "own", tiny_face_model.generator, tiny_face_model.stored_encoder)
    summary = convert_weights(tmp_path / "own", tmp_path / "model")
    assert (summary.has_encoder, summary.warnings) == (True, ())
