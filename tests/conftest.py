"""Shared by all tests: one thread a process, no network, no skipped test in CI, and the simulated market and its ads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if "PYTEST_XDIST_WORKER" in os.environ:  # processes share the cores: more threads than cores slow each other tenfold
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

SHARED = Path(__file__).parents[2] / "shared"
collect_ignore = [] if SHARED.is_dir() else ["real"]  # tests on data that may not be shipped


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail when a test was skipped (CI installs what tests need)")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With --no-skips, end with exit code 1 and name each test that was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")  # none in the processes of xdist
    if reporter is None or not session.config.getoption("--no-skips"):
        return
    skipped = reporter.stats.get("skipped", [])
    for report in skipped:
        reporter.write_line(f"SKIPPED, which --no-skips forbids: {report.nodeid}: {report.longrepr[2]}", red=True)
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def make_cache(request: pytest.FixtureRequest) -> Callable[[Path], Path]:
    """Make a user's cache in a folder. The language model, which takes 20 s to unpack, is shared by all processes and runs."""
    cache = getattr(request.config, "cache", None)  # none with "-p no:cacheprovider"
    models = cache.mkdir("language-models") if cache else None

    def make(folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        if models:
            (folder / "language-models").symlink_to(models)
        return folder

    return make


@pytest.fixture(scope="session", autouse=True)
def _own_cache(make_cache: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep features of tests out of the user's cache, and the key of their seals out of the user's configuration."""
    os.environ["ADCREATIVE_CACHE"] = str(make_cache(tmp_path_factory.mktemp("cache")))
    os.environ["ADCREATIVE_CONFIG"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def demo_market() -> object:
    """The simulated market of the shipped predictor, drawn with the shipped face model."""
    from adcreative.verbs.loading import load_market

    return load_market(0)


@pytest.fixture(scope="session")
def ad_folder(demo_market: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six simulated ads with results, as a user would have them."""
    folder = tmp_path_factory.mktemp("ads") / "creatives"
    demo_market.write_folder(folder, 6, seed=5, scale=0.4)  # type: ignore[attr-defined]
    return folder


@pytest.fixture(scope="session")
def own_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models of an account, as `train` writes them, from 120 made-up ads of words and columns."""
    import pandas as pd

    from adcreative import pipeline
    from tests.ctr.account.accounts import plant_account

    folder = tmp_path_factory.mktemp("own")
    names = ("ad_name", "headline", "description", "platform", "impressions", "clicks")
    ads = plant_account(120, rate=0.03, seed=1).creatives
    rows = [{name: getattr(ad, name) for name in names} | dict(ad.context) for ad in ads]
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    pipeline.train(folder / "results.csv", folder / "model")
    return folder / "model"
