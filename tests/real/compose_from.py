"""What `compose --from` makes of the labelled real ads of one half: a table, and a sheet of each ad to be looked at.

Run it as `python -m tests.real.compose_from --split work --out DIR [--true-words]`. Words are read once and kept in DIR; with
--true-words those of `ads.jsonl` are taken, so that faults of composing are told from faults of reading. A killed run goes on
where it was. Whether an ad could run is judged by whoever looks at the sheets; what is counted here are new layouts, what was
asked for, and words that the ad does not say.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from adcreative.catalog.images import read_image
from adcreative.catalog.tables import write_rows
from adcreative.compose.from_ad import read_twice
from adcreative.errors import AdCreativeError
from adcreative.features.known_words import TABLE_COLUMNS, hash_of_picture
from adcreative.lettering import WORD_COLUMNS, rows_of_words
from adcreative.verbs.compose_many import compose_from
from tests.real.labels import LabelledAd, fold, read_ads

NUM_ADS, SHAPE, CELL_PX = 6, "1:1", 300


def write_words(ad: LabelledAd, path: Path, *, true_words: bool) -> None:
    """Write the words file of one ad: as its labels say, or as it is read."""
    assert ad.picture is not None
    image_u8 = read_image(ad.picture)
    height, width = image_u8.shape[:2]
    if true_words:
        blank = dict.fromkeys(WORD_COLUMNS, "")
        edges = [
            (b, [round(x * size) for x, size in zip(b.box, (width, height) * 2, strict=True)]) for b in ad.blocks if b.text
        ]
        rows = [{**blank, "role": block.role, "text": block.text, "box": "{} {} {} {}".format(*box)} for block, box in edges]
    else:
        rows = rows_of_words(read_twice(image_u8))
    digest = hash_of_picture(ad.picture)
    write_rows(path, [{**row, "file_name": ad.file, "picture": digest} for row in rows], TABLE_COLUMNS)


def compose(ad: LabelledAd, folder: Path, *, true_words: bool) -> dict[str, object]:
    """Compose from one ad into a folder and return what came out."""
    assert ad.picture is not None
    words = folder / "words.csv"
    if not words.is_file():
        write_words(ad, words, true_words=true_words)
    started_s, ads, said = time.monotonic(), folder / "ads", ""
    try:
        summary = compose_from(ad.picture, ads, num=NUM_ADS, shapes=SHAPE, seed=1, words=words, restart=True)
        said = " ".join(summary.warnings)
    except AdCreativeError as error:
        said = str(error)
    made = [json.loads(path.read_text()) for path in sorted(ads.glob("*/ad.json"))]
    true = fold(" ".join(word for block in ad.blocks for word in block.text.split()))  # a message may span two blocks
    lines = {line for one in made for text in one["recipe"]["texts"].values() for line in text.split("\n")}
    return {
        "file": ad.file,
        "ads": len(made),
        "layouts": len({one["layout"] for one in made}),
        "photo": (ads / "brief" / "photo.png").is_file(),
        "logo": (ads / "brief" / "logo.png").is_file(),
        "wrong words": sorted(line for line in lines if fold(line) not in true),
        "asked": said,
        "seconds": round(time.monotonic() - started_s, 1),
    }


def draw_sheet(ad: LabelledAd, folder: Path) -> None:
    """Draw an ad beside the parts that were taken of it and what was composed, as DIR/NAME/sheet.jpg."""
    parts = [folder / "ads" / "brief" / name for name in ("photo.png", "logo.png")]
    shown = [ad.picture, *(path for path in parts if path.is_file()), *sorted(folder.glob("ads/*/1x1.[pj]*g"))]
    sheet = Image.new("RGB", (CELL_PX * len(shown), CELL_PX), "#808080")
    for place, path in enumerate(one for one in shown if one is not None):
        with Image.open(path) as image:
            small = ImageOps.contain(image.convert("RGBA"), (CELL_PX - 8, CELL_PX - 8))
        sheet.paste(small, (place * CELL_PX + 4, 4), small)
    sheet.save(folder / "sheet.jpg", quality=88)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of one half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("work", "held"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--true-words", action="store_true")
    parser.add_argument("--num", type=int, default=40, help="how many ads, the first ones whose pictures are there")
    parser.add_argument("--only", default="", help="ads whose file names hold this")
    asked = parser.parse_args(arguments)
    ads = [ad for ad in read_ads(asked.split) if ad.picture is not None and asked.only in ad.file][: asked.num]
    results = []
    for ad in ads:
        folder = asked.out / Path(ad.file).stem
        kept = folder / "result.json"
        if not kept.is_file():
            result = compose(ad, folder, true_words=asked.true_words)
            draw_sheet(ad, folder)
            kept.write_text(json.dumps(result, ensure_ascii=False))
        results.append(json.loads(kept.read_text()))
        one = results[-1]
        print(f"{one['file']}: {one['ads']} ads, {one['seconds']} s, wrong {one['wrong words']}. {one['asked']}", flush=True)
    print(f"six new layouts: {sum(one['layouts'] >= NUM_ADS for one in results)} of {len(results)}")
    print(f"nothing, and said why: {sum(not one['ads'] and bool(one['asked']) for one in results)}")
    print(f"with words that the ad does not say: {sum(bool(one['wrong words']) for one in results)}")
    print(f"photo taken: {sum(one['photo'] for one in results)}, logo taken: {sum(one['logo'] for one in results)}")


if __name__ == "__main__":
    main()
