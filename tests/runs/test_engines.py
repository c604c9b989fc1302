"""Batches through every engine, with models that cost nothing: the same rows, and nothing lost when something dies."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adcreative import pipeline
from adcreative.errors import CatalogError, ConfigError, EngineError, TrainingError
from adcreative.runs.engines import BatchConfig, Rows, apply_job
from tests import fake_models
from tests.fake_models import ROOT, command, write_ads


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the verbs in this process the models of `fake_models`."""
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)


def start(*arguments: object, **environment: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def succeed(*arguments: object, **environment: object) -> str:
    """Run a command to its end and return what it said on stdout."""
    code, out, err = ended(start(*arguments, **environment))
    assert code == 0, err
    return out


def scored(path: Path) -> list[str]:
    """Return the headline of each row of scores."""
    with path.open() as file:
        return [row["reasons"] for row in csv.DictReader(file)]


def results(out: Path) -> list[dict[str, Any]]:
    """Return the lines of a run without the seconds that they took."""
    return [{**json.loads(line), "seconds": 0} for line in (out / "results.jsonl").read_text().splitlines()]


HEADLINES = [f"ad {row}" for row in range(1, 61)]


@dataclass(frozen=True)
class Work:
    """A job for the tests of the engines alone: says who did it, or fails, or dies."""

    log: Path | None = None

    def load(self, should_stop: Any) -> Any:
        if self.log:
            with self.log.open("a") as file:
                file.write(f"{os.getpid()}\n")
        return self.apply

    def apply(self, item: int) -> Rows:
        if item < 0:
            raise TrainingError(f"item {item} teaches nothing.")
        if item > 1000:
            os._exit(9)
        return [{"item": item, "process": os.getpid(), "threads": os.environ.get("OMP_NUM_THREADS", "")}]


@dataclass(frozen=True)
class Large:
    """A job whose every answer has more bytes than the object store."""

    num_bytes: int

    def load(self, should_stop: Any) -> Any:
        return lambda item: [{"text": "x" * self.num_bytes}]


def never() -> bool:
    return False


class TestProcesses:
    config = BatchConfig(workers=2)

    def test_each_worker_loads_once_and_gets_its_share_of_the_cores(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        rows = [row for rows in apply_job(Work(tmp_path / "log"), range(40), self.config, never) for row in rows]
        assert sorted(row["item"] for row in rows) == list(range(40))
        loads = (tmp_path / "log").read_text().split()
        assert len(loads) == len(set(loads)) <= 2
        assert str(os.getpid()) not in loads
        assert {row["threads"] for row in rows} == {str(max(1, len(os.sched_getaffinity(0)) // 2))}

    def test_items_are_taken_as_they_are_needed(self) -> None:
        taken = []

        def items() -> Iterator[int]:
            for item in range(1000):
                taken.append(item)
                yield item

        finished = apply_job(Work(), items(), self.config, never)
        next(finished)
        finished.close()  # type: ignore[attr-defined]
        assert len(taken) <= 10

    def test_an_error_of_ours_comes_back_as_itself(self) -> None:
        with pytest.raises(TrainingError, match="item -1 teaches nothing"):
            list(apply_job(Work(), [1, -1, 2], self.config, never))

    def test_a_dead_worker_is_one_sentence(self) -> None:
        with pytest.raises(EngineError, match=r"worker process died.*same command goes on"):
            list(apply_job(Work(), [1, 1001, 2], self.config, never))

    def test_stopping_finishes_what_is_under_way(self) -> None:
        done: list[int] = []
        for rows in apply_job(Work(), range(1000), self.config, lambda: len(done) >= 5):
            done.extend(row["item"] for row in rows)
        assert 5 <= len(done) <= 12
        assert len(done) == len(set(done))

    def test_workers_do_not_outlive_a_killed_parent(self, tmp_path: Path) -> None:
        ads = write_ads(tmp_path / "ads", 60)
        trace = tmp_path / "trace"
        run = start("score", ads, "--out", tmp_path / "s.csv", "--workers", 2, FAKE_DELAY_S=0.5, FAKE_TRACE=trace)
        wait_for(lambda: trace.exists() and len(trace.read_text().split()) >= 4)
        workers = {int(line.split()[0]) for line in trace.read_text().splitlines()}
        run.kill()
        run.communicate()
        wait_for(lambda: not any(is_running(pid) for pid in workers))


def wait_for(condition: Any, seconds: float = 60) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """True unless the process is gone, or a zombie that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestSameResults:
    def test_score_with_workers_equals_score_without(self, tmp_path: Path) -> None:
        ads = write_ads(tmp_path / "ads", 60, broken=[7])
        for name, more in (("one", ()), ("two", ("--workers", 2))):
            told = json.loads(succeed("score", ads, "--out", tmp_path / name / "s.csv", "--json", *more))
            assert (told["done"], told["failed"], told["stopped"], told["exit_code"]) == (59, 2, False, 0)
        for name in ("s.csv", "s.failures.csv"):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert scored(tmp_path / "one" / "s.csv") == [h for h in HEADLINES if h != "ad 7"]
        assert sorted(p.name for p in (tmp_path / "two").iterdir()) == [".adcreative.json", "s.csv", "s.failures.csv"]

    def test_optimize_with_workers_equals_optimize_without(self, tmp_path: Path) -> None:
        ads = write_ads(tmp_path / "ads", 20, broken=[3])
        for name, more in (("one", ()), ("two", ("--workers", 2))):
            succeed("optimize", ads, "--out", tmp_path / name, *more)
        assert results(tmp_path / "one") == results(tmp_path / "two")
        for name in ("results.failures.csv", "results.run.json"):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert [row["row"] for row in results(tmp_path / "two")] == list(range(1, 21))
        assert len(list((tmp_path / "two" / "images").glob("*.edited.png"))) == 19

    def test_a_creative_does_not_look_back_on_its_own_result(self, tmp_path: Path, fakes: None) -> None:
        """Two ads of one brand with results: each sees one other, however they are cut into chunks."""
        (tmp_path / "ads.csv").write_text("headline,brand,impressions,clicks\na,B,1000,9\nb, b ,1000,9\nc,B,,\nd,C,1000,9\n")
        pipeline.score(tmp_path / "ads.csv", tmp_path / "s.csv")
        with (tmp_path / "s.csv").open() as file:
            seen = [row["evidence"].partition(";")[0] for row in csv.DictReader(file)]
        assert seen == ["fake, 0 earlier", "fake, 0 earlier", "fake, 1 earlier", "fake, 0 earlier"]


class TestLimitResumeRestart:
    def test_a_limited_run_goes_on_with_more(self, tmp_path: Path) -> None:
        ads, out, trace = write_ads(tmp_path / "ads", 60), tmp_path / "s.csv", tmp_path / "trace"
        succeed("score", ads, "--out", out, "--limit", 10, FAKE_TRACE=trace)
        assert scored(out) == HEADLINES[:10]
        succeed("score", ads, "--out", out, "--resume", FAKE_TRACE=trace)
        assert scored(out) == HEADLINES
        assert sorted(int(line.split()[1]) for line in trace.read_text().splitlines()) == list(range(1, 61))  # none twice

    def test_resume_refuses_to_begin(self, tmp_path: Path, fakes: None) -> None:
        ads = write_ads(tmp_path / "ads", 3)
        with pytest.raises(ConfigError, match=r"no run at .*s\.csv to resume; leave out --resume"):
            pipeline.score(ads, tmp_path / "s.csv", batch=BatchConfig(resume=True))
        pipeline.score(ads, tmp_path / "s.csv")
        with pytest.raises(ConfigError, match=r"s\.csv is there, so it may be finished"):
            pipeline.score(ads, tmp_path / "s.csv", batch=BatchConfig(resume=True))
        with pytest.raises(ConfigError, match="to resume"):
            pipeline.optimize(ads, tmp_path / "out", batch=BatchConfig(resume=True))

    def test_contradicting_flags_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="give one of them"):
            BatchConfig(resume=True, restart=True)
        with pytest.raises(ConfigError, match="--workers must be at least 1, got 0"):
            BatchConfig(workers=0)
        with pytest.raises(ConfigError, match=r'no engine named "rays"\. Did you mean "ray"'):
            BatchConfig(engine="rays")


class TestDryRun:
    @pytest.mark.parametrize("more", [(), ("--workers", "2")])
    def test_it_says_what_would_be_done_and_writes_nothing(self, tmp_path: Path, more: tuple[str, ...]) -> None:
        ads = write_ads(tmp_path / "ads", 60)
        (ads / "torn.jpg").write_bytes(b"\xff\xd8 torn")
        with (ads / "metadata.csv").open("a") as file:
            file.write("torn.jpg,a torn picture,,,\n")
        ended(start("score", ads, "--out", tmp_path / "s.csv", "--limit", 10))
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        code, out, err = ended(
            start("score", ads, "--out", tmp_path / "s.csv", "--dry-run", "--json", *more, FAKE_DELAY_S=0.05)
        )
        told = json.loads(out)["forecast"]
        assert code == 0, err
        assert (told["to_do"], told["already_done"], told["unusable"]) == (50, 10, 2)
        assert told["first_problem"].startswith("row 61: there is no file")
        num_workers = 2 if more else 1
        assert told["seconds"] == pytest.approx(told["seconds_each"] * 50 / num_workers)
        assert told["seconds_each"] >= 0.05
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before

    def test_it_finds_what_would_stop_the_run(self, tmp_path: Path, fakes: None) -> None:
        ads, dry = write_ads(tmp_path / "ads", 3), BatchConfig(dry_run=True)
        pipeline.optimize(ads, tmp_path / "out")
        with pytest.raises(ConfigError, match=r"other settings \(seed\)"):
            pipeline.optimize(ads, tmp_path / "out", seed=7, batch=dry)
        with pytest.raises(ConfigError, match="to resume"):
            pipeline.optimize(ads, tmp_path / "elsewhere", batch=BatchConfig(dry_run=True, resume=True))
        (tmp_path / "file").write_text("")
        with pytest.raises(CatalogError, match="cannot be written"):
            pipeline.score(ads, tmp_path / "file" / "s.csv", batch=dry)
        assert not (tmp_path / "elsewhere").exists()


class TestKilled:
    """The real command, stopped in every way there is, started again until it is done."""

    @pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
    def test_killed_in_a_loop_no_row_is_lost_and_none_comes_twice(self, tmp_path: Path, workers: int) -> None:
        ads, rng = write_ads(tmp_path / "ads", 60, broken=[11]), np.random.default_rng(workers)
        out, num_kills = tmp_path / "s.csv", 0
        for attempt in range(40):
            run = start("score", ads, "--out", out, "--workers", workers, FAKE_DELAY_S=0.1 if attempt < 4 else 0.0)
            if attempt < 4:
                time.sleep(float(rng.uniform(0.2, 2.5)))
                num_kills += run.poll() is None
                run.send_signal(signal.SIGKILL)
            if ended(run)[0] == 0:
                break
        assert num_kills >= 2
        assert scored(out) == [headline for headline in HEADLINES if headline != "ad 11"]
        with (tmp_path / "s.failures.csv").open() as file:
            assert [row["problem"] for row in csv.DictReader(file)][1:] == ["row 11: broken"]
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_file() and "lock" not in p.name) == [
            ".adcreative.json",
            "s.csv",
            "s.failures.csv",
        ]

    @pytest.mark.parametrize(("signum", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 2)])
    def test_asked_to_stop_it_says_so_and_goes_on_later(self, tmp_path: Path, signum: int, workers: int) -> None:
        ads, trace = write_ads(tmp_path / "ads", 60), tmp_path / "trace"
        arguments = ("optimize", ads, "--out", tmp_path / "out", "--workers", workers)
        run = start(*arguments, FAKE_DELAY_S=0.1, FAKE_TRACE=trace)
        wait_for(lambda: trace.exists() and len(trace.read_text().split()) >= 8)
        run.send_signal(signum)
        code, out, err = ended(run)
        assert code == 130, err
        assert "the same command goes on where it was" in out
        num_done = len(results(tmp_path / "out"))
        assert 0 < num_done < 60
        succeed(*arguments, FAKE_TRACE=trace)
        assert [row["row"] for row in results(tmp_path / "out")] == list(range(1, 61))

    def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(self, tmp_path: Path) -> None:
        ads = write_ads(tmp_path / "ads", 60)
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        full = subprocess.run(
            command("score", ads, "--out", tmp_path / "s.csv", "--json"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            preexec_fn=limit,
        )
        assert full.returncode == 2
        assert full.stderr.count("adcreative:") == 1
        assert "cannot be written (File too large)" in full.stderr
        assert "goes on where it was" in json.loads(full.stdout)["error"]
        assert "Traceback" not in full.stderr
        left = (tmp_path / ".s.csv.partial.jsonl").read_text().splitlines()
        assert 0 < len(left) < 60
        assert [json.loads(line)["row"] for line in left] == list(range(1, len(left) + 1))  # whole lines only
        succeed("score", ads, "--out", tmp_path / "s.csv", "--resume")
        assert scored(tmp_path / "s.csv") == HEADLINES

    @pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
    def test_a_weight_that_vanishes_is_one_sentence_and_the_run_goes_on_later(self, tmp_path: Path, workers: int) -> None:
        ads, weights, trace = write_ads(tmp_path / "ads", 60), tmp_path / "weights", tmp_path / "trace"
        weights.write_text("")
        arguments = ("optimize", ads, "--out", tmp_path / "out", "--workers", workers)
        run = start(*arguments, FAKE_DELAY_S=0.05, FAKE_WEIGHTS=weights, FAKE_TRACE=trace)
        wait_for(lambda: trace.exists() and len(trace.read_text().split()) >= 8)
        weights.unlink()
        code, _, err = ended(run)
        assert code == 2
        assert err.count("adcreative:") == 1
        assert f"{weights} is not there any more" in err
        assert "Traceback" not in err
        weights.write_text("")
        succeed(*arguments, FAKE_WEIGHTS=weights)
        assert [row["row"] for row in results(tmp_path / "out")] == list(range(1, 61))


WORKERS_HAVE_FAKES = (
    "import sys\nif any('default_worker' in one for one in sys.orig_argv):\n"
    "    from tests import fake_models\n    fake_models.install()\n"
)
RAY_VARIABLES = {  # time limits of busy machines
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_worker_register_timeout_seconds": "120",
    "RAY_worker_niceness": "0",
}


class TestRay:
    """Two nodes on this machine; Ray places the work, and repeats that of a worker that is killed."""

    @pytest.fixture(scope="class")
    @classmethod
    def trace(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """A cluster whose workers have the cheap models and write into the file returned.

        The models come by a sitecustomize module: a worker is a Python that Ray starts. The time limits are for busy machines.
        """
        pytest.importorskip("ray")
        folder = tmp_path_factory.mktemp("ray")
        (folder / "sitecustomize.py").write_text(WORKERS_HAVE_FAKES)
        variables = {
            **RAY_VARIABLES,
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            "FAKE_TRACE": str(folder / "trace"),
            "FAKE_DELAY_S": "0.02",
        }
        with pytest.MonkeyPatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            import ray
            from ray.cluster_utils import Cluster

            node = {"num_cpus": 1, "object_store_memory": 80_000_000}
            cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
            cluster.add_node(**node)
            for name in variables:
                patched.delenv(name)  # they are for the workers
            ray.init(address=cluster.address, log_to_driver=False)
            assert len([node for node in ray.nodes() if node["Alive"]]) == 2
            yield folder / "trace"
            ray.shutdown()
            cluster.shutdown()

    def test_a_killed_worker_costs_no_row(self, trace: Path, tmp_path: Path, fakes: None) -> None:
        ads, killed = write_ads(tmp_path / "ads", 60, broken=[7]), list[int]()
        pipeline.optimize(ads, tmp_path / "one")

        def kill_one(stage: str, done: int, total: int) -> None:
            if done >= 8 and not killed:
                killed.append(int(trace.read_text().splitlines()[-1].split()[0]))
                os.kill(killed[0], signal.SIGKILL)

        pipeline.optimize(ads, tmp_path / "two", batch=BatchConfig(engine="ray", workers=2), progress=kill_one)
        processes = {int(line.split()[0]) for line in trace.read_text().splitlines()}
        assert killed
        assert os.getpid() not in processes
        assert len(processes) >= 3  # two, and the one that came for the killed one
        assert results(tmp_path / "one") == results(tmp_path / "two")
        for name in ("results.failures.csv", "results.run.json"):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    def test_score_gives_the_same_files(self, trace: Path, tmp_path: Path, fakes: None) -> None:
        ads = write_ads(tmp_path / "ads", 60, broken=[7])
        pipeline.score(ads, tmp_path / "one" / "s.csv")
        pipeline.score(ads, tmp_path / "two" / "s.csv", batch=BatchConfig(engine="ray"))
        for name in ("s.csv", "s.failures.csv"):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    @pytest.mark.slow
    def test_a_full_object_store_costs_no_row(self, trace: Path, tmp_path: Path, fakes: None) -> None:
        import ray

        held = [ray.put(np.zeros(20_000_000, np.uint8)) for _ in range(10)]  # 200 MB, where 80 MB have room
        ads = write_ads(tmp_path / "ads", 60, broken=[7])
        pipeline.optimize(ads, tmp_path / "one")
        pipeline.optimize(ads, tmp_path / "two", batch=BatchConfig(engine="ray", workers=2))
        assert results(tmp_path / "one") == results(tmp_path / "two")
        large = apply_job(Large(100_000_000), range(3), BatchConfig(engine="ray", workers=1), never)
        assert [len(row["text"]) for rows in large for row in rows] == [100_000_000] * 3
        del held

    def test_an_error_of_ours_comes_back_as_itself(self, trace: Path) -> None:
        with pytest.raises(TrainingError, match="item -1 teaches nothing"):
            list(apply_job(Work(), [1, -1, 2], BatchConfig(engine="ray", workers=2), never))

    def test_an_item_that_kills_every_worker_ends_the_run(self, trace: Path) -> None:
        with pytest.raises(EngineError, match="Ray gave up"):
            list(apply_job(Work(), [1001], BatchConfig(engine="ray", workers=1), never))


@pytest.mark.slow
def test_a_head_that_dies_under_a_run_is_one_sentence_and_the_run_goes_on_later(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    ads, trace = write_ads(tmp_path / "ads", 40), tmp_path / "trace"
    (tmp_path / "sitecustomize.py").write_text(WORKERS_HAVE_FAKES)
    variables = {**RAY_VARIABLES, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "FAKE_TRACE": trace, "FAKE_DELAY_S": 0.3}
    run = start("optimize", ads, "--out", tmp_path / "out", "--engine", "ray", "--workers", 1, **variables)
    wait_for(lambda: trace.exists() and len(trace.read_text().splitlines()) >= 6)
    listed = subprocess.run(
        ["ps", "-ww", "--ppid", str(run.pid), "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    (head,) = [int(line.split()[0]) for line in listed.stdout.splitlines() if "gcs_server" in line]
    os.kill(head, signal.SIGKILL)
    code, _, err = ended(run)
    assert code == 2, err
    assert err.count("adcreative:") == 1
    assert "the head of the Ray cluster is gone" in err
    assert "Traceback" not in err
    assert 0 < len(results(tmp_path / "out")) < 40
    succeed("optimize", ads, "--out", tmp_path / "out")
    assert [row["row"] for row in results(tmp_path / "out")] == list(range(1, 41))


@pytest.mark.parametrize("error", [ImportError("Ray Client requires pip package ray[client]"), ValueError("no address")])
def test_an_address_that_ray_cannot_use_is_one_sentence(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setenv("RAY_ADDRESS", "ray://user:pw@host:10001")
    with pytest.raises(EngineError, match=r"no Ray cluster answers at ray://\(hidden\)@host:10001 \("):
        list(apply_job(Work(), [1], BatchConfig(engine="ray", workers=1), never))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r'the extra "ray": pip install "adcreative\[ray\]"'):
        BatchConfig(engine="ray")
