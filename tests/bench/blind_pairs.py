"""Pairs for a blind look: which of two pictures is the original, and in which have new words been set?

    python -m tests.bench.blind_pairs --folder pairs/ --seed 1                 40 pairs, in sheets of two
    python -m tests.bench.blind_pairs --folder pairs/ --languages de fr --sides 600 1080 --shown 1920
    python -m tests.bench.blind_pairs --folder pairs/ --guesses AABAB...       opens the key and counts

Simulated ads of a market that the seed names, a third of them in English and the others in eight languages, drawn at five
sizes, saved as JPEG (quality 92) and read as the editor reads them. Each gets another headline of its category, and by turns
another button or description too, so that no words tell which came first. What is refused makes no pair. Each pair is shown at
most --shown px wide, side by side, in an order that only key.json knows: write the guesses down before it is opened.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from adcreative.creative import Creative
from adcreative.lettering.reading.reader import load_reader
from adcreative.lettering.reading.words import read_words
from adcreative.lettering.setting.fonts import typefaces
from adcreative.lettering.setting.setting import TextSetter
from adcreative.market.lines import AdWords, draw_speaker
from adcreative.market.plans import draw_plans

SCALES = (0.35, 0.5, 0.5, 0.7, 1.0)
FULL_SIDE_PX = 1080  # of a square ad of the market at scale 1
SHOWN_PX, PER_SHEET = 720, 2


def _words(headline: str, description: str, cta: str) -> AdWords:
    return AdWords(headline=headline, primary_text="", description=description, cta=cta)


# language -> ways to word one ad, by two: headline, description and button; either may be the original. ASCII: the market's
# font has no more
LANGUAGES: Mapping[str, tuple[tuple[AdWords, AdWords], ...]] = {
    language: tuple((_words(*first), _words(*second)) for first, second in pairs)
    for language, pairs in {
        "de": (
            (
                ("Endlich gut schlafen", "100 Tage testen. Versand und Abholung gratis.", "Jetzt testen"),
                ("Besser schlafen ab der ersten Nacht", "Matratzen aus einer kleinen Werkstatt in Bremen.", "Mehr erfahren"),
            ),
            (
                ("Brot wie vom Land", "Jeden Morgen frisch aus dem Ofen.", "Bestellen"),
                ("Zwei Brote, ein Preis", "Nur diese Woche, in allen Filialen in Hamburg.", "Filiale finden"),
            ),
            (
                ("Ihr Konto in zehn Minuten", "Ohne Papier, ohne Termin.", "Konto ansehen"),
                ("Sparen, ohne daran zu denken", "Wir runden auf und legen den Rest zur Seite.", "Los"),
            ),
        ),
        "es": (
            (
                ("Tu fin de semana junto al mar", "Reserva hoy y paga cuando llegues.", "Reservar ahora"),
                ("Vacaciones de verdad, precios claros", "Hoteles con encanto, sin sorpresas.", "Ver hoteles"),
            ),
        ),
        "fr": (
            (
                ("Un bon pain chaque matin", "Sans engagement, chez vous avant sept heures.", "Je commande"),
                ("Le pain frais sans attendre", "Nos boulangers sont en ville depuis trente ans.", "Essayer"),
            ),
            (
                ("Partir plus loin, payer moins", "Des vols simples vers trente villes.", "Voir les vols"),
                ("Un week-end au soleil", "Le retour est offert en mars.", "Je pars"),
            ),
            (
                ("Votre peau aime la douceur", "Un soin doux, sans parfum ni alcool.", "Le trouver"),
                ("Trois gestes et rien de plus", "Une routine courte pour les matins trop courts.", "Commencer ici"),
            ),
        ),
        "it": (
            (
                ("La tua pelle, calma e luminosa", "Crema leggera con olio di rosa.", "Prova ora"),
                ("Luce nuova in due settimane", "Provata da 12.000 donne in Italia.", "Scopri come"),
            ),
        ),
        "pt": (
            (
                ("Seu dinheiro rende mais aqui", "Conta gratuita, sem surpresas.", "Abrir conta"),
                ("Quanto custa o seu banco?", "Pague e receba na hora, todos os dias.", "Comparar"),
            ),
        ),
        "nl": (
            (
                ("Hardlopen zonder blessures", "Schoenen die meelopen, 60 dagen proberen.", "Nu bestellen"),
                ("Vijf tips voor je eerste 10 kilometer", "Gratis trainingsschema van onze coaches.", "Lees verder"),
            ),
        ),
        "sv": (
            (
                ("Varma stunder hemma", "Lampor och textilier med fri frakt.", "Handla nu"),
                ("Mjukt ljus i alla rum", "30 dagar att prova hemma.", "Se mer"),
            ),
        ),
        "da": (
            (
                ("Mindre stress, mere tid", "Et program til hele holdet.", "Start nu"),
                ("Din uge planlagt i en fart", "Den nemme start uden installation.", "Se hvordan"),
            ),
        ),
    }.items()
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An ad's picture [H, W, 3] before and after its words were changed, and what is known of it."""

    before: np.ndarray
    after: np.ndarray
    note: str


