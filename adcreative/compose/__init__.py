"""Ads composed from parts: a photo, a logo, colours, typefaces and messages, arranged by layouts as data (`layouts/`)."""

from importlib.util import find_spec

from adcreative.errors import ConfigError

if find_spec("cv2") is None or find_spec("skia") is None:
    raise ConfigError('ads are composed with packages that are not installed here: pip install "adcreative[picture]"')
