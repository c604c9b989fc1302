"""Fifty random orders of what people do, over restarts: nothing that was kept is lost, nothing that was deleted comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.studio.handlers.steps import Steps
from tests.apps.test_library import ANNA, BERT, find_version, form, start

NUM_ORDERS, NUM_ACTIONS = 50, 8
ACTIONS = ("score", "improve", "approve", "open", "delete", "restart")


@dataclass
class Told:
    """What must be there: headline, picture, whether a version was found, whether it was approved."""

    headline: str
    picture: Path
    is_improved: bool = False
    is_approved: bool = False


@dataclass
class People:
    """Two tabs of one workspace, and what must be kept of their work. at: tab -> id of its ad."""

    folder: Path
    ads: dict[str, Told] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.library = start(self.folder)

    def do(self, action: str, owner: str, number: int, rng: np.random.Generator) -> None:
        getattr(self, action)(owner, number, rng)
        self.check()

    def score(self, owner: str, number: int, rng: np.random.Generator) -> None:
        picture = self.folder / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (160, 160, 3), dtype=np.uint8)).save(picture)
        self.library.handlers.score(owner, **form(picture, f"Coats {number}"))
        self.at[owner] = self.library.handlers.desk.find(owner).ad
        self.ads[self.at[owner]] = Told(f"Coats {number}", picture)

    def improve(self, owner: str, number: int, rng: np.random.Generator) -> None:
        if (ad := self.ads.get(self.at.get(owner, ""))) is not None and not ad.is_improved:
            find_version(self.library, owner, ad.picture, ad.headline)
            ad.is_improved = True

    def approve(self, owner: str, number: int, rng: np.random.Generator) -> None:
        screen, ad = self.library.handlers.find_screen(owner), self.ads.get(self.at.get(owner, ""))
        if ad is not None and ad.is_improved and screen is not None:
            answer = Steps(handlers=self.library.handlers).approve(owner, "Mia", ["eu"], True, screen.shown)
            assert "error" not in answer[1]
            ad.is_approved = True

    def open(self, owner: str, number: int, rng: np.random.Generator) -> None:
        if self.ads:
            self.at[owner] = str(rng.choice(sorted(self.ads)))
            self.library.open(owner, self.at[owner])

    def delete(self, owner: str, number: int, rng: np.random.Generator) -> None:
        if self.ads:
            gone = str(rng.choice(sorted(self.ads)))
            self.library.delete_ad(owner, gone)
            del self.ads[gone]
            self.at = {tab: ad for tab, ad in self.at.items() if ad != gone}

    def restart(self, owner: str, number: int, rng: np.random.Generator) -> None:
        self.library = start(self.folder)
        for tab in (ANNA, BERT):
            brought = self.library.handlers.find_brought(tab)
            assert (brought.ad if brought else None) == self.at.get(tab)

    def check(self) -> None:
        store, found = self.library.workspace, {}
        for ad in store.find_all("ad"):
            versions = store.find_all("version", ("ad", ad.name))
            approvals = [one for version in versions for one in store.find_all("approval", ("version", version.name))]
            found[ad.name] = (ad.data["words"]["headline"], bool(versions), bool(approvals))
            assert all(path.exists() for one in (ad, *versions) for path in one.paths)
        assert found == {name: (ad.headline, ad.is_improved, ad.is_approved) for name, ad in self.ads.items()}


@pytest.mark.parametrize("seed", range(NUM_ORDERS))
def test_a_random_order_of_actions_loses_nothing(tmp_path: Path, seed: int) -> None:
    rng, people = np.random.default_rng(seed), People(tmp_path)
    people.do("score", ANNA, 0, rng)
    for number in range(1, NUM_ACTIONS):
        people.do(str(rng.choice(ACTIONS)), str(rng.choice([ANNA, BERT])), number, rng)
    people.do("restart", ANNA, NUM_ACTIONS, rng)
