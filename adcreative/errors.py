"""Errors of the adcreative package. Every message is one sentence: what was expected, what came, what to do.

AdCreativeError                     the CLI prints the sentence and exits with 2
|-- CatalogError(ValueError)        the folder or table as a whole cannot be used
|   `-- UnwritableError(OSError)    a file cannot be written: a full disk, a quota, no permission
|-- CreativeError(ValueError)       one creative cannot be used; in a batch it becomes a row of the failure table
|-- ConfigError(ValueError)         an option or a configuration file is wrong
|-- WeightsError(FileNotFoundError) a named weight is not here and cannot be had
|-- ArtifactError(ValueError)       a model folder is incomplete, of another version, or changed
|-- FeatureError(ValueError)        features cannot be built or do not fit the model
|-- TrainingError(ValueError)       the data cannot be learnt from
|-- CopywriterError(RuntimeError)   the language model failed and no fallback was allowed
`-- EngineError(RuntimeError)       a worker process died, or the cluster cannot be reached
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 2_000
_USER_OF_ADDRESS = re.compile(r"(?<=//)(?:[^\s/]*|[^\s/@]*:\S*)@|(?<![\w.%+-])[\w.%+-]+:[^\s/@]+@(?=[\w\[])")


def hide_passwords(text: str) -> str:
    """Return the text with "(hidden)" for the user and password of each address in it, of any scheme or none: what is shown,
    logged or saved goes through here (RFC 3986, 3.2.1)."""
    return _USER_OF_ADDRESS.sub("(hidden)@", text) if "@" in text else text


def is_address(name: str) -> bool:
    """Return whether what should be the name of a model is an address, which may hold a password: "ftp://h", "user:pw@h"."""
    return "://" in name or re.search(r":.*@", name) is not None


class AdCreativeError(Exception):
    """Root of everything this package raises on purpose.

    A message of more than MAX_CHARACTERS keeps its beginning (which file) and its end (what to do): what it quotes in between,
    such as a column's name, may come from a damaged or hostile file and be as long as the file. No message shows a password of
    an address.
    """

    def __init__(self, message: str = "") -> None:
        message = hide_passwords(message)
        if len(message) > MAX_CHARACTERS:
            message = f"{message[:1_400]} ... {message[-500:]}"
        super().__init__(message)


class CatalogError(AdCreativeError, ValueError):
    """The folder or table as a whole cannot be used."""


class UnwritableError(OSError, CatalogError):
    """A file cannot be written. Also an OSError, with the number and words of the one that caused it."""

    def __init__(self, message: str, cause: OSError | None = None) -> None:
        AdCreativeError.__init__(self, message)
        self._message = str(self.args[0])
        if cause is not None:
            self.errno, self.strerror, self.filename = cause.errno, cause.strerror, cause.filename

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> tuple[type[UnwritableError], tuple[str]]:
        return type(self), (self._message,)


class CreativeError(AdCreativeError, ValueError):
    """One creative cannot be used; `problem` says why and `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem, self.remedy = hide_passwords(problem), hide_passwords(remedy)

    def __reduce__(self) -> tuple[type[CreativeError], tuple[str, str]]:
        return type(self), (self.problem, self.remedy)  # so that it comes out of a worker process as it was


class ConfigError(AdCreativeError, ValueError):
    """An option or a configuration file is wrong."""


class WeightsError(AdCreativeError, FileNotFoundError):
    """A named weight is not on this machine and cannot be had."""


class ArtifactError(AdCreativeError, ValueError):
    """A model folder is incomplete, of another version, or changed."""


class FeatureError(AdCreativeError, ValueError):
    """Features cannot be built, or do not fit the model."""


class TrainingError(AdCreativeError, ValueError):
    """The data cannot be learnt from."""


class CopywriterError(AdCreativeError, RuntimeError):
    """The language model failed and no fallback was allowed."""


class EngineError(AdCreativeError, RuntimeError):
    """A worker process died, or the cluster cannot be reached."""
