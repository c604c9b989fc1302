"""Lines as they come: early ones are clean, the end is what write returns, and a stop loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass, field

import pytest

from adcreative.copywriter import Brief, CopyCandidates, build_copywriter
from adcreative.copywriter.candidates import FreshLine, ShouldStop
from adcreative.copywriter.writer import LintedCopywriter

LINES = ["Grip that loves mud", "The best shoes", "Find your next muddy hill", "Looking for a grippy sole?"]


@dataclass
class SlowSource:
    """Finishes the worse lines first."""

    engine: str = "slow"
    written: list[str] = field(default_factory=list)

    def propose(
        self, brief: Brief, kind: str, num_lines: int, *, seed: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        raise AssertionError("a source that streams is not asked twice")

    def stream(
        self, brief: Brief, kind: str, num_lines: int, *, seed: int, should_stop: ShouldStop | None = None
    ) -> Generator[str, None, list[str]]:
        for line in reversed(LINES if kind == "headline" else []):
            if should_stop is not None and should_stop():
                break
            self.written.append(line)
            yield line
        return [line for line in LINES if line in self.written]


def test_lines_come_early_and_the_end_is_what_write_returns(shoe_brief: Brief) -> None:
    source = SlowSource()
    events = LintedCopywriter(source, fallback=None).stream(shoe_brief, 2, 0, seed=0)
    assert next(events) == FreshLine("Looking for a grippy sole?", "headline", "slow")
    assert len(source.written) == 1  # the others were not waited for
    *fresh, last = events
    assert [line.text for line in fresh] == ["Find your next muddy hill", "Grip that loves mud"]
    assert isinstance(last, CopyCandidates)
    assert last.headlines == ("Grip that loves mud", "Find your next muddy hill")
    assert last == LintedCopywriter(SlowSource(), fallback=None).write(shoe_brief, 2, 0, seed=0)


def test_a_stop_keeps_what_is_there(shoe_brief: Brief) -> None:
    source = SlowSource()
    writer = LintedCopywriter(source, fallback=None)
    *_, last = writer.stream(shoe_brief, 4, 2, seed=0, should_stop=lambda: len(source.written) >= 2)
    assert isinstance(last, CopyCandidates)
    assert last.is_cancelled
    assert last.headlines == ("Find your next muddy hill", "Looking for a grippy sole?")


def test_what_is_remembered_comes_at_once(shoe_brief: Brief) -> None:
    writer = build_copywriter("template")
    first = writer.write(shoe_brief, 2, 1, seed=0)
    assert list(writer.stream(shoe_brief, 2, 1, seed=0)) == [first]
    *fresh, last = build_copywriter("template").stream(shoe_brief, 2, 1, seed=0)
    assert last == first
    assert [line.kind for line in fresh] == ["headline", "headline", "description"]


def test_a_local_model_streams_from_any_thread_and_holds_no_lock(tiny_model_dir, shoe_brief: Brief) -> None:
    pytest.importorskip("torch")
    import torch

    from adcreative.copywriter.engines.local_llm import LocalConfig, LocalSource

    config = LocalConfig(min_rows=6, max_rows=6, headline_tokens=8, min_log_prob=-99.0)
    source = LocalSource(str(tiny_model_dir), config)
    whole = source.propose(shoe_brief, "headline", 4, seed=0)
    events = source.stream(shoe_brief, "headline", 4, seed=0)
    found: list[str] = []
    result: list[str] | None = None
    while result is None:

        def step() -> None:
            nonlocal result
            try:
                found.append(next(events))
            except StopIteration as end:
                result = end.value

        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
        assert not torch.is_inference_mode_enabled()
        if len(found) == 1:
            assert source.propose(shoe_brief, "headline", 4, seed=0) == whole  # in between
    assert result == whole
    assert sorted(found) == sorted(whole)
