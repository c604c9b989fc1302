"""The settings of the long verbs, each with name, explanation and default in one place.

Command line, Python API and app are made from these records: an annotated field is a flag (`cli.commands`), and every field a
keyword of the verb (`options.takes`). Imports no model code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adcreative.catalog.mapping import TableSettings
from adcreative.options import (
    CONFIG,
    BaseRate,
    BrandKit,
    Columns,
    Consent,
    Dates,
    Decimals,
    Engine,
    Images,
    Llm,
    Model,
    Overwrite,
    Rates,
    ReadPictures,
    Seed,
    WordEncoder,
    Words,
    Workers,
)

if TYPE_CHECKING:
    from adcreative.editor.settings import EditorConfig
    from adcreative.provenance.signing import SigningConfig
else:
    EditorConfig = SigningConfig = Path  # the command line takes file paths


@dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """How creatives are scored. features: folder of the feature cache; None: the user's cache.

    base_rate: mean click rate of the account (0.021: 2.1 %). dates: "dmy", "mdy" or "ymd"; "" detects the order.
    """

    model: Model = None
    columns: Columns = None
    images: Images = None
    dates: Dates = ""
    base_rate: BaseRate = None
    by: Annotated[
        str,
        typer.Option(
            help="A row for each value of this column that the model knows: placement, age, ...; of a log: an ad (or ad,day)."
        ),
    ] = ""
    read_pictures: ReadPictures = True
    words: Words = None
    features: Path | None = None


@dataclass(frozen=True, kw_only=True)
class WordsSettings:
    """How the words in pictures are read and shown. features: as for `ScoreSettings`."""

    columns: Columns = None
    images: Images = None
    dates: Dates = ""
    boxes: Annotated[
        bool, typer.Option("--boxes/--no-boxes", help="Write each picture with the boxes of its words into OUT.boxes.")
    ] = True
    features: Path | None = None


@dataclass(frozen=True, kw_only=True)
class WriterSettings:
    """Who writes new lines, and whose rules they keep."""

    seed: Annotated[int | None, typer.Option(help="Same seed, same result; default: the seed of --config, else 0.")] = None
    copywriter: Llm = "template"
    brand_kit: BrandKit = None


@dataclass(frozen=True, kw_only=True)
class SearchSettings(WriterSettings):
    """What the search of one ad and of a folder share. None keeps the value of the edit settings (EditorConfig)."""

    generations: Annotated[int | None, typer.Option(min=0, help="Generations of the search.")] = None
    directions: Annotated[
        Sequence[str] | None, typer.Option("--direction", help="Allow only this face edit; repeat for several.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class OptimizeSettings(SearchSettings):
    """How the creatives of a folder are edited.

    config: an EditorConfig, or a TOML file with its fields as keys; seed, population, generations, algorithm, risk_aversion,
    look, set_text, scene_model, inpaint_model and keep_controls take precedence over config where given. headline, description:
    the user's own words; each row states their expected change, and that the user chose them (is_own_choice).
    """

    model: Model = None
    base_rate: BaseRate = None
    config: Annotated[EditorConfig | Path | None, CONFIG] = None
    population: Annotated[int | None, typer.Option(min=1, help="Candidates per generation.")] = None
    algorithm: Annotated[str | None, typer.Option(help="nsga2, or random to compare with.")] = None
    risk_aversion: Annotated[
        float | None,
        typer.Option(min=0, help="Standard deviations by which a gain must exceed 0; 1: true in five of six cases."),
    ] = None
    look: Annotated[
        bool | None,
        typer.Option(
            "--look/--faces-and-words-only",
            help="Allow small changes of exposure, warmth, contrast, saturation and crop; on by default.",
        ),
    ] = None
    set_text: Annotated[
        bool | None,
        typer.Option(
            "--set-text/--no-set-text",
            help="Set new words into the picture in place of the words that were read; on by default.",
        ),
    ] = None
    scene_model: Annotated[str | None, typer.Option(help="Inpainting pipeline, folder or hub id: paint other backgrounds.")] = (
        None
    )
    inpaint_model: Annotated[
        str | None,
        typer.Option(
            help="Model that fills the background of removed letters: LaMa export (.onnx), or a pipeline as --scene-model."
        ),
    ] = None
    sizes: Annotated[
        str, typer.Option(help="Also lay out each ad, edited or kept, in these shapes: all, or some of 1:1,4:5,9:16,1.91:1.")
    ] = ""
    alternatives: Annotated[
        int, typer.Option(min=0, help="Also write the pictures of the N best other versions of each ad, for tests.")
    ] = 5
    keep_controls: Annotated[bool, typer.Option("--keep-controls", hidden=True, help="As keep_controls of --config.")] = False
    headline: Annotated[str, typer.Option(help="Your own headline for every edit, used whatever its predicted rate.")] = ""
    description: Annotated[str, typer.Option(help="Your own description for every edit, used whatever its predicted rate.")] = (
        ""
    )
    consent: Consent = None
    words: Words = None
    columns: Columns = None
    images: Images = None
    dates: Dates = ""
    signing: SigningConfig | None = None


@dataclass(frozen=True, kw_only=True)
class WriteSettings(WriterSettings):
    """How lines for one creative are written.

    brief: topic of the new words; facts may be taken from it. avoid: forbidden words. llm_key: key of the server
    that `copywriter` names, kept in memory only.
    """

    brief: str = ""
    avoid: Sequence[str] = ()
    llm_key: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class ImproveSettings(SearchSettings, WriteSettings):
    """How one creative is edited.

    faces: numbers of the faces that may be edited, from the largest, 0 first; None: all. boldness: share of the safe range of
    each direction that may be used, above 0 and at most 1. usual_rate: the account's mean click rate (0.021: 2.1 %); without it
    and without a model of the account the edit is untested (`EditResult.is_untested`): no rate and no change is stated.
    changes: allowed changes besides faces, of `verbs.studio.CHANGES`; None: as the settings say.
    """

    population_size: int | None = None
    faces: Sequence[int] | None = None
    boldness: float = 1.0
    usual_rate: float | None = None
    changes: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class ComposeSettings:
    """How ads are composed. seed None: 0. cutout_model: ONNX network for salient objects, of the U-2-Net kind.
    words: words of the ad whose parts are used."""

    model: Model = None
    num: Annotated[int, typer.Option(min=1, help="Number of ads, each of another concept if there are enough.")] = 12
    shapes: Annotated[str, typer.Option(help="Shapes of each ad: some of 1:1,4:5,9:16,1.91:1,300x250,160x600,728x90.")] = (
        "1:1,4:5,9:16,1.91:1"
    )
    seed: Annotated[int | None, typer.Option(help="Same seed, same ads.")] = None
    cutout_model: Annotated[
        Path | None, typer.Option(help="ONNX network of the U-2-Net kind for cut-outs, in place of the shipped one.")
    ] = None
    words: Words = None
    restart: Overwrite = False


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What an account's model learns from. features: as for `ScoreSettings`.

    network: of a log, its network; of creatives, networks as further members of the model, as "finalmlp" or "din,sdim".
    """

    seed: Seed = 0
    columns: Columns = None
    images: Images = None
    words: Words = None
    dates: Dates = ""
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Train on these results alone, without the shipped models.")
    ] = False
    text_encoder: Annotated[
        str,
        typer.Option(
            help="Further encoder of words: multilingual-e5-small (where most are not English), none, a folder, a hub id."
        ),
    ] = ""
    network: Annotated[
        str,
        typer.Option(
            help="Network of a log (default finalmlp), or candidates beside the members on creatives, as din,finalmlp."
        ),
    ] = ""
    ledger: Annotated[
        Path | None, typer.Option(help="Ledger of read-out: what came true in your tests says how much of a change is stated.")
    ] = None
    features: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ConceptsSettings:
    """What an account's ads are grouped and weighed by. features: as for `ScoreSettings`."""

    columns: Columns = None
    images: Images = None
    words: Words = None
    dates: Dates = ""
    impressions: Annotated[
        int | None,
        typer.Option(help="Impressions of each ad in a test of a brief; default: those of a usual ad of the account."),
    ] = None
    text_encoder: WordEncoder = ""
    seed: Seed = 0
    features: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """How tables and logs are written; "" where they tell it themselves."""

    dates: Dates = ""
    rates: Rates = ""
    decimals: Decimals = ""

    @property
    def written(self) -> dict[str, str]:
        """Return the three as keywords of `read_event_log`."""
        return {"dates": self.dates, "rates": self.rates, "decimals": self.decimals}

    @property
    def table(self) -> TableSettings:
        """How a table beside the log is read."""
        return TableSettings(dates=self.dates, rates=self.rates, decimals=self.decimals)


