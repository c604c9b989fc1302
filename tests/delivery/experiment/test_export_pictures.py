"""Pictures beside an export: light ones unchanged, heavy ones written anew within the limit, with mark and sidecar."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from adcreative.delivery.experiment.export import export_variants, list_pictures
from adcreative.delivery.experiment.export_pictures import PictureLimits, copy_picture
from adcreative.delivery.experiment.settings import ExportSettings
from adcreative.delivery.experiment.variants import Variant, read_variants
from adcreative.delivery.placements import placement_limit
from adcreative.errors import ConfigError, CreativeError
from adcreative.provenance.marks import EDITED, read_source_type
from adcreative.provenance.sidecar import export_picture, read_sidecar
from tests.delivery.conftest import result_row


@pytest.fixture
def variants(make_run: Callable[..., Path]) -> tuple[Variant, ...]:
    """Original and edit of one ad, both a photograph of 320 px; the edit has its mark and sidecar."""
    run, row = make_run([result_row(1)]), result_row(1)
    photo = np.ascontiguousarray(astronaut()[:320, 100:420])
    export_picture(run / row["edited_image"], photo, is_edited=True, result=row)
    export_picture(run / row["original_image"], photo, is_edited=False)
    return tuple(read_variants(run, "Spring"))


def test_a_heavy_picture_is_written_anew_with_its_mark_and_a_light_one_is_copied(
    variants: tuple[Variant, ...], tmp_path: Path
) -> None:
    variant = variants[1]
    source = variant.creative.image_path
    assert source is not None
    name, notes = copy_picture(variant, tmp_path / "meta.csv", PictureLimits(max_bytes=30_000))
    target = tmp_path / "meta-images" / name
    assert target.suffix == ".jpg"
    assert target.stat().st_size <= 30_000 < source.stat().st_size
    assert read_source_type(target) == EDITED
    said = read_sidecar(target)  # raises when the hash is not the file's
    assert said["encoded"]["from_sha256"] == read_sidecar(source)["picture_sha256"]
    assert "is written as JPEG of" in notes[0]
    light, notes = copy_picture(variant, tmp_path / "meta.csv", PictureLimits(max_bytes=10**6))
    assert (tmp_path / "meta-images" / light).read_bytes() == source.read_bytes()
    assert notes == []
    with pytest.raises(CreativeError, match=r"too heavy: .* Give a higher --max-bytes"):
        copy_picture(variant, tmp_path / "meta.csv", PictureLimits(max_bytes=500))


@pytest.mark.parametrize("file_format", ["avif", "webp"])
def test_an_export_names_the_files_that_it_wrote(variants: tuple[Variant, ...], tmp_path: Path, file_format: str) -> None:
    settings = ExportSettings(url="https://example.com", max_bytes=20_000, picture_formats=(file_format,))
    found = export_variants(variants, tmp_path / "ads.json", format="adcp", settings=settings)
    creatives = json.loads(found.path.read_text())["creatives"]
    for creative in creatives:
        asset = creative["manifest"]["assets"]["images_square"][0]
        assert asset["format"] == file_format
        assert (tmp_path / asset["url"]).stat().st_size <= 20_000
    listed = list_pictures(variants, tmp_path / "ads.json", format="adcp", settings=settings)
    assert set((tmp_path / "ads-images").iterdir()) <= set(listed)
    assert any(f"is written as {file_format.upper()}" in warning for warning in found.warnings)


def test_a_limit_or_format_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must have 0 bytes .* or more, got -1"):
        ExportSettings(url="https://example.com", max_bytes=-1)
    with pytest.raises(ConfigError, match='written as png, jpeg, webp, avif, got "gif"'):
        ExportSettings(url="https://example.com", picture_formats=("gif",))


def test_the_limit_is_that_of_the_placements_of_the_shape() -> None:
    assert placement_limit((1080, 1080)) == 5_242_880  # Google's, the lowest
    assert placement_limit((1080, 1080), platform="meta") == 31_457_280
    assert placement_limit((500, 100)) == 0
