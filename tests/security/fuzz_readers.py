"""Damaged files for every reader: a result or one of our errors, never anything else, a hang, or much memory.

    python -m tests.security.fuzz_readers --cases 200 --seed 1 [READER ...]      bytes changed at random; same seed, same cases

`fuzz_with_atheris` does the same led by coverage. Each reader starts from sound files, so that most cases get past its first
check. The tests run a fixed number of both.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from adcreative.artifacts import load_artifact, save_artifact
from adcreative.catalog import read_catalog
from adcreative.catalog.event_log import read_event_log
from adcreative.catalog.images import read_image
from adcreative.catalog.mapping import read_settings
from adcreative.catalog.proposal import propose_mapping
from adcreative.catalog.results import read_results
from adcreative.config import load_config
from adcreative.copywriter.brand_kit import read_brand_kit
from adcreative.ctr.config import PredictorConfig
from adcreative.errors import MAX_CHARACTERS, AdCreativeError
from adcreative.features.cache import FeatureCache
from adcreative.provenance.consent import read_consents
from adcreative.provenance.disclosure import disclosures
from adcreative.provenance.marks import read_source_type
from adcreative.provenance.sidecar import read_sidecar, sidecar_path
from adcreative.verbs.campaign import read_out
from stylegan.errors import StyleGANError
from tests.security import fuzz_archives, fuzz_codec, fuzz_logs, fuzz_models, fuzz_runs

MAX_SECONDS, MAX_GROWTH_BYTES = 30.0, 700_000_000
META = "Reporting starts,Reporting ends,Ad name,Impressions,Link clicks,CTR (all),Amount spent (EUR)\n"
META += '2026-11-01,2026-11-02,Red shoe,"3,000",90,3.0,9.50\n2026-11-01,2026-11-02,Total,"6,000",180,,\n'
GOOGLE = "Ad report\n1 November 2026 - 9 November 2026\nAd name\tHeadline 1\tImpr.\tClicks\tCTR\tCost\n"
GOOGLE += "Shoe\tRun far\t1.234\t56\t4,5 %\t€ 9,99\nTotal\t\t1.234\t56\t4,5 %\t\n"
TABLE = 'file_name,headline,impressions,clicks\na.png,"Run, far",100,3\n,Sleep better,1e3,7\n'
CONSENT = '[[consent]]\nconsent_id = "c-1"\nperson = "Ada"\nedits = ["smile"]\nvalid_from = 2026-01-01\nexpires = 2027-01-01\n'
RULES = (
    "market: eu\nname: EU\nrules:\n  - {id: a, title: t, level: check, duty: d, how: h, applies_from: 2026-08-02, checked_on: "
)
RULES += "2026-11-01, sources: [x], when: {edited: any, person: any}}\n"
PLAN = json.dumps(
    {
        "settings": {"level": 0.05},
        "tests": [
            {
                "test": "00001",
                "effect_scale": 0.2,
                "impressions_per_arm_peeking": 9000,
                "arms": [
                    {"variant_id": "acv0123456789ab", "arm": "control", "name": "x"},
                    {"variant_id": "acv1123456789ab", "arm": "edited", "name": "y"},
                ],
            }
        ],
    }
)
KIT = json.dumps({"name": "Somnia", "tone": "calm", "metadata": {"words_to_avoid": ["cheap"]}, "disclaimers": []})
PIXELS = np.random.default_rng(0).integers(0, 255, (64, 66, 3)).astype(np.uint8)


class HangError(BaseException):
    """A reader did not come back in time; no `except Exception` may swallow it."""


@dataclass(frozen=True)
class Reader:
    """A way into the program: what reads a file, and sound files to start from, as (name, bytes)."""

    read: Callable[[Path], object]
    seeds: Callable[[], list[tuple[str, bytes]]]


def _texts(**texts: str) -> Callable[[], list[tuple[str, bytes]]]:
    """Return a function to named files: `toml="..."` is a.toml, `csv_2="..."` another a.csv."""
    return lambda: [(f"a.{name.split('_')[0]}", text.encode()) for name, text in texts.items()]


def _read_out(path: Path) -> object:
    """Read results out with a plan, as the verb does."""
    results = path.with_name("results.csv")
    results.write_text("Ad name,Impressions,Link clicks\nx acv0123456789ab,900,9\ny acv1123456789ab,900,19\n")
    return read_out(results, path.with_name("out.json"), plan=path, restart=True)


@cache
def _pictures() -> list[tuple[str, bytes]]:
    found = []
    for kind, options in (("PNG", {}), ("JPEG", {"quality": 60}), ("WEBP", {}), ("GIF", {}), ("BMP", {}), ("TIFF", {})):
        buffer = io.BytesIO()
        Image.fromarray(PIXELS).save(buffer, format=kind, **options)
        found.append((f"a.{kind.lower()}", buffer.getvalue()))
    return found


@cache
def _parquet() -> list[tuple[str, bytes]]:
    buffer = io.BytesIO()
    pd.read_csv(io.StringIO(TABLE)).to_parquet(buffer)
    return [("a.parquet", buffer.getvalue())]


@cache
def _workbook() -> list[tuple[str, bytes]]:
    """Return a workbook as packed, and the same stored without packing, so that changed bytes reach the XML."""
    import openpyxl

    book, packed, stored = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    rows = [
        ["Nome do anúncio", "Impressões", "Cliques no link", "Valor usado (BRL)"],
        ["Praia", 2550, 22, "=11*3"],
        ["Pão", 990, 9, 4],
    ]
    for row in rows:
        book.active.append(row)
    book.save(packed)
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return [("a.xlsx", packed.getvalue()), ("a.xlsx", stored.getvalue())]


_SHEET = "xl/worksheets/sheet1.xml"


def _sheets() -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(_workbook()[0][1])) as archive:
        return [("a.xml", archive.read(_SHEET))]


def _read_sheet(path: Path) -> object:
    """Read a workbook whose only sheet is this XML, with right checksums."""
    sheet, book_path = path.read_bytes(), path.with_name("b.xlsx")
    with zipfile.ZipFile(io.BytesIO(_workbook()[0][1])) as old, zipfile.ZipFile(book_path, "w") as new:
        for name in old.namelist():
            new.writestr(name, sheet if name == _SHEET else old.read(name))
    return read_catalog(book_path)


@cache
def _weights() -> list[tuple[str, bytes]]:
    import torch
    from safetensors.torch import save

    from tests.stylegan.foreign import originals

    state = originals.random_rosinality(8, depth=1, seed=0)
    state = {name: tensor[:2, :2] if tensor.ndim > 1 else tensor[:2] for name, tensor in state.items()}
    new, old = io.BytesIO(), io.BytesIO()
    torch.save({"g_ema": state}, new)
    torch.save({"g_ema": state}, old, _use_new_zipfile_serialization=False)
    plain = {name: tensor.contiguous() for name, tensor in state.items()}
    pickled = pickle.dumps({"G_ema": {"w": np.zeros(3)}})
    return [("a.pt", new.getvalue()), ("a.pt", old.getvalue()), ("a.safetensors", save(plain)), ("a.pkl", pickled)]


@cache
def _artifact_files() -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        save_artifact(Path(folder), kind="k", format_version=1, tensors={"x": np.zeros((2, 2), np.float32)}, notes={"a": 1})
        manifest = (Path(folder) / "manifest.json").read_bytes()
        return manifest, next(Path(folder).glob("*.safetensors")).read_bytes()


def _read_artifact(path: Path) -> object:
    """Load a folder with this manifest beside sound tensors."""
    name = json.loads(_artifact_files()[0])["file"]
    (path.parent / name).write_bytes(_artifact_files()[1])
    path.replace(path.parent / "manifest.json")
    return load_artifact(path.parent, kind="k", formats=(1,))


def _read_sidecar(path: Path) -> object:
    picture_path = path.with_name("a.png")
    picture_path.write_bytes(_pictures()[0][1])
    path.replace(sidecar_path(picture_path))
    return read_sidecar(picture_path)


def _sidecars() -> list[tuple[str, bytes]]:
    digest = hashlib.sha256(_pictures()[0][1]).hexdigest()
    return [("a.json", json.dumps({"format": 1, "picture_sha256": digest, "tool": "adcreative", "edits": []}).encode())]


def _read_cache(path: Path) -> object:
    cached = FeatureCache(path.parent)
    (path.parent / "aa").mkdir(exist_ok=True)
    path.replace(path.parent / "aa" / "aa1.entry")
    return cached.load("aa1")


def _cached() -> list[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        FeatureCache(Path(folder)).save("aa1", {"image": np.ones(4, np.float32), "faces": np.zeros((2, 3), np.float32)})
        return [(path.name, path.read_bytes()) for path in Path(folder).rglob("*.entry")]


def _read_weights(path: Path) -> object:
    """Read as the process for foreign files does, without its fences, which are for a process that is thrown away."""
    from stylegan.foreign import reading_process

    fences, reading_process.confine = reading_process.confine, lambda *_: []  # type: ignore[assignment]
    try:
        with redirect_stdout(io.StringIO()):
            return reading_process.main([str(path), str(path.parent / "out"), "5"])
    finally:
        reading_process.confine = fences


def _read_rules(path: Path) -> object:
    from datetime import date

    return disclosures(["all"], [{"face": 0}], date(2026, 11, 24), rules_dir=path.parent)


LINES = '{"headline": "Run far", "clicks": 3}\n{"headline": "x", "impressions": 1}\n'
CONSENT_JSON = '{"consent": [{"consent_id": "c", "person": "Ada", "edits": ["all"], "expires": "2027-01-01"}]}'
READERS = {
    "table": Reader(read_catalog, _texts(csv=TABLE, csv_2=META, tsv=GOOGLE)),
    "jsonl": Reader(read_catalog, _texts(jsonl=LINES)),
    "parquet": Reader(read_catalog, _parquet),
    "workbook": Reader(read_catalog, _workbook),
    "workbook sheet": Reader(_read_sheet, _sheets),
    "workbook results": Reader(read_results, _workbook),
    "proposal": Reader(propose_mapping, lambda: [*_texts(csv=META, tsv=GOOGLE)(), *_workbook()]),
    "results": Reader(read_results, _texts(csv=META, tsv=GOOGLE)),
    "mapping": Reader(read_settings, _texts(toml='[columns]\n"Klicks" = "clicks"\n', json='{"Klicks": "clicks"}')),
    "consents": Reader(read_consents, _texts(toml=CONSENT, json=CONSENT_JSON)),
    "picture": Reader(read_image, _pictures),
    "marks": Reader(read_source_type, _pictures),
    "sidecar": Reader(_read_sidecar, _sidecars),
    "rules": Reader(_read_rules, _texts(yaml=RULES)),
    "brand kit": Reader(read_brand_kit, _texts(json=KIT)),
    "plan": Reader(_read_out, _texts(json=PLAN)),
    "text encoder": Reader(fuzz_models.read_text_encoder, fuzz_models.text_encoders),
    "4-bit weights": Reader(fuzz_models.read_four_bit_file, fuzz_models.four_bit_files),
    "told pictures": Reader(fuzz_runs.read_named_pictures, fuzz_runs.result_lines),
    "config": Reader(lambda path: load_config(PredictorConfig, path), _texts(toml="num_members = 3\n[training]\n")),
    "artifact": Reader(_read_artifact, lambda: [("a.json", _artifact_files()[0])]),
    "cache": Reader(_read_cache, _cached),
    "weights": Reader(_read_weights, _weights),
    "upload": Reader(fuzz_runs.read_upload, fuzz_runs.upload_zips),
    "package": Reader(fuzz_runs.read_package, fuzz_runs.packages),
    "run rows": Reader(fuzz_runs.read_run_rows, fuzz_runs.result_lines),
    "run settings": Reader(fuzz_runs.read_run_settings, fuzz_runs.settings_files),
    "run audit": Reader(fuzz_runs.read_run_audit, fuzz_runs.audit_files),
    "log": Reader(fuzz_logs.read_log, fuzz_logs.logs),
    "event log": Reader(read_event_log, fuzz_logs.event_logs),
    "table after launch": Reader(fuzz_logs.read_after_launch, fuzz_logs.tables_after_launch),
    "rotation plan": Reader(fuzz_logs.read_rotation_plan, fuzz_logs.rotation_plans),
    "log schema": Reader(fuzz_logs.read_log_schema, fuzz_logs.schemas),
    "archive": Reader(fuzz_archives.read_archive, fuzz_archives.archives),
    "archive index": Reader(fuzz_archives.read_archive_index, fuzz_archives.indexes),
    "codec stream": Reader(fuzz_codec.read_stream, fuzz_codec.streams),
    "codec strings": Reader(fuzz_codec.read_body, fuzz_codec.bodies),
    "answer": Reader(fuzz_runs.read_answer_stream, fuzz_runs.answers),
}


def try_bytes(reader: Reader, name: str, content: bytes, folder: Path) -> bool:
    """Give a reader a file; return whether it read it (False: refused in one of our sentences).

    Raises:
        HangError: it took more than MAX_SECONDS. Anything else that is not ours, as it came.
    """
    with tempfile.TemporaryDirectory(dir=folder) as case_dir:
        path = Path(case_dir, name)
        path.write_bytes(content)
        try:
            with _alarm():
                reader.read(path)
        except (AdCreativeError, StyleGANError) as error:
            if not str(error).strip() or len(str(error)) > MAX_CHARACTERS:
                raise AssertionError(f"an error of {len(str(error))} characters") from error
            return False
    return True


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise HangError(f"still reading after {MAX_SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return a file a few random steps away: bits, bytes, extreme numbers, parts cut, doubled, moved or repeated often."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        start = rng.randrange(len(data) + 1)
        length = min(rng.choice((1, 2, 4, 8, 32, 200)), max(len(data) - start, 0))
        step = rng.randrange(8)
        if step == 0 and length:
            data[start] ^= 1 << rng.randrange(8)
        elif step == 1:
            data[start : start + length] = rng.randbytes(length)
        elif step == 2:
            data[start : start + length] = rng.choice((b"\xff", b"\x00", b"\x7f", b"\x80")) * length
        elif step == 3:
            del data[start : start + length]
        elif step == 4:
            data[start:start] = data[rng.randrange(len(data) + 1) :][:length]
        elif step == 5:
            del data[start:]
        elif step == 6:
            data[start:start] = rng.choice((b"[", b"{", b'{"a":', b"- ", b'"', b"\x00", b",", b"9", b"\n")) * rng.choice(
                (1, 3, 5_000)
            )
        else:
            data[start:start] = rng.choice(
                (b"null", b"NaN", b"1e999", b"-1", b"[]", b"{}", b'""', b"2026-99-99", b"\xef\xbb\xbf", b"true")
            )
    return bytes(data)


def run_cases(name: str, num_cases: int, seed: int) -> tuple[int, int]:
    """Give reader `name` its sound files, then `num_cases` damaged ones; return how many of these were read and refused.

    Raises:
        AssertionError: with the case as hex and the seed, when anything but a result or one of our errors came back.
    """
    reader, rng, num_read = READERS[name], random.Random(f"{name} {seed}"), 0
    seeds, before = reader.seeds(), _peak_bytes()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(-len(seeds), num_cases):
            file_name, content = seeds[number] if number < 0 else rng.choice(seeds)
            content = content if number < 0 else mutate(content, rng)
            try:
                was_read = try_bytes(reader, file_name, content, Path(folder))
                if number < 0 and not was_read:
                    raise AssertionError("a sound file was refused, so damage after its first check is never reached")
            except BaseException as error:
                shown = f"reader {name}, seed {seed}, case {number}, {file_name}: {error!r}; bytes {content[:400].hex()}"
                raise AssertionError(shown) from error
            num_read += was_read and number >= 0
    growth = _peak_bytes() - before
    if growth > MAX_GROWTH_BYTES:
        raise AssertionError(f"reader {name}, seed {seed}: memory grew by {growth / 1e6:.0f} MB")
    return num_read, num_cases - num_read


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--names", action="store_true", help="print the names of the readers and do nothing else")
    parser.add_argument("readers", nargs="*", metavar="READER", default=[])
    known = parser.parse_args()
    if known.names:
        print("\n".join(READERS))
        return
    for name in known.readers or READERS:
        started_s = time.monotonic()
        num_read, num_refused = run_cases(name, known.cases, known.seed)
        print(f"{name}: {num_read} read, {num_refused} refused, {time.monotonic() - started_s:.1f} s", flush=True)


if __name__ == "__main__":
    main()