@dataclass(frozen=True, kw_only=True)
class RotateSettings(ReadSettings):
    """How tomorrow's impressions are shared. half_life_days None: the half-life, and whether each ad's trend is extrapolated to
    tomorrow, are chosen by prediction error on the last days of the log."""

    policy: Annotated[
        str, typer.Option(help="ts, top-two, greedy, uniform; with several slots also in-slate (then the default).")
    ] = ""
    slots: Annotated[int, typer.Option(help="Creatives shown together.")] = 1
    scores: Annotated[Path | None, typer.Option(help="Table written by score: initial rates of new creatives.")] = None
    explore: Annotated[float, typer.Option(help="Share of the impressions that is spread over all creatives.")] = 0.0
    forecast: Annotated[
        Path | None, typer.Option(help="Table written by forecast: ads that probably end get fewer impressions.")
    ] = None
    half_life_days: Annotated[
        float | None,
        typer.Option(
            "--half-life", help="Age in days at which results count half; 0: all equal. Default: by prediction error."
        ),
    ] = None
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class TargetSettings(ReadSettings):
    """Which labels are ranked for each ad."""

    labels: Annotated[Path, typer.Option(help="Table with query, keyword or interest; with creative: known pairs.")]
    num: Annotated[int, typer.Option(help="Labels per ad.")] = 10
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class CompressSettings:
    """How a model of an impression log is made smaller."""

    method: Annotated[
        str, typer.Option(help="low-rank, int8, distil, values, dims, rows-dims or hash; several: hash,low-rank.")
    ]
    budget: Annotated[float, typer.Option(help="Share of the numbers to keep, such as 0.25; for dims, hash and low-rank.")] = (
        0.0
    )
    config: Annotated[Path | None, typer.Option("--settings", help="TOML with a section for each method, and [tuning].")] = None
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class BarsSettings:
    """What `benchmark bars` compares, and where."""

    files: Annotated[Path | None, typer.Option(help="bars: folder of the log's files.")] = None
    networks: Annotated[
        Sequence[str], typer.Option("--network", help="bars: network of the grid; repeat for several; all if not given.")
    ] = ()
    grid: Annotated[str, typer.Option(help="bars: settings to try: small, sequences or a YAML file.")] = "small"
    num_seeds: int = 3
    workers: Workers = None
    engine: Engine = "local"


