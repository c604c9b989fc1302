"""Turn a function into a command: settings records become flags, a summary becomes the printed output.

@commands.command(rich_help_panel=PANEL)
@shown
def score(data: Data, out: Out, settings: ScoreSettings, **callbacks: Unpack[Callbacks]) -> Done:
    return pipeline.score(data, out, settings, **callbacks), "creative{s} scored"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer
from typer.models import ParameterInfo

from adcreative.cli.progress import finish, verb
from adcreative.options import AsJson

if TYPE_CHECKING:
    from adcreative.pipeline import RunSummary

    Done = tuple[RunSummary, str]  # a summary, and the counted item, such as "creative{s} scored"
else:
    Done = tuple  # a command loads its summary's module when it is called

Options = dict[str, Any]
Command = TypeVar("Command", bound=Callable[..., None])
Result = TypeVar("Result")
_LISTS: dict[Any, Any] = {Sequence[str]: list[str], Sequence[str] | None: list[str] | None}  # typer's type for a sequence


def flags(body: Callable[..., Result]) -> Callable[..., Result]:
    """Return a command with one flag for each annotated field of the settings records in the signature of `body`."""
    parameters, take = _spread(body)

    @wraps(body)
    def command(**options: object) -> Result:
        return body(**take(options))

    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return command


def shown(body: Callable[..., Done]) -> Callable[..., None]:
    """Return a command as in `flags`, with --json: runs as a verb with progress and stop, and prints its summary.

    `body` takes `**callbacks` (progress and should_stop), or neither if it is fast.
    """
    parameters, take = _spread(body)
    takes_callbacks = any(one.kind is Parameter.VAR_KEYWORD for one in signature(body).parameters.values())

    @wraps(body)
    def command(*, as_json: bool, **options: object) -> None:
        with verb(as_json) as (progress, should_stop):
            callbacks: dict[str, Any] = {"progress": progress, "should_stop": should_stop} if takes_callbacks else {}
            summary, noun = body(**take(options), **callbacks)
        finish(summary, noun, as_json=as_json)

    as_json = Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=AsJson)
    command.__signature__ = Signature([*parameters, as_json])  # type: ignore[attr-defined]
    return command


def in_group(group: typer.Typer, program: typer.Typer) -> Callable[..., Callable[[Command], Command]]:
    """Return a decorator that registers a command in a group, and hidden in the program under its name of version 1.0."""

    def named(name: str, *, old: str = "") -> Callable[[Command], Command]:
        def register(command: Command) -> Command:
            group.command(name)(command)
            program.command(old or name, hidden=True)(command)
            return command

        return register

    return named


def _spread(body: Callable[..., Any]) -> tuple[list[Parameter], Callable[[Options], Options]]:
    """Return the flat parameters of a command, and a function that collects their values into the records of `body`."""
    hints = get_type_hints(body, include_extras=True)
    given = [one for one in signature(body).parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
    records = {one.name: {flag.name: flag for flag in _flags_of(hints[one.name])} for one in given}
    plain = [one.replace(annotation=hints[one.name], kind=Parameter.KEYWORD_ONLY) for one in given]
    parameters = [flat for one in plain for flat in (records[one.name].values() or (one,))]

    def take(options: Options) -> Options:
        return {
            name: hints[name](**{flag: options[flag] for flag in own}) if own else options[name]
            for name, own in records.items()
        }

    return parameters, take


def _flags_of(record: object) -> Iterator[Parameter]:
    """Yield a parameter for each field of a settings record that has a flag; nothing for other types.

    In the help the flags form a panel, with the first sentence of the record's docstring as title.
    """
    if not is_dataclass(record):
        return
    for name, hint in get_type_hints(record, include_extras=True).items():
        flag = next((note for note in getattr(hint, "__metadata__", ()) if isinstance(note, ParameterInfo)), None)
        if flag is not None:
            taken = _LISTS.get(hint.__origin__, hint.__origin__)
            default = getattr(record, name, Parameter.empty)
            flag = copy(flag)
            flag.rich_help_panel = str(record.__doc__).partition(".")[0]
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[taken, flag])
