"""The verb `convert_weights`: convert a face model of another project to our format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adcreative.errors import ArtifactError

if TYPE_CHECKING:
    from stylegan.foreign import ConversionSummary


def convert_weights(source: Path, out: Path) -> ConversionSummary:
    """Convert a StyleGAN2 or e4e checkpoint of another project to a face-model folder, without running code of the file.

    Raises:
        ArtifactError: the file is of another kind, incomplete, damaged, or asks to run code; nothing is written.
    """
    from stylegan.errors import StyleGANError
    from stylegan.foreign import convert_weights as convert

    try:
        return convert(Path(source), Path(out))
    except StyleGANError as error:
        raise ArtifactError(str(error)) from error
