"""Whose something is: a visit of a browser, kept in memory, or one of the tabs that work in a workspace. Knows no page.

The owner of a visit is 32 hexadecimal digits; that of a tab has KEPT before them. Each tab has an ad of its own before it; what
is chosen for all ads (a brand kit, a model, who writes) and all files belong to the home that tabs share.
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
    """Return what the owner shares with others: KEPT for a tab in the workspace, nothing for a visit."""
    return KEPT if is_kept(owner) else owner


class ByHome(UserDict[str, Thing]):
    """Things by owner; tabs that work in the workspace have one between them."""

    def __getitem__(self, owner: str) -> Thing:
        return super().__getitem__(home_of(owner))

    def __setitem__(self, owner: str, thing: Thing) -> None:
        super().__setitem__(home_of(owner), thing)

    def __delitem__(self, owner: str) -> None:
        super().__delitem__(home_of(owner))

    def __contains__(self, owner: object) -> bool:
        return super().__contains__(home_of(str(owner)))
