"""The brief of composed ads: brand, photos, messages by role, as a TOML file; every error names its field and the remedy.

Missing values are derived and reported (`Prepared.notes`): colours from logo or photo, open fonts, language, roles of facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from adcreative.catalog.images import read_image
from adcreative.compose.assets import FindFaces, prepare_photo
from adcreative.compose.colour import parse_colour
from adcreative.compose.crops import MAX_ENLARGED
from adcreative.compose.cutouts import Segmenter
from adcreative.compose.fonts import pairs_for
from adcreative.compose.logo import read_logo
from adcreative.compose.palettes import derive_palettes, find_accents
from adcreative.compose.parts import MOST_CHARACTERS, ROLES, Parts, Typefaces
from adcreative.config import load_config
from adcreative.copywriter.brand_kit import read_brand_kit
from adcreative.encoders.language import detect_language
from adcreative.errors import ConfigError

Lines = str | tuple[str, ...]
NAME = "brief.toml"
NEVER_LEFT_OUT = {"headline", "legal"}  # too long ones are refused
MAX_PHOTOS, MAX_LINES, MAX_COLOURS = 12, 8, 5
LEAST_WITH_BUTTON = 3  # minimum lines other than prices and offers for taking the last one as the button
_BUTTON = re.compile(r"^(?!.*[\d.,:;?!])\S+(?: \S+){0,3}$")  # at most four words; Meta's own have at most three
_OFFER = re.compile(
    r"\d\s?%|\b(free|off|save|sale|deal|gratis|kostenlos|rabatt|sparen|gratuit|offert|gratuito|oferta|korting)\b", re.I
)
_MONEY = re.compile(
    r"^\W*(?:from|ab|dès|desde)?\s?(?:[$€£¥₹₽₩]\s?\d[\d.,' ]*|\d[\d.,' ]*\s?(?:[$€£¥₹₽₩]|usd|eur|gbp|chf|kr|zł))\W*$", re.I
)


SHARP_PX = round(1080 / MAX_ENLARGED)  # minimum shorter side of a photo that fills a square ad


@dataclass(frozen=True, kw_only=True)
class Brand:
    """The advertiser. logo: SVG, PNG or JPEG. colours: the leading one first. fonts: for large lines, then for the rest.

    kit: a brand manifest (JSON) as in `optimize --brand-kit`; its values replace missing values of this record.
    """

    name: str = ""
    logo: Path | None = None
    colours: tuple[str, ...] = ()
    fonts: tuple[Path, ...] = ()
    voice: str = ""
    kit: Path | None = None


@dataclass(frozen=True, kw_only=True)
class BriefPhoto:
    """A photograph of the brief. words_may_lie: whether words may be set on it. shows: the alternative text.

    consent_id: the consent records of the people shown, "c-17; c-18", used by `purge`.
    """

    file: Path
    shows: str = ""
    words_may_lie: bool = True
    consent_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Messages:
    """The permitted messages of the ads, by role; alternatives in a role are chosen from. facts: lines without a given role."""

    headline: Lines = ()
    subline: Lines = ()
    offer: Lines = ()
    price: str = ""
    old_price: str = ""
    proof: Lines = ()
    badge: str = ""
    button: Lines = ()
    legal: str = ""
    facts: Lines = ()

    def lines(self, role: str) -> tuple[str, ...]:
        """Return the lines of a role, stripped, without duplicates."""
        value = getattr(self, role)
        found = (value,) if isinstance(value, str) else value
        return tuple(dict.fromkeys(" ".join(one.split()) for one in found if one.strip()))


@dataclass(frozen=True, kw_only=True)
class Brief:
    """The input of composed ads. ran: pictures of earlier ads, from which new ones should differ."""

    brand: Brand = Brand()
    photos: tuple[BriefPhoto, ...] = ()
    messages: Messages = Messages()
    audience: str = ""
    landing_page: str = ""
    language: str = ""
    ran: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files named in the brief."""
        brand = self.brand
        named = (brand.logo, brand.kit, *brand.fonts, *self.ran)
        return tuple(one for one in named if one is not None) + tuple(one.file for one in self.photos)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A prepared brief: parts, messages by role, and derived values, as sentences."""

    parts: Parts
    messages: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    num_faces: int = 0
    files: tuple[Path, ...] = field(default=(), repr=False)


TEMPLATE = """\
# A brief for `adcreative compose`. Fill in what you have; what is left out is derived and shown in the report.
# Files are looked for beside this one.

language = ""          # such as "en" or "pt-BR"; told by the words when empty
audience = ""          # whom the ads are for; shown in the report
landing_page = ""      # where the ads lead
ran = []               # pictures of ads that ran, such as ["spring.jpg"]: new ads are to differ from them

