"""The page "Make": new ads from photos, a logo and typed lines; edit one ad, undo an edit, download all ads as a zip.

Without Gradio. The ads are made by the code of the command `compose`, in the same folder layout, and changed by `edit`.
A set is private to its owner, and is stored and deleted with the owner's results.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.pipeline import (
    ROLES,
    Brand,
    Brief,
    BriefPhoto,
    Messages,
    check_brief,
    edit,
    read_ad,
    read_brief,
    report_ads,
    roles_of,
)
from adcreative.progress import Progress, ShouldStop
from adcreative.provenance.sidecar import write_whole
from adcreative.report.pictures import Preview, preview

from ..html import fragments
from ..html import make as make_fragments
from ..sessions.jobs import Job
from ..sessions.model_queue import Ticket
from ..sessions.owners import ByHome
from .long_work import LongWork
from .scores import label_ad
from .sizes import RATIOS

log = logging.getLogger(__name__)
SAMPLES = Path(__file__).parents[1] / "samples"
SHAPES = {**RATIOS, "Box 300 × 250": "300x250", "Skyscraper 160 × 600": "160x600", "Banner 728 × 90": "728x90"}
WORDS = ("headline", "subline", "offer", "button")  # roles with a field of their own in the form of an opened ad
TYPED_ROLES = tuple(role for role in ROLES if role != "brand")
FOLDER, ADS, DRAFT, UNDO, FORM = "make", "ads", "draft", "undo", "form"
NUM_ADS, MAX_LINES, MAX_UNDO = 12, 24, 12
CARD_PX, LARGE_PX, SMALL_PX = 360, 640, 200
NO_LINE = "Write at least one line: the first one leads the ads."
NO_ADS = "There are no ads yet. Press “Make the ads” first."


@dataclass(frozen=True, kw_only=True)
class MakeForm:
    """The inputs: files, typed text, and roles chosen by the user for typed lines."""

    photos: Sequence[str] = ()
    logo: str | None = None
    brand: str = ""
    facts: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    colours: str = ""
    shapes: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class MakeScreen:
    """The screen of a set: a fragment, and the record."""

    shown: str = ""
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AdScreen:
    """An opened ad: name ("": none), fragment, words of WORDS, whether a change can be undone; the wall of all ads."""

    name: str = ""
    shown: str = ""
    words: tuple[str, ...] = ("",) * len(WORDS)
    can_undo: bool = False
    wall: str = ""
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Making:
    """A running or finished set. pictures: chosen ads so far. rates: the account model's prediction for each ad, by folder;
    empty without a model. is_changed: an ad was changed after the report was written."""

    ticket: Ticket
    job: Job[MakeScreen] | None = None
    pictures: list[Preview | None] = field(default_factory=list)
    rates: dict[str, str] = field(default_factory=dict)
    is_changed: bool = False


@dataclass(kw_only=True, eq=False)
class Makes(LongWork[MakeScreen]):
    """The buttons of the page."""

    screen = MakeScreen
    sets: ByHome[Making] = field(default_factory=ByHome)

    def __post_init__(self) -> None:
        self.handlers.also_forget.append(self._forget)

    def sample(self, owner: str, name: str | None) -> tuple[str, str, str]:
        """Return photo, brand and typed lines of a sample; the photo counts as an upload of the owner.

        Raises:
            AdCreativeError: there is no such sample.
        """
        if name not in list_samples():
            raise AdCreativeError(f"There is no such sample. Choose of {', '.join(list_samples())}.")
        brief = read_brief(SAMPLES / name)
        photo = self.handlers.belongings.lend(owner, f"{name}.jpg", brief.photos[0].file.read_bytes())
        return str(photo), brief.brand.name, "\n".join(brief.messages.lines("facts"))

    def bring(self, owner: str, photos: Sequence[str], logo: str | None) -> str:
        """Register uploads for deletion with the owner's data; return a fragment that shows the uploads."""
        self.handlers.belongings.note(owner, *photos, logo)
        pictures = [label_ad(Creative(image_path=Path(path)))[1] for path in photos]
        return make_fragments.brought(pictures, Path(logo).name if logo else "")

    def make(self, owner: str, form: MakeForm) -> Iterator[MakeScreen]:
        """Compose twelve ads; yield a screen at each change, with the ads chosen so far."""
        self.bring(owner, form.photos, form.logo)
        if self.is_running(owner):
            yield MakeScreen(shown=fragments.note("Your ads are being made already. Stop that first."))
            return
        try:
            brief, shapes = brief_of(form, kit=self.handlers.choices.kits.get(owner)), choose_shapes(form.shapes)
            making, earlier = Making(ticket=self.handlers.model_queue.join()), self.sets.get(owner)
            making.rates = earlier.rates if earlier else {}  # for the ads shown until new ads replace them
        except AdCreativeError as error:
            yield self._refuse(owner, error)
            return
        self.sets[owner] = making
        try:
            self._keep_form(owner, form)
        except (AdCreativeError, OSError):  # such as a full disk: the ads are made all the same
            log.exception("the inputs of a set could not be kept")
        making.job = self.start(owner, self._work(owner, brief, shapes, making))
        yield from self.watch(making.job)

    def find_form(self, owner: str) -> MakeForm | None:
        """Return the inputs of the owner's latest set, with its files as uploads of this page; None without a set."""
        folder = self._folder(owner) / FORM
        try:
            kept = json.loads((folder / "form.json").read_text(encoding="utf-8"))
            files = {
                one: str(self.handlers.belongings.lend(owner, Path(one).name, (folder / one).read_bytes()))
                for one in kept["files"]
            }
        except OSError:
            return None
        logo = files.pop(kept["logo"], None)
        return MakeForm(photos=[*files.values()], logo=logo, **kept["typed"])

    def _keep_form(self, owner: str, form: MakeForm) -> None:
        """Store the inputs of a set, for the form of a page that is opened later."""
        folder = self._folder(owner) / FORM
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        names = {}
        for number, path in enumerate((*form.photos, *([form.logo] if form.logo else []))):
            names[path] = f"{number}/{Path(path).name}"
            (folder / str(number)).mkdir(mode=0o700)
            shutil.copyfile(path, folder / names[path])
        typed = {name: value for name, value in vars(form).items() if name not in ("photos", "logo")}
        kept = {"files": [*names.values()], "logo": names.get(form.logo or ""), "typed": typed}
        write_whole(folder / "form.json", json.dumps(kept, ensure_ascii=False).encode())

    def find_screen(self, owner: str) -> MakeScreen:
        """Return the current state of the owner's ads; an empty screen without ads."""
        return self._show(owner) if self.has_ads(owner) else MakeScreen()

    def has_ads(self, owner: str) -> bool:
        """Return whether the owner has a set."""
        return (self._folder(owner) / ADS / "report.html").is_file()

    def _work(
        self, owner: str, brief: Brief, shapes: Sequence[str], making: Making
    ) -> Callable[[Progress, ShouldStop], MakeScreen]:
        folder, queue = self._folder(owner), self.handlers.model_queue

        def compose(progress: Progress, should_stop: ShouldStop) -> MakeScreen:
            def tell(stage: str, done: int, total: int) -> None:
                progress(stage, done, total)
                queue.let_short_pass(making.ticket)

            def show(image_u8: np.ndarray) -> None:
                making.pictures.append(preview(Image.fromarray(image_u8), CARD_PX))
                tell("choosing", len(making.pictures), NUM_ADS)

            with queue.hold(making.ticket, should_stop=should_stop) as has_model:
                if not has_model:
                    return self.stopped()
                shutil.rmtree(folder / DRAFT, ignore_errors=True)
                self.handlers.choices.studio_of(owner).compose(
                    brief,
                    folder / DRAFT,
                    num=NUM_ADS,
                    shapes=",".join(shapes),
                    progress=tell,
                    should_stop=should_stop,
                    show=show,
                )
                for place in (ADS, UNDO):
                    shutil.rmtree(folder / place, ignore_errors=True)
                (folder / DRAFT).rename(folder / ADS)
                ads, making.rates = self._read(owner), {}
                for ad in ads if not ads[0]["is_untested"] else ():
                    making.rates[ad["folder"]] = self._expect(owner, ad)
            return self._show(owner)

        def work(progress: Progress, should_stop: ShouldStop) -> MakeScreen:
            try:
                return compose(progress, should_stop)
            except AdCreativeError as error:
                return self._refuse(owner, error)

        return work

    def _refuse(self, owner: str, error: AdCreativeError) -> MakeScreen:
        """Return the screen of a fault, above the ads made before, which stay."""
        refused = self.refuse(error)
        return replace(refused, shown=refused.shown + self.find_screen(owner).shown)

    def watch(self, job: Job[MakeScreen]) -> Iterator[MakeScreen]:
        making = next((one for one in self.sets.values() if one.job is job), None)  # None: deleted meanwhile
        for state in job.states(apart_s=0.4) if making is not None else ():
            assert making is not None
            num_ahead = self.handlers.model_queue.num_ahead(making.ticket)
            yield MakeScreen(
                shown=make_fragments.making(state, job.stage, making.pictures, total=NUM_ADS, num_ahead=num_ahead),
                record={"status": "running"},
            )
        yield job.result()

    def open(self, owner: str, name: str | None) -> AdScreen:
        """Open one of the ads.

        Raises:
            AdCreativeError: there is no such ad.
        """
        folder = self._find(owner, name)
        ad = {**read_ad(folder), "folder": folder.name}
        texts, parts = ad["recipe"]["texts"], self._folder(owner) / ADS / "parts"
        told = json.loads((parts / "parts.json").read_text(encoding="utf-8"))
        pictures = [
            (shape, label_ad(Creative(image_path=folder / one["picture"]), SMALL_PX if place else LARGE_PX)[1])
            for place, (shape, one) in enumerate(ad["shapes"].items())
        ]
        photos = [
            label_ad(Creative(image_path=parts / f"photo-{place}.png"), SMALL_PX)[1] for place in range(len(told["photos"]))
        ]
        cutouts = [(parts / f"photo-{place}.cutout.png").is_file() for place in range(len(photos))]
        making = self.sets.get(owner)
        rate = making.rates.get(folder.name, "") if making else ""
        shown = make_fragments.panel(ad, rate, pictures, palettes=told["palettes"], photos=photos, cutouts=cutouts)
        return AdScreen(
            name=folder.name,
            shown=shown,
            words=tuple(texts.get(role, "") for role in WORDS),
            can_undo=bool(self._kept(owner, folder.name)),
            record={"ad": ad},
        )

    def change(self, owner: str, name: str | None, changes: Mapping[str, str]) -> AdScreen:
        """Change an ad in all its shapes, as `edit` does, and open the ad; values equal to the current words change nothing.

        Raises:
            AdCreativeError: there is no such ad, or the changed ad would fit no shape.
        """
        folder = self._find(owner, name)
        texts = read_ad(folder)["recipe"]["texts"]
        wanted = {
            role: words.strip() for role, words in changes.items() if role not in WORDS or words.strip() != texts.get(role, "")
        }
        if not wanted:
            return self.open(owner, name)
        with self.handlers.model_queue.quick():
            kept = self._kept(owner, folder.name)
            last = kept[-1].name if kept else "000"
            before = self._folder(owner) / UNDO / folder.name / f"{int(last) + 1:03d}"
            shutil.copytree(folder, before)
            try:
                edit(folder, [f"{role}={words}" for role, words in wanted.items()])
            except AdCreativeError:
                shutil.rmtree(before)
                raise
            for old in kept[: len(kept) + 1 - MAX_UNDO]:
                shutil.rmtree(old)
            return self._changed(owner, folder)

    def undo(self, owner: str, name: str | None) -> AdScreen:
        """Undo the latest change of an ad, and open the ad.

        Raises:
            AdCreativeError: there is no such ad, or no change to undo.
        """
        folder = self._find(owner, name)
        with self.handlers.model_queue.quick():
            kept = self._kept(owner, folder.name)
            if not kept:
                raise AdCreativeError("There is nothing to put back: this ad is as it was made.")
            shutil.rmtree(folder)
            kept[-1].rename(folder)
            return self._changed(owner, folder)

    def pack(self, owner: str) -> Path:
        """Write all ads in their current state into one zip, in the folder layout of the command `compose`.

        Raises:
            AdCreativeError: there are no ads.
        """
        if not self.has_ads(owner) or self.is_running(owner):
            raise AdCreativeError(NO_ADS)
        ads, making = self._folder(owner) / ADS, self.sets.get(owner)
        with self.handlers.model_queue.quick():
            if making is not None and making.is_changed:
                report_ads(ads)
                making.is_changed = False
            path = self._folder(owner) / "new-ads.zip"
            with zipfile.ZipFile(path, "w") as archive:  # pictures are compressed already
                for member in sorted(ads.rglob("*")):
                    if member.is_file() and not member.name.startswith("."):
                        archive.write(member, f"new-ads/{member.relative_to(ads).as_posix()}")
        return path

    def _changed(self, owner: str, folder: Path) -> AdScreen:
        """Open a changed ad, with an updated wall."""
        making = self.sets.get(owner)
        if making is not None:
            making.is_changed = True
            if making.rates:
                making.rates[folder.name] = self._expect(owner, {**read_ad(folder), "folder": folder.name})
        opened = self.open(owner, folder.name)
        return AdScreen(**{**vars(opened), "wall": self._show(owner).shown})

    def _show(self, owner: str) -> MakeScreen:
        ads, making = self._read(owner), self.sets.get(owner)
        rates = making.rates if making else {}
        cards = [(ad, label_ad(self._creative(owner, ad), CARD_PX)[1], rates.get(ad["folder"], "")) for ad in ads]
        told = json.loads((self._folder(owner) / ADS / "parts" / "parts.json").read_text(encoding="utf-8"))
        shown = make_fragments.wall(cards, num_wanted=NUM_ADS, is_tested=bool(rates), notes=told["notes"])
        return MakeScreen(shown=shown, record={"status": "made", "ads": ads, "rates": rates})

    def _read(self, owner: str) -> list[dict[str, Any]]:
        folders = sorted(path.parent for path in (self._folder(owner) / ADS).glob("*/ad.json"))
        return [{**read_ad(folder), "folder": folder.name} for folder in folders]

    def _creative(self, owner: str, ad: Mapping[str, Any]) -> Creative:
        texts, first = ad["recipe"]["texts"], next(iter(ad["shapes"].values()))
        return Creative(
            image_path=self._folder(owner) / ADS / ad["folder"] / first["picture"],
            headline=texts.get("headline", ad["lead"]),
            description=texts.get("subline", ""),
            cta=texts.get("button", ""),
            brand=texts.get("brand", ""),
        )

    def _expect(self, owner: str, ad: Mapping[str, Any]) -> str:
        standing = self.handlers.choices.studio_of(owner).stand_one(self._creative(owner, ad))
        return make_fragments.say_standing(standing)

    def _find(self, owner: str, name: str | None) -> Path:
        folder = self._folder(owner) / ADS / (name or "")
        if not re.fullmatch(r"\d{2,3}", name or "") or not (folder / "ad.json").is_file():
            raise AdCreativeError("Open one of your ads first." if self.has_ads(owner) else NO_ADS)
        return folder

    def _kept(self, owner: str, name: str) -> list[Path]:
        return sorted((self._folder(owner) / UNDO / name).glob("[0-9]*"))

    def _folder(self, owner: str) -> Path:
        return self.handlers.owner_dir(owner) / FOLDER

    def _forget(self, owner: str) -> None:
        self.sets.pop(owner, None)
        job, folder = self.board.find(owner), self._folder(owner)
        self.board.take_down(owner)
        if job is not None:  # it may be writing files at this moment
            job.then(lambda: shutil.rmtree(folder, ignore_errors=True))
            job.then(lambda: self.handlers.choices.drop_features(owner))