def draw_ads(
    seed: int, num: int, languages: Sequence[str] = tuple(LANGUAGES), scales: Sequence[float] = SCALES
) -> Iterator[tuple[Creative, AdWords]]:
    """Yield ads of one market with the words that they are to get; a third keeps its English words."""
    from adcreative.verbs.loading import load_market

    wordings = [pair for language in languages for pair in LANGUAGES[language]]
    market, rng = load_market(seed), np.random.default_rng([seed, 71])
    plans = [plan for plan in draw_plans(2 * num, market._cast(), scale=0.5, rng=rng) if plan.design is not None]
    plans = [plans[row] for row in rng.permutation(len(plans))]
    for k, plan in enumerate(plans[:num]):
        assert plan.design is not None
        if k % 3:
            pair = wordings[int(rng.integers(len(wordings)))]
        else:
            speaker = draw_speaker(plan.brand.name, plan.brand.category, rng=rng)
            pair = speaker.write(rng), speaker.write(rng)
        fields = ("headline", "description", "cta")
        chosen = dict(zip(fields, rng.integers(2, size=3), strict=True))  # each for itself: no field tells of another
        words = replace(plan.words, **{name: getattr(pair[k], name) for name, k in chosen.items()})
        new = replace(plan.words, **{name: getattr(pair[1 - k], name) for name, k in chosen.items()})
        design = replace(plan.design, scale=scales[k % len(scales)])
        (ad,) = market._render([replace(plan, design=design, words=words)])
        yield ad, new


def make_pair(ad: Creative, new: AdWords, kind: int) -> Pair | None:
    """Set new words into an ad's picture, of which kind % 3 tells: headline, with button, with description; None if refused."""
    assert ad.image_u8 is not None
    buffer = io.BytesIO()
    Image.fromarray(ad.image_u8).save(buffer, "JPEG", quality=92, subsampling=0)
    image_u8, reader = np.asarray(Image.open(buffer).convert("RGB")), load_reader()
    setter = TextSetter(
        image_u8,
        read_words(image_u8, reader, brand=ad.brand),
        ad.picture_texts,
        reader=reader,
        typefaces=typefaces(),
        faces_xyxy_px=(),
    )
    fields = (("headline",), ("headline", "cta"), ("headline", "description"))[kind % 3]
    change = setter.change(ad.picture_texts | {name: getattr(new, name) for name in fields})
    if "headline" not in change.done:
        return None
    return Pair(before=image_u8, after=change.apply(image_u8), note=f"{ad.headline} -> {new.headline}: {change.note}")