[brand]
name = ""              # stands in the ad where there is no logo
# logo = "logo.svg"    # SVG, PNG or JPEG; a white box around it is removed
colours = []           # the leading one first, such as ["#0a6", "#123"]; from the logo or a photo when empty
fonts = []             # .ttf or .otf for large lines, then for the rest; open fonts when empty
voice = ""             # how the brand speaks
# kit = "brand.json"   # a brand manifest, as optimize --brand-kit takes it

[[photos]]             # repeat for several; without any the ads are type alone
file = "photo.jpg"
shows = ""             # what is seen, for the alternative text
words_may_lie = true   # may words be set on it?
consent_id = ""        # the record of whom it shows, by which adcreative purge finds it

[messages]             # one line, or several to choose from: ["Sleep better", "Wake up rested"]
headline = ""          # needed: a line of at most about 60 characters
subline = ""           # a sentence below it
offer = ""             # "20 % off until Sunday"
price = ""             # "29 €"
old_price = ""         # "39 €", struck through
proof = []             # facts and voices: ["Rated 4.8 by 2,310 buyers", "Free returns"]
badge = ""             # "New"
button = ""            # "Shop now"
legal = ""             # small print
facts = []             # lines whose role shall be found: offer, price or proof
"""


def read_brief(path: Path) -> Brief:
    """Read brief.toml, or the one in a folder; its file names are relative to it.

    Raises:
        ConfigError: the file cannot be read, a field is unknown, of the wrong kind or out of range, or a file is missing;
            all errors of a kind at once.
    """
    path = Path(path)
    path = path / NAME if path.is_dir() else path
    brief = load_config(Brief, path)
    brief = _found_beside(brief, path.parent)
    check_brief(brief, str(path))
    return brief


def _found_beside(brief: Brief, folder: Path) -> Brief:
    brand = brief.brand
    brand = replace(
        brand,
        logo=brand.logo and folder / brand.logo,
        kit=brand.kit and folder / brand.kit,
        fonts=tuple(folder / one for one in brand.fonts),
    )
    photos = tuple(replace(one, file=folder / one.file) for one in brief.photos)
    return replace(brief, brand=brand, photos=photos, ran=tuple(folder / one for one in brief.ran))


def check_brief(brief: Brief, where: str) -> None:
    """Raise ConfigError with all unusable fields."""
    faults = []
    if not (brief.messages.lines("headline") or brief.messages.lines("facts")):
        faults.append('"messages.headline" is empty; write the line that leads the ad.')
    for name, found, most in (("photos", brief.photos, MAX_PHOTOS), ("brand.colours", brief.brand.colours, MAX_COLOURS)):
        if len(found) > most:
            faults.append(f'"{name}" has {len(found)} entries; give at most {most}.')
    for role in Messages.__dataclass_fields__:
        if len(brief.messages.lines(role)) > MAX_LINES:
            faults.append(f'"messages.{role}" has {len(brief.messages.lines(role))} lines; give at most {MAX_LINES}.')
    for colour in brief.brand.colours:
        try:
            parse_colour(colour)
        except ConfigError as error:
            faults.append(f'"brand.colours": {error}')
    faults += [
        f'there is no file "{file.name}" in {file.parent}; correct its name.' for file in brief.files if not file.is_file()
    ]
    for font in brief.brand.fonts:
        if font.suffix.casefold() not in (".ttf", ".otf", ".ttc"):
            faults.append(f'"brand.fonts" names {font.name}; give .ttf or .otf files.')
    if faults:
        raise ConfigError(f"{where}: " + " ".join(faults))


def sort_facts(facts: Iterable[str]) -> dict[str, list[str]]:
    """Return facts by role: a single amount is a price, a discount or free item an offer, anything else a proof."""
    sorted_facts: dict[str, list[str]] = {}
    for fact in facts:
        role = "price" if _MONEY.match(fact) else "offer" if _OFFER.search(fact) and len(fact) <= 40 else "proof"
        sorted_facts.setdefault(role, []).append(fact)
    return sorted_facts


def roles_of(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return role and words of each line of a typed text, without duplicates.

    Prices and offers as in `sort_facts`, with a second price as the old price. Of the rest the first is the headline, the last
    one the button if short enough, a sentence with a full stop the subline, and all others proofs.
    """
    found = list(dict.fromkeys(" ".join(line.split()) for line in lines if line.strip()))
    kinds = {line: next(iter(sort_facts([line]))) for line in found}
    rest = [line for line in found if kinds[line] == "proof"]
    if len(rest) >= LEAST_WITH_BUTTON and rest[-1] == found[-1] and _BUTTON.match(rest[-1]):
        kinds[rest.pop()] = "button"
    kinds |= dict.fromkeys([line for line in rest[1:] if line.endswith((".", "。", "।"))][:1], "subline")
    kinds |= dict.fromkeys([line for line in found if kinds[line] == "price"][1:2], "old_price")
    return [("headline" if line in rest[:1] else kinds[line], line) for line in found]


