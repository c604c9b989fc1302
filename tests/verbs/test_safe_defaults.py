"""No public verb replaces, forgets or keeps quiet unless it is asked to: the defaults of every signature."""

from __future__ import annotations

import inspect

import pytest

from adcreative import pipeline
from adcreative.progress import never, silent

VERBS = [getattr(pipeline, name) for name in pipeline.__all__ if inspect.isfunction(getattr(pipeline, name))]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_nothing_is_replaced_or_stopped_unless_asked(verb: object) -> None:
    parameters = inspect.signature(verb).parameters  # type: ignore[arg-type]
    for name, harmless in (("restart", False), ("overwrite", False), ("progress", silent), ("should_stop", never)):
        if name in parameters:
            assert parameters[name].default is harmless
            assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY


def test_the_verbs_that_write_offer_a_restart() -> None:
    """The test above must not pass because nobody has the parameter."""
    assert sum("restart" in inspect.signature(verb).parameters for verb in VERBS) >= 12
