"""New headlines set into pictures: how many read back, how much stays bit-equal, and what it costs.

    python -m tests.bench.set_text                  100 simulated ads, each with the headline of another ad of its kind
    python -m tests.bench.set_text --folder out/    also writes the pairs as PNG, before and after beside each other
    python -m tests.bench.set_text --hide-fonts     as if the fonts of the ads were not at hand: new words in similar ones

A headline counts as read back when a reading of the whole finished picture, text detection included, finds its letters in the
right order; what was refused counts as not read back. Beside it stands how many old headlines are read so as they came: the
reader itself errs. Pictures go through JPEG (quality 92) first, as a user's would.
Photographs: six that scikit-image carries, as they are and mirrored or darkened, with words drawn on them in fonts at hand.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from adcreative.creative import Creative
from adcreative.lettering.reading.reader import load_reader
from adcreative.lettering.reading.words import PictureWords, read_words
from adcreative.lettering.setting.acceptance import comparable
from adcreative.lettering.setting.fonts import Typeface, system_typefaces, typefaces
from adcreative.lettering.setting.setting import TextSetter

PHOTOGRAPHS = (
    ("coffee", "Slow mornings, good coffee", "Beans roasted yesterday", "Taste it today"),
    ("rocket", "Ready for lift-off", "Launch your first campaign", "Start for free"),
    ("chelsea", "Food that cats ask for", "No grain, no tricks", "Try a sample"),
    ("astronaut", "Aim for the stars", "Space camp, summer 2027", "Dream bigger now"),
    ("immunohistochemistry", "Know it sooner", "Lab results in a day", "Results by noon"),
    ("retina", "See clearly again", "Eye tests near you", "Book an eye test"),
)
TWINS = ({"Arial", "Helvetica", "Arial Narrow"},)  # families that are drawn after each other


def set_text_figures(num: int = 100, folder: Path | None = None, *, hides_fonts: bool = False) -> dict[str, Any]:
    """Return how many new headlines are set, read back and leave all else bit-equal; seconds of each step; reasons.

    Args:
        hides_fonts: no font of an ad's own families is at hand.
    """
    simulated = list(simulated_ads(num))
    found = [_measure(ad, headline, folder, k, hides_fonts) for k, (ad, headline) in enumerate(simulated)]
    photographs = list(photograph_ads())[: max(1, num // 10)]
    on_photographs = [_measure(ad, headline, folder, f"photo-{k}", hides_fonts) for k, (ad, headline) in enumerate(photographs)]
    refusals = Counter(one["why"] for one in (*found, *on_photographs) if one["why"])
    return {
        "ads": len(found),
        "set": sum(one["is_set"] for one in found),
        "read_back": sum(one["is_read"] for one in found),
        "originals_read": sum(one["is_original_read"] for one in found),
        "bit_equal_elsewhere": sum(one["is_equal"] for one in found),
        "photographs": len(on_photographs),
        "photographs_set": sum(one["is_set"] for one in on_photographs),
        "photographs_read_back": sum(one["is_read"] for one in on_photographs),
        "read_s": round(float(np.median([one["read_s"] for one in found])), 2),
        "set_s": round(float(np.median([one["set_s"] for one in found])), 2),
        "refusals": dict(refusals),
    }


def simulated_ads(num: int) -> Iterator[tuple[Creative, str]]:
    """Yield simulated ads with a picture, and a headline of another ad of their brand (else of any brand)."""
    from adcreative.verbs.loading import load_market

    ads = [
        ad for ad in load_market(0).iter_creatives(2 * num, seed=17, results=False) if ad.image_u8 is not None and ad.headline
    ]
    for k, ad in enumerate(ads[:num]):
        others = [one.headline for one in (*ads[k + 1 :], *ads[:k]) if one.brand == ad.brand and one.headline != ad.headline]
        others += [one.headline for one in ads if one.headline != ad.headline]
        if others:
            yield ad, others[0]


def photograph_ads() -> Iterator[tuple[Creative, str]]:
    """Yield ads made of photographs: words drawn on them in several fonts and colours, and a new headline."""
    from skimage import data

    own = set(system_typefaces())  # machines differ in them
    faces = [
        face
        for face in typefaces()
        if face.style in ("Bold", "Regular") and face.family != "DejaVu Sans Mono" and face not in own
    ]
    for k, (name, headline, body, new) in enumerate(PHOTOGRAPHS * 2):
        picture = Image.fromarray(np.asarray(getattr(data, name)())[:, :, :3]).convert("RGB")
        picture = ImageOps.fit(picture, ((720, 720), (900, 600), (640, 800))[k % 3], Image.Resampling.LANCZOS)
        if k >= len(PHOTOGRAPHS):
            picture = ImageOps.mirror(picture).point(lambda value: round(value * 0.6))
        yield _draw_words(picture, headline, body, faces[(5 * k + 3) % len(faces)], k), new


def _draw_words(picture: Image.Image, headline: str, body: str, face: Typeface, k: int) -> Creative:
    """Draw headline and body over a quiet part of a photograph, on a soft shade where they would not be read."""
    width, height = picture.size
    size = round(0.075 * min(width, height))
    left, top = round(0.07 * width), round((0.08, 0.70, 0.40)[k % 3] * height)
    crop = np.asarray(picture.crop((left, top, width - left, top + 3 * size)), float).mean()
    ink = (255, 255, 255) if crop < 140 else (20, 24, 34)
    shade = Image.new("RGB", picture.size, tuple(255 - value for value in ink))
    veil = Image.new("L", picture.size, 0)
    ImageDraw.Draw(veil).rectangle((0, max(0, top - size), width, top + 4 * size), fill=120)
    picture = Image.composite(shade, picture, veil)
    draw = ImageDraw.Draw(picture)
    words, line, lines = headline.split(), "", []
    for word in words:
        if line and face.at(size).getlength(f"{line} {word}") > 0.8 * width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    for row, text in enumerate([*lines, line]):
        draw.text((left, top + row * round(1.2 * size)), text, font=face.at(size), fill=ink)
    draw.text((left, top + round(1.2 * size) * (len(lines) + 1) + 6), body, font=face.at(round(0.45 * size)), fill=ink)
    return Creative(ad_name=f"photo-{k}", headline=headline, description=body, image_u8=np.asarray(picture))


def _measure(ad: Creative, headline: str, folder: Path | None, name: object, hides_fonts: bool) -> dict[str, Any]:
    assert ad.image_u8 is not None
    buffer = io.BytesIO()
    Image.fromarray(ad.image_u8).save(buffer, "JPEG", quality=92, subsampling=0)
    image_u8, reader = np.asarray(Image.open(buffer).convert("RGB")), load_reader()
    started_s = time.perf_counter()
    words = read_words(image_u8, reader, brand=ad.brand)
    read_s = time.perf_counter() - started_s
    setter = TextSetter(image_u8, words, ad.picture_texts, reader=reader, typefaces=typefaces())
    if hides_fonts:
        own = {match.typeface.family for found in setter.prepared.match().values() for match in found[:1]}
        own |= {twin for twins in TWINS if own & twins for twin in twins}
        others = [face for face in typefaces() if face.family not in own]
        setter = TextSetter(image_u8, words, ad.picture_texts, reader=reader, typefaces=others)
    change = setter.change(ad.picture_texts | {"headline": headline})
    after = change.apply(image_u8)
    set_s = time.perf_counter() - started_s - read_s
    is_set = "headline" in change.done
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate([image_u8, after], axis=1)).save(folder / f"{name}-{'set' if is_set else 'kept'}.png")
    why = "" if is_set else " ".join(problem.code for problem in change.left.get("headline", ())) or "not_found"
    return {
        "is_original_read": _says(words, ad.headline),
        "is_set": is_set,
        "is_read": is_set and _says(read_words(after, reader, brand=ad.brand), headline),
        "is_equal": bool((after[~change.mask] == image_u8[~change.mask]).all()),
        "read_s": read_s,
        "set_s": set_s,
        "why": why,
    }


def _says(words: PictureWords, text: str) -> bool:
    """Return whether one block of the picture, or the blocks in reading order, say exactly this text."""
    blocks = [comparable(block.text) for block in words.blocks]
    return comparable(text) in blocks or comparable(text) in "".join(blocks)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=100, help="simulated ads; a tenth as many photographs, twelve at most")
    parser.add_argument("--folder", type=Path, help="where to write the pairs")
    parser.add_argument("--hide-fonts", action="store_true", help="as if the ads' own fonts were not at hand")
    given = parser.parse_args(arguments)
    print(json.dumps(set_text_figures(given.num, given.folder, hides_fonts=given.hide_fonts), indent=1))


if __name__ == "__main__":
    main()