def list_samples() -> list[str]:
    """Return the names of the sample briefs."""
    return sorted(path.parent.name for path in SAMPLES.glob("*/brief.toml"))


def read_lines(facts: str | None, chosen: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return role and words of each typed line. chosen: line -> role, where the user replaced the derived role."""
    derived = roles_of((facts or "").splitlines()[:MAX_LINES])
    return [(chosen[line] if chosen.get(line) in TYPED_ROLES else role, line) for role, line in derived]


def brief_of(form: MakeForm, *, kit: Path | None = None) -> Brief:
    """Return the brief of the user's inputs.

    Raises:
        AdCreativeError: no line was typed, a colour is invalid, or the inputs exceed the limits of a brief.
    """
    rows = read_lines(form.facts, form.roles)
    if not rows:
        raise AdCreativeError(NO_LINE)
    lines: dict[str, tuple[str, ...]] = {role: tuple(line for other, line in rows if other == role) for role, _ in rows}
    if "headline" not in lines:
        lines["headline"] = lines.pop(rows[0][0])
    colours = tuple(one for one in re.split(r"[,;\s]+", form.colours) if one)
    brand = Brand(name=" ".join(form.brand.split())[:60], logo=Path(form.logo) if form.logo else None, colours=colours, kit=kit)
    photos = tuple(BriefPhoto(file=Path(path)) for path in form.photos)
    brief = Brief(brand=brand, photos=photos, messages=Messages(**lines))  # type: ignore[arg-type]
    check_brief(brief, "This cannot be used yet")
    return brief


def choose_shapes(names: Sequence[str] | None) -> list[str]:
    """Return the ticked shapes, of SHAPES.

    Raises:
        AdCreativeError: none was ticked, or there is no such shape.
    """
    unknown = [name for name in names or () if name not in (*SHAPES, *SHAPES.values())]
    if unknown or not names:
        said = f"There is no shape “{unknown[0][:20]}”." if unknown else "Choose a shape first."
        raise AdCreativeError(f"{said} There are {', '.join(SHAPES)}.")
    return [SHAPES.get(name, name) for name in names]
