"""Errors of the stylegan package.

StyleGANError
|-- ShapeError(ValueError)          a tensor or an image has another shape than the call needs
|-- CheckpointError(ValueError)     a weight file is incomplete, of another kind, or changed
|-- InversionError(ValueError)      a face picture cannot be inverted
`-- DirectionError(ValueError)      an edit direction is unknown, or its strength lies outside the safe range
"""


class StyleGANError(Exception):
    """Base class of all errors that this package raises intentionally."""


class ShapeError(StyleGANError, ValueError):
    """A tensor or an image has another shape, type or range than the call needs."""


class CheckpointError(StyleGANError, ValueError):
    """A weight file is incomplete, of another kind than asked for, or changed."""


class InversionError(StyleGANError, ValueError):
    """A face picture cannot be inverted."""


class DirectionError(StyleGANError, ValueError):
    """An edit direction is unknown, or a strength lies outside its safe range."""
