"""Owners: a visit of a browser, kept in memory, or one of the tabs that work in a workspace. Independent of pages.

The owner of a visit is 32 hexadecimal digits; that of a tab has the prefix KEPT. Each tab has an ad of its own; the settings
of all ads (a brand kit, a model, a copywriter) and all files belong to the home shared by the tabs.
"""

from __future__ import annotations

from collections import UserDict
from typing import TypeVar

KEPT = "workspace"
Thing = TypeVar("Thing")


def is_kept(owner: str) -> bool:
    """Return whether the owner works in the workspace."""
    return owner.startswith(f"{KEPT}.")


def home_of(owner: str) -> str:
    """Return the owner's shared key: KEPT for a tab in the workspace, the owner itself for a visit."""
    return KEPT if is_kept(owner) else owner


class ByHome(UserDict[str, Thing]):
    """Values by owner; all tabs of the workspace share one value."""

    def __getitem__(self, owner: str) -> Thing:
        return super().__getitem__(home_of(owner))

    def __setitem__(self, owner: str, thing: Thing) -> None:
        super().__setitem__(home_of(owner), thing)

    def __delitem__(self, owner: str) -> None:
        super().__delitem__(home_of(owner))

    def __contains__(self, owner: object) -> bool:
        return super().__contains__(home_of(str(owner)))
