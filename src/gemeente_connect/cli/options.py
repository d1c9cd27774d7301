"""The options that every command takes, before or after its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

Form = Literal["text", "json", "markdown"]


class Wishes:
    """What the options that every command takes ask for."""

    def __init__(self) -> None:
        self.config = Path("gemeente-connect.toml")
        self.form: Form = "text"
        self.quiet = False
        self.debug = False


def wish(name: str, *declarations: str, **attributes: Any) -> Callable[[FunctionT], FunctionT]:
    """Declare an option that sets an attribute of the wishes, and is no argument of the command."""

    def keep(context: click.Context, _: click.Parameter, value: object) -> None:
        if value:
            setattr(context.ensure_object(Wishes), name, value)

    return click.option(*declarations, expose_value=False, callback=keep, **attributes)


def common(command: FunctionT) -> FunctionT:
    """Add the options that every command takes."""
    return _common(command)


def main(command: FunctionT) -> FunctionT:
    """Add the same to the program itself, where the environment may name the configuration too."""
    return _common(command, envvar="GEMEENTE_CONNECT_CONFIG")


def _common(command: FunctionT, *, envvar: str | None = None) -> FunctionT:
    kind = click.Path(path_type=Path, dir_okay=False)
    where = "The configuration.  [default: $GEMEENTE_CONNECT_CONFIG, else gemeente-connect.toml]"
    command = wish("debug", "--debug", is_flag=True, help="Show tracebacks. They may hold personal data.")(command)
    command = wish("quiet", "-q", "--quiet", is_flag=True, help="No progress.")(command)
    command = wish("form", "--json", flag_value="json", help="One JSON object on stdout, and nothing else.")(command)
    return wish("config", "--config", metavar="FILE", type=kind, envvar=envvar, help=where)(command)
