"""The machine-readable mark inside an exported picture: IPTC DigitalSourceType in XMP, for PNG, JPEG and WebP.

Input pixels are upright and in sRGB (catalog.images), so the original's orientation tag becomes 1 and its colour profile
becomes sRGB: the picture looks like the original. From the original's EXIF, only description, artist, copyright and time are
kept; place, serial numbers and thumbnails are dropped. Other programs and ad servers often drop the mark when saving the
picture; the sidecar holds the same information.

Source: IPTC Photo Metadata 2025.1, Digital Source Type NewsCodes (cv.iptc.org/newscodes/digitalsourcetype).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from adcreative import __version__
from adcreative.provenance.errors import ProvenanceError

EDITED = "compositeWithTrainedAlgorithmicMedia"  # a picture with parts made by a trained model
GENERATED = "trainedAlgorithmicMedia"  # a picture made completely by a trained model
TOOL = f"adcreative {__version__}"
_NEWSCODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_FORMATS: Mapping[str, Mapping[str, Any]] = {
    "PNG": {"compress_level": 3},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}
FULL_COLOUR = 90  # quality of JPEG and AVIF from which colours have the full resolution
_SOURCE_TYPE = re.compile(rb"DigitalSourceType[\s>\"'=]*(?:rdf:resource=[\"'])?" + re.escape(_NEWSCODES).encode() + rb"(\w+)")
_KEPT_EXIF = (0x010E, 0x013B, 0x8298, 0x0132)  # ImageDescription, Artist, Copyright, DateTime
_ORIENTATION = 0x0112
_READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")


def source_type_xmp(source_type: str) -> bytes:
    """Return an XMP packet with the digital source type and the tool's name."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
        f"<Iptc4xmpExt:DigitalSourceType>{_NEWSCODES}{escape(source_type)}</Iptc4xmpExt:DigitalSourceType>"
        f"<xmp:CreatorTool>{escape(TOOL)}</xmp:CreatorTool>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def read_source_type(path: Path) -> str:
    """Return the digital source type in a picture file, such as "trainedAlgorithmicMedia", or "" if the file has none."""
    try:
        with Image.open(path, formats=_READABLE) as image:
            return _stated_type(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ProvenanceError(f"{Path(path).name} cannot be read as a picture ({error}). Name a picture file.") from error


def encode_picture(
    image_u8: np.ndarray,
    file_format: str = "PNG",
    *,
    is_edited: bool,
    original_path: Path | None = None,
    quality: int | None = None,
) -> bytes:
    """Encode a picture, with the mark if a model made parts of it; equal input gives equal bytes.

    Args:
        image_u8: [H, W, 3] uint8 sRGB, upright.
        file_format: "PNG" and "WEBP" are lossless, "JPEG" and "AVIF" have quality 95 at full colour resolution.
        is_edited: False leaves the mark out: the pixels are unchanged from the original.
        original_path: the source file; its author, copyright and profile are kept, and if it is marked as generated completely,
            the edited picture is marked so, too.
        quality: 1 to 100, for "JPEG", "WEBP" and "AVIF"; below FULL_COLOUR, colours have half the resolution.
    Raises:
        ProvenanceError: another format.
    """
    if file_format not in _FORMATS:
        raise ProvenanceError(f'pictures are written as {", ".join(_FORMATS)}, not "{file_format}".')
    options: dict[str, Any] = dict(_FORMATS[file_format])
    if quality is not None and file_format != "PNG":
        subsampling = "4:4:4" if quality >= FULL_COLOUR else "4:2:0"
        options = {"quality": quality} | ({} if file_format == "WEBP" else {"subsampling": subsampling})
    source_type, exif, has_profile = _read_original(original_path)
    if len(exif):
        options["exif"] = exif.tobytes()
    if has_profile:
        options["icc_profile"] = _srgb_profile()
    mark = (GENERATED if source_type == GENERATED else EDITED) if is_edited else source_type
    if mark:
        packet = source_type_xmp(mark)
        if file_format == "PNG":
            text = PngImagePlugin.PngInfo()
            text.add_itxt("XML:com.adobe.xmp", packet.decode())
            options["pnginfo"] = text
        else:
            options["xmp"] = packet
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, file_format, **options)
    return buffer.getvalue()


def _read_original(path: Path | None) -> tuple[str, Image.Exif, bool]:
    """Return the metadata kept from the original: source type, EXIF, and whether the file had a colour profile."""
    exif = Image.Exif()
    if path is None:
        return "", exif, False
    try:
        with Image.open(path, formats=_READABLE) as image:
            found = image.getexif()
            for tag in _KEPT_EXIF:
                if isinstance(found.get(tag), str) and found[tag].strip("\0 "):
                    exif[tag] = found[tag][:2000]
            if _ORIENTATION in found:
                exif[_ORIENTATION] = 1
            return _stated_type(image), exif, bool(image.info.get("icc_profile"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # only the metadata is lost
        return "", Image.Exif(), False


def _stated_type(image: Image.Image) -> str:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    found = _SOURCE_TYPE.search(packet.encode() if isinstance(packet, str) else packet)
    return found.group(1).decode() if found else ""


def _srgb_profile() -> bytes:
    """Return an sRGB profile without a creation time, so that equal pictures give equal files."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes((7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))  # 2000-01-01, ICC.1:2022 7.2.1
    return bytes(profile)
