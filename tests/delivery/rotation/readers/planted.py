"""Readers with tastes that follow their clicks, who see slates of skewed exposure and click one creative or nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from adcreative.delivery.rotation.readers.histories import ReaderHistories, read_histories

NUM_STEPS, SIZES = 12, (4, 8)
NO_CLICK = {4: -1.2, 8: -0.4}
MEMORY = 0.6


@dataclass(frozen=True)
class PlantedReaders:
    """A log's rows with `item`; places of creatives [N, 2], families [N], exposure counts [N], utility [U, T, N]."""

    rows: pd.DataFrame
    items: np.ndarray
    groups: np.ndarray
    exposure: np.ndarray
    utility: np.ndarray

    def histories(self) -> ReaderHistories:
        return read_histories(self.rows, len(self.items))


def plant_readers(num_readers: int = 1200, num_items: int = 60, num_groups: int = 6, seed: int = 0) -> PlantedReaders:
    """A click on v moves the reader to 0.6 z + 0.4 v; utility of i is -|z - v_i|; exposure has nothing to do with it."""
    rng = np.random.default_rng(seed)
    groups = np.arange(num_items) % num_groups
    items = rng.normal(0, 1.6, (num_groups, 2))[groups] + rng.normal(0, 0.5, (num_items, 2))
    weight = rng.permutation(1 / np.arange(1, num_items + 1) ** 0.8)
    taste = items[rng.integers(0, num_items, num_readers)] + rng.normal(0, 0.4, (num_readers, 2))
    utility, rows = np.zeros((num_readers, NUM_STEPS, num_items)), []
    for step in range(NUM_STEPS):
        size = SIZES[step % 2]
        keys = rng.exponential(1, (num_readers, num_items)) / weight
        shown = rng.permuted(np.argpartition(keys, size, axis=1)[:, :size], axis=1)
        utility[:, step] = -np.linalg.norm(taste[:, None] - items, axis=2)
        appeal = np.exp(np.c_[np.full(num_readers, NO_CLICK[size]), np.take_along_axis(utility[:, step], shown, axis=1)])
        chance = np.cumsum(appeal / appeal.sum(axis=1, keepdims=True), axis=1)
        chosen = (rng.random((num_readers, 1)) > chance).sum(axis=1) - 1
        rows.append(
            pd.DataFrame({
                "user": np.repeat([f"r{number:05d}" for number in range(num_readers)], size), "time": str(step),
                "slate": np.repeat(np.arange(num_readers) * NUM_STEPS + step, size),
                "position": np.tile(np.arange(1, size + 1), num_readers), "item": shown.ravel(),
                "clicks": (chosen[:, None] == np.arange(size)).ravel().astype(int),
            })
        )  # fmt: skip
        hit = chosen >= 0
        clicked = items[np.take_along_axis(shown, np.maximum(chosen, 0)[:, None], axis=1)[:, 0]]
        taste = np.where(hit[:, None], MEMORY * taste + (1 - MEMORY) * clicked, taste)
    table = pd.concat(rows, ignore_index=True)
    exposure = np.bincount(table["item"], minlength=num_items)
    return PlantedReaders(table, items, groups, exposure, utility)
