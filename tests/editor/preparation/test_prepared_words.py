"""What was worked out of the words in a picture ahead of a search is found by it, and the search finds the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.preparation.picture import prepare_words
from adcreative.editor.session import EditorTools, SessionSettings
from adcreative.lettering.reading.reader import has_reader
from adcreative.lettering.setting import preparation as preparation_module
from adcreative.lettering.setting.prepared_cache import PreparedCache
from tests.editor.fakes import FakeCopywriter, open_ad
from tests.editor.test_whole_picture import QUICK, tools
from tests.lettering.reading.drawn_ads import KnownReader, drawn_ad

pytestmark = pytest.mark.skipif(not has_reader(), reason="reads pictures")
AD = Creative(file_name="ad.png", image_u8=drawn_ad(), brand="Somnia")
CONFIG = replace(QUICK, set_text=True, generations=1)
ASKED = SessionSettings(config=CONFIG)


def given(prepared: PreparedCache | None) -> EditorTools:
    models = tools(lambda features: -3.0, text_reader=KnownReader(), copywriter=FakeCopywriter(["Wake up rested"]))
    return replace(models, prepared=prepared)


def test_a_search_finds_what_was_prepared_and_nothing_is_kept_once_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, kept, matched = [open_ad(AD, given(None), CONFIG)], PreparedCache(), []
    plain = sessions[0].search()
    real = preparation_module.match_fonts
    monkeypatch.setattr(preparation_module, "match_fonts", lambda *args: matched.append(1) or real(*args))
    prepare_words(AD, given(kept), ASKED, lambda: True)
    assert not kept._kept
    prepare_words(AD, given(kept), ASKED)
    prepare_words(AD, given(kept), SessionSettings(config=replace(CONFIG, set_text=False)))
    assert matched == [1]
    sessions.append(open_ad(AD, given(kept), CONFIG))
    found = sessions[1].search()
    assert matched == [1]
    assert [one.headline for one in found.alternatives] == [one.headline for one in plain.alternatives]
    assert found.result.status == plain.result.status
    pictures = [one.picture(0) for one in sessions if found.alternatives]
    assert all(np.array_equal(first, pictures[0]) for first in pictures)