@dataclass(frozen=True, kw_only=True)
class RankSettings:
    """Which columns are ranked, and how."""

    label: Annotated[str, typer.Option(help="Label column of 0 and 1; default: found by its name.")] = ""
    columns: Columns = None
    dates: Dates = ""
    schema: Annotated[Path | None, typer.Option(help="schema.toml as for train: its inputs are ranked.")] = None
    ignore: Annotated[Sequence[str], typer.Option(help="Column of a log to leave out; repeat.")] = ()
    keep: Annotated[Sequence[str], typer.Option(help="Column to rank even if it looks written after the click; repeat.")] = ()
    method: Annotated[
        str, typer.Option(help="permutation; or shift, the published score, which fails on rows sorted by the label.")
    ] = "permutation"
    order: Annotated[int, typer.Option(help="2 ranks pairs of columns too, 1 does not.")] = 2
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """Where the app is served, who may come in, and what it keeps.

    auth: user:password; without it the first line of `auth_file`. allowed_hosts: further host names of the app; requests
    for any other host are refused. mcp: score, check, explain, improve, plan and read-out as tools (Model Context Protocol);
    approving and packing need a person. workspace: folder of ads, versions, approvals, tests and trained models; None: a
    folder of the user's data directory, where only this machine can reach the app. private: keep nothing: each visit is held
    in memory and cannot see other visits, as without `workspace` where other machines can reach the app.
    """

    host: Annotated[str, typer.Option(help="Address to bind; use --auth-file with anything but 127.0.0.1.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(help="Port.")] = 7860
    auth: Annotated[
        str | None, typer.Option(envvar="ADCREATIVE_AUTH", help="user:password; other users of this machine can read options.")
    ] = None
    auth_file: Annotated[Path | None, typer.Option(help="File with user:password in its first line.")] = None
    allowed_hosts: Annotated[
        Sequence[str],
        typer.Option("--allowed-host", help="Further host name of the app, such as a proxy's; repeat."),
    ] = ()
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Offer score, check, explain, improve, plan and read-out as tools to agents.")
    ] = False
    workspace: Annotated[
        Path | None, typer.Option(help="Folder where your ads, versions, tests and models stay; default: your data folder.")
    ] = None
    private: Annotated[
        bool, typer.Option("--private", help="Keep nothing: each visit is held in memory. Default where others can reach it.")
    ] = False
