"""Which buttons (calls to action) a platform offers, from the dated rule pack buttons.yaml."""

from __future__ import annotations

import re

from adcreative.copywriter.rules import rule_pack


def allowed_buttons(platform: str, placement: str = "") -> tuple[str, ...]:
    """Return the buttons of a creative's platform, the most common first; those that all platforms share when it is unknown."""
    pack, where = rule_pack("buttons"), f"{platform} {placement}".casefold()
    for name, aliases in rule_pack("limits")["aliases"].items():
        if name in pack["platforms"] and any(re.search(rf"\b{re.escape(alias)}\b", where) for alias in aliases):
            return tuple(pack["platforms"][name]["buttons"])
    return tuple(pack["default"]["buttons"])
