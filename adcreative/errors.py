"""Errors of the adcreative package. Every message is one sentence: expected, found, remedy.

AdCreativeError                     the CLI prints the sentence and exits with 2
|-- CatalogError(ValueError)        the folder or table as a whole cannot be used
|   `-- UnwritableError(OSError)    a file cannot be written: a full disk, a quota, no permission
|-- CreativeError(ValueError)       one creative cannot be used; in a batch it becomes a row of the failure table
|-- ConfigError(ValueError)         an option or a configuration file is wrong
|-- WeightsError(FileNotFoundError) a named weight is not on this machine and cannot be obtained
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
    """Return the text with user and password of each address replaced by "(hidden)", for any scheme or none; used for all text
    that is shown, logged or saved (RFC 3986, 3.2.1)."""
    return _USER_OF_ADDRESS.sub("(hidden)@", text) if "@" in text else text


def is_address(name: str) -> bool:
    """Return whether a model name is in fact an address, which may hold a password: "ftp://h", "user:pw@h", "user%3Apw@h"."""
    return "://" in name or re.search(r"(?::|%3a).*@", name, re.IGNORECASE) is not None


class AdCreativeError(Exception):
    """Base class of all errors that this package raises on purpose.

    A message of more than MAX_CHARACTERS keeps its start (the file) and its end (the remedy): quoted text in between, such as a
    column's name, may come from a damaged or hostile file and be as long as the file. Passwords in addresses are hidden.
    """

    def __init__(self, message: str = "") -> None:
        message = hide_passwords(message)
        if len(message) > MAX_CHARACTERS:
            message = f"{message[:1_400]} ... {message[-500:]}"
        super().__init__(message)


class CatalogError(AdCreativeError, ValueError):
    """The folder or table as a whole cannot be used."""


class UnwritableError(OSError, CatalogError):
    """A file cannot be written. Also an OSError, with the number and text of its cause."""

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
    """One creative cannot be used; `problem` is the reason, `remedy` the fix."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem, self.remedy = hide_passwords(problem), hide_passwords(remedy)

    def __reduce__(self) -> tuple[type[CreativeError], tuple[str, str]]:
        return type(self), (self.problem, self.remedy)  # unchanged when pickled from a worker process


class ConfigError(AdCreativeError, ValueError):
    """An option or a configuration file is wrong."""


class WeightsError(AdCreativeError, FileNotFoundError):
    """A named weight is not on this machine and cannot be obtained."""


class ArtifactError(AdCreativeError, ValueError):
    """A model folder is incomplete, of another version, or changed."""


class FeatureError(AdCreativeError, ValueError):
    """Features cannot be built, or do not fit the model."""


class TrainingError(AdCreativeError, ValueError):
    """The data is not sufficient or not suitable for training."""


class CopywriterError(AdCreativeError, RuntimeError):
    """The language model failed and no fallback was allowed."""


class EngineError(AdCreativeError, RuntimeError):
    """A worker process died, or the cluster cannot be reached."""
