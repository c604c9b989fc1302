"""Kill score, optimize and train at spread moments, give the same command again, and hold the result against a whole run's; and
start each of them twice at once on the same place.

    python -m tests.security.kill_drill --moments 30 --rounds 20

Everything is real but what the models say (`tests.fake_models`). Each try is a fork of this process, so imports are paid once;
it is killed (SIGKILL) after a share of the time that an undisturbed run takes. A try lost something when the second run fails,
when its files differ from the undisturbed run's in more than times, or when a draft, journal or lock is left. Of two writers
one is refused with one sentence, or both end right.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adcreative import pipeline
from adcreative.errors import ArtifactError, ConfigError
from adcreative.verbs.model_folder import read_model_manifests
from tests import fake_models
from tests.runs.test_kills import training_stand_ins

NUM_ADS = 40
REFUSED = 3  # exit status of a writer that found another
Work = Callable[[Path], object]  # what is done into a folder


@dataclass(frozen=True)
class Found:
    """What became of the tries at one command."""

    name: str
    num_killed: int
    num_too_late: int  # the run was over before the kill
    lost: tuple[str, ...]

    def __str__(self) -> str:
        late = f", {self.num_too_late} runs over before" if self.num_too_late else ""
        return f"{self.name}: {self.num_killed} kills{late}, {len(self.lost)} lost something"


def works(ads: Path) -> dict[str, Work]:
    """Return the three commands on a folder of ads."""
    return {
        "score": lambda out: pipeline.score(ads, out / "scores.csv"),
        "optimize": lambda out: pipeline.optimize(ads, out / "run"),
        "train": lambda out: pipeline.train(ads, out / "model", from_scratch=True),
    }


def drill(name: str, work: Work, place: Path, num_moments: int) -> Found:
    """Kill a command at moments spread over its time, each in a folder of its own."""
    (place / "whole").mkdir(parents=True)
    started_s = time.monotonic()
    assert _wait(_fork(work, place / "whole")) == 0, f"{name} fails without any kill"
    seconds, wanted = time.monotonic() - started_s, read_files(place / "whole")
    num_killed, lost = 0, []
    for moment in range(num_moments):
        out = place / str(moment)
        out.mkdir()
        pid = _fork(work, out)
        time.sleep(seconds * (moment + 0.5) / num_moments)
        os.kill(pid, signal.SIGKILL)
        num_killed += _wait(pid) == -signal.SIGKILL
        if _wait(_fork(work, out)) != 0:
            lost.append(f"moment {moment}: the same command failed")
        elif (found := read_files(out)) != wanted:
            names = sorted(path for path in {*wanted, *found} if wanted.get(path) != found.get(path))
            lost.append(f"moment {moment}: {', '.join(names)}")
    return Found(name, num_killed, num_moments - num_killed, tuple(lost))


@dataclass(frozen=True)
class Raced:
    """What became of two writers on one place, round by round."""

    name: str
    num_refused: int
    num_both: int
    mixed: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: twice at once, {self.num_refused} refused, {self.num_both} both ended, {len(self.mixed)} mixed"


def race(name: str, work: Work, place: Path, num_rounds: int) -> Raced:
    """Start a command twice at once, the second later in each round, and hold what is left against a single run's.

    Models of two trainings differ, so that they are seen where they stand together.
    """
    (place / "whole").mkdir(parents=True)
    started_s = time.monotonic()
    assert _wait(_fork(work, place / "whole")) == 0, f"{name} fails alone"
    seconds, wanted = time.monotonic() - started_s, read_files(place / "whole")
    num_refused, num_both, mixed = 0, 0, []
    for number in range(num_rounds):
        out = place / f"race-{number}"
        out.mkdir()
        first = _fork(work, out)
        time.sleep(seconds * number / num_rounds)
        ends = sorted([_wait(_fork(work, out)), _wait(first)])
        num_refused, num_both = num_refused + (ends == [0, REFUSED]), num_both + (ends == [0, 0])
        if ends not in ([0, 0], [0, REFUSED]):
            mixed.append(f"round {number}: ended with {ends}")
        elif name == "train":
            mixed += [f"round {number}: {fault}" for fault in _find_mixed(out / "model")]
        elif (found := read_files(out)) != wanted:
            mixed.append(f"round {number}: {', '.join(sorted(p for p in {*wanted, *found} if wanted.get(p) != found.get(p)))}")
    return Raced(name, num_refused, num_both, tuple(mixed))


def _find_mixed(model: Path) -> list[str]:
    """Return what is wrong with a folder of models: of two trainings, or refused."""
    try:
        trained = {manifest.notes["training"] for manifest in read_model_manifests(model).values()}
    except ArtifactError as error:
        return [str(error)]
    return [] if len(trained) == 1 else ["models of two trainings"]


def read_files(folder: Path) -> dict[str, object]:
    """Return path -> content of all files below a folder, hidden ones too, without times."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        name, content = path.relative_to(folder).as_posix(), path.read_bytes()
        if path.name == ".adcreative.json":
            found[name] = sorted(json.loads(content))  # the hash of a page holds its time
        elif path.name == "audit.jsonl":  # times, and the seal over them and over where the run lies
            found[name] = [{**json.loads(line), "at": "", "run": "", "seal": ""} for line in content.splitlines()]
        elif path.suffix in (".jsonl", ".html"):
            found[name] = re.sub(rb'"seconds": [0-9.]+|\d{1,2} \w+ \d{4}, \d\d:\d\d', b"", content)
        else:
            found[name] = content
    return found


def _fork(work: Work, out: Path) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work(out)
            os._exit(0)
        except ConfigError as error:
            os._exit(REFUSED if "another process is writing" in str(error) else 1)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return pid


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> int:
    """Print what was found; 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--moments", type=int, default=30, help="kills of each command")
    parser.add_argument("--rounds", type=int, default=20, help="of two writers, for each command")
    arguments = parser.parse_args()
    fake_models.install()
    sys.modules.update(training_stand_ins(lambda: 1, seconds=0.3))
    vars(sys.modules["adcreative.features.builder"])["check_finite"] = lambda *_, **__: None
    os.environ["FAKE_DELAY_S"] = "0.02"
    with tempfile.TemporaryDirectory() as folder:
        ads = fake_models.write_ads(Path(folder, "ads"), NUM_ADS, broken=[7])
        found = [drill(name, work, Path(folder, name), arguments.moments) for name, work in works(ads).items()]
        sys.modules.update(training_stand_ins(os.getpid, seconds=0.3))
        raced = [race(name, work, Path(folder, f"{name}-twice"), arguments.rounds) for name, work in works(ads).items()]
    for one in found:
        print("\n  ".join([str(one), *one.lost]))
    for two in raced:
        print("\n  ".join([str(two), *two.mixed]))
    return int(any(one.lost for one in found) or any(two.mixed for two in raced))


if __name__ == "__main__":
    sys.exit(main())
