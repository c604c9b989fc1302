"""The models trained or uploaded by an owner: name, choose, download as a folder, upload. Without Gradio.

A model is a folder of the command `train`, zipped for transfer, so models move freely between the app and the command line.
A workspace stores all models, and restores the chosen model after a restart.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from adcreative.catalog.zips import Allowance, ZipReader
from adcreative.errors import AdCreativeError
from adcreative.provenance.sidecar import write_whole

from ..sessions.owners import KEPT
from .one_ad import Handlers

FOLDER, CHOSEN, CARD = "training", "chosen.json", "README.md"
MAX_BYTES, MAX_FILES = 1024**3, 500  # limits of an uploaded model: the shipped one has 30 files and 60 MB
MAX_NAME = 60
NOT_A_MODEL = (
    "This zip holds no model: a folder that “train” wrote has a predictor, a judge and an auditor. Choose another file."
)


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models of each owner. A note file next to a model's folder holds the model's name and training record."""

    handlers: Handlers

    def __post_init__(self) -> None:
        """In a workspace, restore the chosen model, and delete the remains of a killed training."""
        owner = f"{KEPT}."
        if self.handlers.kept_dir is None:
            return
        for path in self.folder(owner).glob("*/"):
            if not self._note(path).is_file():
                shutil.rmtree(path, ignore_errors=True)
        chosen = self.folder(owner) / CHOSEN
        found = self._find(owner, json.loads(chosen.read_text(encoding="utf-8"))["model"]) if chosen.is_file() else None
        if found is not None:
            self.handlers.choices.kept_models[owner] = found

    def folder(self, owner: str) -> Path:
        """Return the folder of the owner's models."""
        return self.handlers.owner_dir(owner) / FOLDER

    def names(self, owner: str) -> list[tuple[str, str]]:
        """Return name and id of each model, the latest first."""
        found = [(path.stem, self._read(path)) for path in self.folder(owner).glob("*.json") if path.name != CHOSEN]
        found = [(name, note) for name, note in found if "called" in note]
        return [(note["called"], name) for name, note in sorted(found, key=lambda one: str(one[1]["at"]), reverse=True)]

    def chosen(self, owner: str) -> str:
        """Return the id of the model that scores the owner's ads; "" for the shipped model."""
        path = self.folder(owner) / CHOSEN
        name = str(self._read(path).get("model", "")) if path.is_file() else ""
        return name if self._find(owner, name) is not None else ""

    def keep(self, owner: str, model_dir: Path, record: Mapping[str, Any], called: str = "") -> None:
        """Store the name and the training record of a model in the owner's folder."""
        at = datetime.now(UTC).astimezone()
        num_ads = record.get("ads")
        called = called.strip()[:MAX_NAME] or f"{f'{num_ads:,} ads, ' if num_ads else ''}{at:%-d %B %Y, %H:%M}"
        note = {"called": called, "at": at.isoformat(), "record": dict(record)}
        write_whole(self._note(model_dir), json.dumps(note, ensure_ascii=False).encode())

    def choose(self, owner: str, name: str | None) -> None:
        """Score the owner's ads with this model from now on; without a name, with the shipped model.

        Raises:
            AdCreativeError: the model does not exist, or is damaged.
        """
        found = self._find(owner, name) if name else None
        if name and found is None:
            raise AdCreativeError("There is no such model any more. Choose another one.")
        own = None if found is None else self.handlers.choices.general_of(owner).with_model(found)
        self.handlers.use_own(owner, own)
        write_whole(self.folder(owner) / CHOSEN, json.dumps({"model": name or ""}).encode())

    def rename(self, owner: str, name: str, called: str) -> None:
        """Rename a model."""
        found = self._find(owner, name)
        if found is not None and called.strip():
            note = {**self._read(self._note(found)), "called": called.strip()[:MAX_NAME]}
            write_whole(self._note(found), json.dumps(note, ensure_ascii=False).encode())

    def record(self, owner: str, name: str) -> dict[str, Any]:
        """Return the training record of a model; empty for an uploaded model."""
        found = self._find(owner, name)
        return {} if found is None else dict(self._read(self._note(found)).get("record") or {})

    def card(self, owner: str, name: str) -> Path | None:
        found = self._find(owner, name)
        return found / CARD if found is not None and (found / CARD).is_file() else None

    def pack(self, owner: str, name: str | None) -> Path:
        """Write a model as a zip of its folder, usable on the command line once unpacked.

        Raises:
            AdCreativeError: there is no such model.
        """
        found = self._find(owner, name)
        if found is None:
            raise AdCreativeError("Choose one of your models first.")
        path = self.folder(owner) / "model.zip"
        with zipfile.ZipFile(path, "w") as archive:  # weights hardly compress
            for member in sorted(found.rglob("*")):
                if member.is_file() and not member.is_symlink():
                    archive.write(member, f"model/{member.relative_to(found).as_posix()}")
        return path

    def bring(self, owner: str, package: str | None) -> None:
        """Add a model from the zip of a folder, and choose the model.

        Raises:
            AdCreativeError: no zip, a zip over the limits, or no model in the zip.
        """
        if not package:
            raise AdCreativeError("Choose the zip of a model first.")
        self.handlers.belongings.note(owner, package)
        model_dir = self.folder(owner) / uuid4().hex[:12]
        with ZipReader(Path(package), Allowance(MAX_BYTES, MAX_FILES)) as archive:
            names = [one.filename for one in archive.members if not one.is_dir()]
            roots = sorted(
                name.removesuffix("predictor/manifest.json") for name in names if name.endswith("predictor/manifest.json")
            )
            if not roots:
                raise AdCreativeError(NOT_A_MODEL)
            for one in archive.members:
                inside = one.filename.removeprefix(roots[0])
                if one.is_dir() or not one.filename.startswith(roots[0]):
                    continue
                path = model_dir / inside
                if not path.resolve().is_relative_to(model_dir.resolve()):
                    shutil.rmtree(model_dir, ignore_errors=True)
                    raise AdCreativeError(NOT_A_MODEL)
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with path.open("xb") as target:
                    target.writelines(archive.stream(one, MAX_BYTES))
        self.keep(owner, model_dir, {}, called=Path(package).stem)
        try:
            self.choose(owner, model_dir.name)
        except AdCreativeError:
            self.delete(owner, model_dir.name)
            raise

    def delete(self, owner: str, name: str | None) -> None:
        """Delete a model; after a deletion of the chosen model, the shipped model scores."""
        found = self._find(owner, name)
        if found is None:
            return
        if self.chosen(owner) == name:
            self.choose(owner, "")
        self._note(found).unlink(missing_ok=True)
        shutil.rmtree(found, ignore_errors=True)

    def _find(self, owner: str, name: str | None) -> Path | None:
        """Return the folder of one of the owner's models."""
        found = self.folder(owner) / (name or "")
        return found if name and Path(name).name == name and self._note(found).is_file() and found.is_dir() else None

    @staticmethod
    def _note(model_dir: Path) -> Path:
        return model_dir.with_name(f"{model_dir.name}.json")

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