def write_pairs(folder: Path, seed: int, num: int, ads: Iterable[tuple[Creative, AdWords]], shown_px: int = SHOWN_PX) -> int:
    """Write sheets, as they come, and key.json into `folder`; return how many pairs there are."""
    folder.mkdir(parents=True, exist_ok=True)
    is_left = np.random.default_rng([seed, 72]).random(num) < 0.5
    key: list[dict[str, str]] = []
    waiting: list[tuple[np.ndarray, np.ndarray]] = []
    for k, (ad, new) in enumerate(ads):
        if len(key) == num:
            break
        pair = make_pair(ad, new, k // 3)
        if pair is None:
            continue
        waiting.append((pair.before, pair.after) if is_left[len(key)] else (pair.after, pair.before))
        key.append({"original": "A" if is_left[len(key)] else "B", "note": pair.note})
        if len(waiting) == PER_SHEET:
            _write_sheet(folder, waiting, key, shown_px)
            waiting = []
    if waiting:
        _write_sheet(folder, waiting, key, shown_px)
    return len(key)


def _write_sheet(
    folder: Path, sides: Sequence[tuple[np.ndarray, np.ndarray]], key: Sequence[Mapping[str, str]], shown_px: int
) -> None:
    first = len(key) - len(sides) + 1
    _sheet(sides, first, shown_px).save(folder / f"sheet-{first:02d}.png")
    (folder / "key.json").write_text(json.dumps(key, indent=1, ensure_ascii=False))


def _sheet(sides: Sequence[tuple[np.ndarray, np.ndarray]], number: int, shown_px: int) -> Image.Image:
    rows = []
    for k, pair in enumerate(sides):
        pictures = [Image.fromarray(one) for one in pair]
        share = min(1.0, shown_px / max(pictures[0].size))
        shown = [
            one.resize((round(one.width * share), round(one.height * share)), Image.Resampling.LANCZOS) if share < 1.0 else one
            for one in pictures
        ]
        row = Image.new("RGB", (2 * shown[0].width + 12, shown[0].height + 20), "white")
        ImageDraw.Draw(row).text((4, 4), f"{number + k}:  A left, B right", fill="black")
        row.paste(shown[0], (0, 20))
        row.paste(shown[1], (shown[0].width + 12, 20))
        rows.append(row)
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    for k, row in enumerate(rows):
        sheet.paste(row, (0, sum(one.height for one in rows[:k])))
    return sheet


def count_right(folder: Path, guesses: str) -> str:
    """Hold guesses, a letter A or B for each pair, against the key; other letters count as no guess.

    Raises:
        ValueError: not as many guesses as pairs.
    """
    key = json.loads((folder / "key.json").read_text())
    if len(guesses) != len(key):
        raise ValueError(f"{len(guesses)} guesses for {len(key)} pairs; one letter A or B for each is needed")
    asked = [(guess, one) for guess, one in zip(guesses.upper(), key, strict=True) if guess.upper() in "AB"]
    right = sum(guess == one["original"] for guess, one in asked)
    told = "\n".join(
        f"{k:2d} {guess} {'right' if guess == one['original'] else 'wrong'}  {one['note']}"
        for k, (guess, one) in enumerate(zip(guesses.upper(), key, strict=True), 1)
    )
    return f"{told}\nright in {right} of {len(asked)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw pairs, or count guesses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where sheets and key lie")
    parser.add_argument("--seed", type=int, default=1, help="market and order")
    parser.add_argument("--num", type=int, default=40, help="pairs")
    parser.add_argument("--languages", nargs="+", choices=tuple(LANGUAGES), default=tuple(LANGUAGES), help="beside English")
    parser.add_argument("--sides", nargs="+", type=int, help="shorter sides of the pictures, px (a square's); else five sizes")
    parser.add_argument(
        "--shown", type=int, default=SHOWN_PX, help="px of a picture's longer side at which it is shown at most"
    )
    parser.add_argument("--guesses", default="", help="which one is the original, a letter A or B for each pair")
    given = parser.parse_args(arguments)
    if given.guesses:
        print(count_right(given.folder, given.guesses))
    else:
        scales = [side / FULL_SIDE_PX for side in given.sides] if given.sides else SCALES
        ads = draw_ads(given.seed, 2 * given.num, given.languages, scales)
        print(f"{write_pairs(given.folder, given.seed, given.num, ads, given.shown)} pairs")


if __name__ == "__main__":
    main()
