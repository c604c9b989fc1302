from __future__ import annotations

import inspect
import json

import pytest

from adcreative import pipeline
from tests.promises import PROMISED, read_names

OWNERS = [(kind, owner) for kind, owners in json.loads(PROMISED.read_text()).items() for owner in owners]


@pytest.mark.parametrize(("kind", "owner"), OWNERS)
def test_what_was_promised_for_all_versions_1_is_still_there(kind: str, owner: str) -> None:
    promised = json.loads(PROMISED.read_text())[kind][owner]
    offered = read_names()[kind].get(owner)
    assert offered is not None, f"{owner} is gone; a name that leaves needs a version 2"
    assert set(promised) <= set(offered)
    if kind == "columns":
        assert offered[: len(promised)] == promised  # whoever reads columns by their place still may


def test_arguments_that_are_new_since_have_a_default() -> None:
    for name, promised in json.loads(PROMISED.read_text())["functions"].items():
        function = getattr(pipeline.Studio, name.removeprefix("Studio."), None) if "." in name else getattr(pipeline, name)
        parameters = inspect.signature(function).parameters  # type: ignore[arg-type]
        kinds = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
        new = [value for key, value in parameters.items() if key not in promised and value.kind not in kinds]
        assert all(value.default is not value.empty for value in new), name


def test_everything_that_is_offered_is_promised() -> None:
    """What is new joins the promise in the same commit: python -m tests.promises."""
    promised = json.loads(PROMISED.read_text())
    for kind, owners in read_names().items():
        for owner, names in owners.items():
            assert set(names) <= set(promised[kind].get(owner, [])), f"run python -m tests.promises for {owner}"
