"""The table of the 28 published systems, as data: claim, acceptance test, measured figure, and differences of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from adcreative.config import load_config

TABLE = Path(__file__).parents[1] / "docs" / "systems.toml"


@dataclass(frozen=True, kw_only=True)
class System:
    """One system. where: its command or module. bar: a criterion that a toy fails, checked by `tests` (file::function).

    figure: ours, of `data`. verdict: joined (whole, used by the product), alone (whole, by itself), part (less than the paper).
    """

    name: str
    paper: str
    where: str
    claim: str
    bar: str
    tests: tuple[str, ...]
    figure: str
    data: str
    differs: str
    verdict: Literal["joined", "alone", "part"]

    def __str__(self) -> str:
        of_it = f"{self.name} ({self.paper}), {self.verdict}: {self.where}"
        return f"{of_it}\n    {self.figure} ({self.data})\n    differs: {self.differs}"


@dataclass(frozen=True, kw_only=True)
class Systems:
    """The table."""

    system: tuple[System, ...]


def list_systems() -> tuple[System, ...]:
    """Return the systems in the order of their stages.

    Raises:
        ConfigError: the table is invalid; the message names each fault.
    """
    return load_config(Systems, TABLE).system
