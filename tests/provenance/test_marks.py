from __future__ import annotations

import io
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageCms

from adcreative.catalog.images import read_image
from adcreative.creative import Edit, EditResult
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import EDITED, GENERATED, encode_picture, read_source_type, source_type_xmp
from adcreative.provenance.sidecar import (
    approve_sidecar,
    build_sidecar,
    copy_sidecar,
    read_sidecar,
    sidecar_path,
    write_sidecar,
)

NOISE = np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
FORMATS = ("PNG", "JPEG", "WEBP")


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_edited_picture_says_so_and_is_the_same_file_each_time(tmp_path: Path, file_format: str) -> None:
    content = encode_picture(NOISE, file_format, is_edited=True)
    (tmp_path / "a").write_bytes(content)
    assert read_source_type(tmp_path / "a") == EDITED == "compositeWithTrainedAlgorithmicMedia"
    assert content == encode_picture(NOISE, file_format, is_edited=True)
    if file_format != "JPEG":
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")), NOISE)


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_untouched_picture_is_not_marked(tmp_path: Path, file_format: str) -> None:
    (tmp_path / "a").write_bytes(encode_picture(NOISE, file_format, is_edited=False))
    assert read_source_type(tmp_path / "a") == ""


def test_the_packet_is_xml_with_the_iptc_term() -> None:
    root = ElementTree.fromstring(source_type_xmp(EDITED))
    (found,) = root.iter("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert found.text == f"http://cv.iptc.org/newscodes/digitalsourcetype/{EDITED}"


@pytest.mark.parametrize("file_format", FORMATS)
def test_orientation_profile_and_author_survive_the_export(tmp_path: Path, file_format: str) -> None:
    """The original lies on its side in its file; the export must look the same through any viewer."""
    exif = Image.Exif()
    exif[0x0112], exif[0x8298], exif[0x013B] = 6, "(c) Studio Example", "Ada"
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(NOISE).save(tmp_path / "o.jpg", quality=98, subsampling=0, exif=exif.tobytes(), icc_profile=profile)
    pixels = read_image(tmp_path / "o.jpg")
    assert pixels.shape == (90, 70, 3)
    (tmp_path / "e").write_bytes(encode_picture(pixels, file_format, is_edited=True, original_path=tmp_path / "o.jpg"))
    np.testing.assert_allclose(read_image(tmp_path / "e").astype(int), pixels, atol=25 if file_format == "JPEG" else 0)
    with Image.open(tmp_path / "e") as image:
        found = image.getexif()
        assert (found[0x0112], found[0x8298], found[0x013B]) == (1, "(c) Studio Example", "Ada")
        assert not found.get_ifd(0x8825)
        assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"])))


def test_a_generated_picture_stays_generated(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "o.jpg", xmp=source_type_xmp(GENERATED))
    for is_edited in (True, False):
        (tmp_path / "e.png").write_bytes(encode_picture(NOISE, is_edited=is_edited, original_path=tmp_path / "o.jpg"))
        assert read_source_type(tmp_path / "e.png") == GENERATED


def test_what_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match='written as PNG, JPEG, WEBP, AVIF, not "GIF"'):
        encode_picture(NOISE, "GIF", is_edited=True)
    (tmp_path / "x.png").write_text("hello")
    with pytest.raises(ProvenanceError, match=r"x\.png cannot be read as a picture"):
        read_source_type(tmp_path / "x.png")
    assert encode_picture(NOISE, is_edited=False, original_path=tmp_path / "x.png")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(encode_picture(NOISE, is_edited=True))
    return tmp_path / "a.png"


def sidecar(picture_path: Path, **changes: Any) -> dict[str, Any]:
    values = {
        "file_name": "ad.jpg",
        "status": "edited",
        "headline_original": "Shoes",
        "headline_edited": "Dry feet",
        "seed": 4,
        "edits": (Edit(face=0, direction="smile", strength=1.25),),
        "consent_id": "c-7",
    }
    result = EditResult(**{**values, **changes}).as_dict()
    return build_sidecar(result, picture_path, models={"predictor": "p" * 64, "faces": "f" * 64})


def test_the_sidecar_says_what_was_done_with_what_and_on_whose_consent(exported: Path) -> None:
    path = write_sidecar(exported, sidecar(exported))
    assert path == sidecar_path(exported)
    found = json.loads(path.read_text())
    assert found == read_sidecar(exported)
    assert found["edits"] == [{"face": 0, "direction": "smile", "strength": 1.25, "shown": None}]
    assert found["words"] == {"headline": {"original": "Shoes", "delivered": "Dry feet"}}
    assert (found["consent_id"], found["digital_source_type"], found["human_approval"]) == ("c-7", EDITED, None)
    assert found["models"] == {"faces": "f" * 64, "predictor": "p" * 64}
    assert found["ai_tool"]["version"]


def test_a_copy_takes_its_sidecar_along(exported: Path, tmp_path: Path) -> None:
    write_sidecar(exported, sidecar(exported))
    copy_path = tmp_path / "upload" / "ad-1.png"
    copy_path.parent.mkdir()
    shutil.copyfile(exported, copy_path)
    copy_sidecar(exported, copy_path)
    assert read_sidecar(copy_path) == read_sidecar(exported) | {"picture": "ad-1.png"}
    sidecar_path(exported).unlink()
    sidecar_path(copy_path).unlink()
    copy_sidecar(exported, copy_path)
    assert not sidecar_path(copy_path).exists()


def test_an_approval_is_noted_with_name_and_time(exported: Path) -> None:
    write_sidecar(exported, sidecar(exported))
    approve_sidecar(exported, by=" Mia ", at=datetime(2026, 11, 24, 9, 0, tzinfo=UTC))
    assert read_sidecar(exported)["human_approval"] == {"by": "Mia", "at": "2026-11-24T09:00:00+00:00"}
    with pytest.raises(ProvenanceError, match="name of who approved"):
        approve_sidecar(exported, by=" ", at=datetime.now(UTC))
    with pytest.raises(ProvenanceError, match="needs a zone"):
        approve_sidecar(exported, by="Mia", at=datetime(2026, 11, 24))


def test_a_picture_changed_after_export_is_not_approved(exported: Path) -> None:
    write_sidecar(exported, sidecar(exported))
    exported.write_bytes(encode_picture(NOISE // 2, is_edited=True))
    with pytest.raises(ProvenanceError, match=r"a\.png was changed after its sidecar"):
        approve_sidecar(exported, by="Mia", at=datetime.now(UTC))


@pytest.mark.parametrize("content", ["", "[1]", '{"format": 9}'])
def test_a_damaged_sidecar_is_named(exported: Path, content: str) -> None:
    sidecar_path(exported).write_text(content)
    with pytest.raises(ProvenanceError, match=r"a\.png\.provenance\.json"):
        read_sidecar(exported)