def messages_of(brief: Brief, kit_disclaimers: Sequence[str] = ()) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the lines of a brief by role, and notes about derived values."""
    found = {role: brief.messages.lines(role) for role in ROLES if role != "brand"}
    notes = []
    facts = brief.messages.lines("facts")
    sorted_facts = sort_facts(facts)
    if not found["headline"]:
        typed = roles_of(facts)
        sorted_facts = {role: [line for other, line in typed if other == role] for role, _ in typed}
    for role, lines in sorted_facts.items():
        found[role] = tuple(dict.fromkeys((*found[role], *lines)))[: 1 if role == "price" else MAX_LINES]
        notes.append(f"{role} from the facts: {'; '.join(lines)}.")
    if not found["headline"]:
        role = next(role for role in ("offer", "proof", "price") if found[role])
        found["headline"], found[role] = found[role][:1], found[role][1:]
        notes.append(f'headline: "{found["headline"][0]}", the first {role}.')
    if kit_disclaimers and not found["legal"]:
        found["legal"] = (" ".join(kit_disclaimers),)
        notes.append("small print: the disclaimers of the brand kit.")
    for role in [one for one in found if one not in NEVER_LEFT_OUT]:
        short = tuple(line for line in found[role] if len(line) <= MOST_CHARACTERS[role])
        if len(short) < len(found[role]):
            notes.append(f"left out: {role} of more than {MOST_CHARACTERS[role]} characters.")
            found[role] = short
    return {role: lines for role, lines in found.items() if lines}, notes


def prepare(brief: Brief, *, segment: Segmenter | None, find_faces: FindFaces | None) -> Prepared:
    """Prepare the parts of a brief: analyse photos, isolate the logo, choose colours and typefaces.

    Raises:
        ConfigError: logo, font or kit is unusable. CreativeError: a photo cannot be read.
    """
    brand, notes = brief.brand, []
    kit = None if brand.kit is None else read_brand_kit(brand.kit)
    name = brand.name or (kit.name if kit else "")
    seen = [
        prepare_photo(read_image(one.file), segment=segment, find_faces=find_faces, words_may_lie=one.words_may_lie)
        for one in brief.photos
    ]
    photos = tuple(
        replace(one.photo, shows=given.shows, consent_id=given.consent_id)
        for one, given in zip(seen, brief.photos, strict=True)
    )
    for one, given in zip(seen, brief.photos, strict=True):
        if min(one.photo.pixels.size) < SHARP_PX:
            side = min(one.photo.pixels.size)
            notes.append(f"{given.file.name} has {side} px on its shorter side; from {SHARP_PX} px on it can be shown large.")
        if one.photo.cutout is None:
            notes.append(
                f"{given.file.name} stays a photo: a cut-out's edge would be poor ({one.edge.edge:.0%} of it can be seen, "
                f"{one.edge.rim:.0%} is cut by the photo's rim, {one.edge.soft:.0%} is blurred, {one.edge.pale:.0%} is as pale "
                "as the ground)."
            )
    logo = None if brand.logo is None else read_logo(brand.logo)
    colours, source = [parse_colour(one) for one in brand.colours], "brief"
    if not colours:
        colours, source = find_accents(logo, photos)
        notes.append(f"colours from the {source}: {', '.join(colours)}." if colours else "no colour was found; a blue is used.")
    disclaimers = (
        tuple(one.text for one in kit.disclaimers if one.context.strip().casefold() in ("", "all", "always", "any"))
        if kit
        else ()
    )
    messages, derived = messages_of(brief, disclaimers)
    words = " ".join(line for lines in messages.values() for line in lines)
    fonts = brand.fonts or (tuple(Path(one) for one in kit.fonts) if kit else ())
    if fonts:
        typefaces: tuple[Typefaces, ...] = (Typefaces(display=fonts[0], text=fonts[min(1, len(fonts) - 1)]),)
    else:
        typefaces = pairs_for(f"{words} {name}")
        notes.append(f"typefaces: open ones, {', '.join(one.display.stem for one in typefaces)}.")
    language = brief.language or detect_language(words) or "en"
    if not brief.language:
        notes.append(f"language: {language}, by the words.")
    parts = Parts(
        photos=photos,
        logo=logo,
        brand=name,
        palettes=derive_palettes(colours, are_given=source == "brief"),
        typefaces=typefaces,
        language=language,
    )
    return Prepared(
        parts=parts,
        messages=messages,
        notes=(*derived, *notes),
        num_faces=sum(one.num_faces for one in seen),
        files=brief.files,
    )


def write_template(folder: Path) -> Path:
    """Write a template of a brief into a folder and return its path; an existing brief is kept.

    Raises:
        ConfigError: the folder has a brief already.
    """
    path = Path(folder) / NAME
    if path.exists():
        raise ConfigError(f"{path} is there already; fill it in, or name another folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE, encoding="utf-8")
    return path
