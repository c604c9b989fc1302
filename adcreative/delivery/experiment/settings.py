"""Settings of a test: its plan, and the export of its ads. Imports no model code, for use by the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from adcreative.catalog.platforms.rates import HIGH_SHARE
from adcreative.errors import ConfigError

PICTURE_FORMATS = ("png", "jpeg", "webp", "avif")
OVERSIGHT = ("none", "prompt_only", "selected", "edited", "directed")


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What a plan is made for.

    daily_impressions: of the whole campaign, split evenly over all arms. power: chance to detect a true uplift of that size.
    level: probability of a wrong answer. baseline_ctr: the account's own click rate instead of the predicted rate, because a
    model of another market predicts ratios better than levels. realised_share: the part of a predicted uplift to plan for; the
    value measured by `import-results`, else 1. max_days: longer tests get a warning, as audiences and seasons change.
    min_clicks: per arm. detect: the smallest relative change worth finding, used if the run predicts none because its models
    know no results of the account.
    """

    daily_impressions: Annotated[int, typer.Option(help="Impressions a day of the whole campaign.")]
    power: Annotated[float, typer.Option(help="Chance to see an uplift of the predicted size.")] = 0.8
    level: Annotated[float, typer.Option(help="Chance of a wrong answer, over all looks.")] = 0.05
    baseline_ctr: Annotated[float | None, typer.Option(help="Your usual click rate, such as 0.012.")] = None
    realised_share: Annotated[float, typer.Option(help="Part of a predicted uplift that comes true.")] = 1.0
    max_days: Annotated[int, typer.Option(help="Warn of tests longer than this.")] = 28
    min_clicks: int = 100
    detect: Annotated[float, typer.Option(help="For untested edits: the smallest change worth finding, 0.1: 10 %.")] = 0.1

    def __post_init__(self) -> None:
        faults = []
        if self.daily_impressions < 1:
            faults.append(f"daily impressions must be at least 1, got {self.daily_impressions}")
        if not 0.5 <= self.power < 1:
            faults.append(f"power must be in [0.5, 1), got {self.power}")
        if not 0 < self.level <= 0.5:
            faults.append(f"level must be in (0, 0.5], got {self.level}")
        if self.baseline_ctr is not None and not 0 < self.baseline_ctr <= HIGH_SHARE:
            faults.append(
                f"the baseline click rate must be in (0, {HIGH_SHARE}], not {self.baseline_ctr}; write 1.2 % as 0.012"
            )
        if not 0 < self.realised_share <= 2:
            faults.append(f"the realised share must be in (0, 2], got {self.realised_share}")
        if not 0.01 <= self.detect <= 2:
            faults.append(f"the change worth finding must be in [0.01, 2], got {self.detect}; write 10 % as 0.1")
        if faults:
            raise ConfigError("; ".join(faults))


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What an export needs beside the run.

    extra_headlines and extra_descriptions join the variant's own line in ads of several texts (Google's need 3 and 2);
    image_url is the future address of the pictures; human_oversight is one of AdCP's five words.
    template: the platform's own sheet, where a format fills it. max_bytes: limit per picture; 0: the platform's limit.
    picture_formats: formats for re-encoding larger pictures.
    """

    url: Annotated[str, typer.Option(help="Landing page, https://...")]
    ad_group: Annotated[str, typer.Option(help="Ad group or ad set.")] = "adcreative test"
    extra_headlines: Annotated[
        Sequence[str], typer.Option("--extra-headline", help="Standing headline for Google, Microsoft, adcp; repeat.")
    ] = ()
    extra_descriptions: Annotated[
        Sequence[str], typer.Option("--extra-description", help="Standing description, likewise; repeat.")
    ] = ()
    image_url: Annotated[str, typer.Option(help="For adcp: address the pictures will lie under.")] = ""
    human_oversight: Annotated[str, typer.Option(help="For adcp: none, prompt_only, selected, edited, directed.")] = "selected"
    template: Annotated[
        Path | None,
        typer.Option(help="For pinterest-bulk, tiktok-bulk: the platform's sheet as CSV, best with one ad of the ad group."),
    ] = None
    is_carousel: Annotated[
        bool, typer.Option("--carousel", help="For adcp: the edits are the cards of one ad, the originals of another.")
    ] = False
    max_bytes: Annotated[
        int, typer.Option(help="Heaviest picture; a heavier one is written anew as well as fits. 0: what the platform takes.")
    ] = 0
    picture_formats: Annotated[Sequence[str], typer.Option("--picture-format", help="As png, jpeg, webp or avif; repeat.")] = (
        "png",
        "jpeg",
    )

    def __post_init__(self) -> None:
        for name, address in (("landing page", self.url), ("image address", self.image_url)):
            if name == "image address" and not address:
                continue
            if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).netloc or re.search(r"\s", address):
                raise ConfigError(f'the {name} is "{address[:80]}"; write a full address such as https://example.com/shoes')
        if self.human_oversight not in OVERSIGHT:
            raise ConfigError(f'human oversight is "{self.human_oversight}"; known: {", ".join(OVERSIGHT)}')
        if self.max_bytes < 0:
            raise ConfigError(f"the heaviest picture must have 0 bytes (the platform's limit) or more, got {self.max_bytes}")
        if not self.picture_formats or set(self.picture_formats) - set(PICTURE_FORMATS):
            raise ConfigError(f'pictures are written as {", ".join(PICTURE_FORMATS)}, got "{", ".join(self.picture_formats)}"')
