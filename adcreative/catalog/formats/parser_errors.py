"""Convert exceptions of foreign file parsers to AdCreativeErrors; see `catalog.boundary`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from adcreative.errors import AdCreativeError, CatalogError

_MAX_REASON_CHARS = 120


@contextmanager
def typed(name: str) -> Iterator[None]:
    """Turn every exception of the block into a CatalogError that names the file; AdCreativeErrors pass unchanged.

    Raises:
        CatalogError: the block raised any other exception; the message quotes the parser.
    """
    try:
        yield
    except AdCreativeError:
        raise
    except OSError as error:
        raise CatalogError(f"{name} cannot be read ({error.strerror or _shorten(error)}). Check the file.") from error
    except Exception as error:
        raise CatalogError(
            f"{name} cannot be read as a table ({_shorten(error)}). Export it again, or save it as CSV (UTF-8)."
        ) from error


def _shorten(error: BaseException) -> str:
    """Return the type and the first line of an exception, without control characters, at most 120 characters."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(error)).split())
    return f"{type(error).__name__}: {text}"[:_MAX_REASON_CHARS] if text else type(error).__name__
