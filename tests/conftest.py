"""Shared by all tests: one thread per program, no network, and the loaded tools for the tests that run the real thing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep features of tests out of the user's cache."""
    os.environ["ADCREATIVE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


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
