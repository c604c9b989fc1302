"""A hole in an even texture shows where it was filled with less of it; on calm or uneven grounds nothing is told."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.smears import is_smeared
from adcreative.lettering.setting.acceptance import find_faults
from adcreative.lettering.setting.fonts import typefaces
from adcreative.lettering.setting.glyphs import Lettering
from adcreative.lettering.setting.typesetting import SetLine, Setting
from tests.lettering.reading.drawn_ads import KnownReader


def gravel(mean: float = 120.0, deviation: float = 40.0) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(240, 400)), 1.5)
    return np.repeat((mean + deviation * noise / noise.std()).clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def hole() -> np.ndarray:
    mask = np.zeros((240, 400), bool)
    mask[90:150, 120:280] = True
    return mask


def test_a_soft_part_of_a_hole_in_gravel_shows() -> None:
    assert not is_smeared(gravel(), hole())
    smeared = gravel()
    smeared[92:148, 190:278] = ndimage.gaussian_filter(smeared.astype(float), (9.0, 9.0, 0.0))[92:148, 190:278]
    assert is_smeared(smeared, hole())


def test_a_hole_on_calm_or_uneven_ground_is_not_judged() -> None:
    assert not is_smeared(gravel(deviation=1.0), hole())
    uneven = gravel()
    uneven[:, :200] = 120
    assert not is_smeared(uneven, hole())
    assert not is_smeared(gravel(), np.zeros((240, 400), bool))


def test_words_are_not_set_where_a_smear_of_the_old_ones_would_be_left() -> None:
    line = SetLine(text="Soft", x=130.0, y=140.0, box=(130, 110, 180, 140))
    setting = Setting(lines=(line,), lettering=Lettering.plain(typefaces()[0], 40.0), cost=0.0)
    smeared = gravel()
    smeared[92:148, 215:278] = ndimage.gaussian_filter(smeared.astype(float), (9.0, 9.0, 0.0))[92:148, 215:278]
    faults = find_faults(smeared, smeared, hole(), "Soft", setting, (255, 255, 255), KnownReader(), 1.0)
    assert faults == ["what was filled in behind the old text is smoother than the picture around it"]
