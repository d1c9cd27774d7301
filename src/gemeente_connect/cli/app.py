"""The program: finds the command, and turns whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from gemeente_connect import __version__
from gemeente_connect.cli import options
from gemeente_connect.cli.options import Wishes

COMMANDS = {
    "sync": ("running", "Collect from channels, then deliver to case systems."),
    "collect": ("running", "Read what is new in the channels, and deliver nothing."),
    "deliver": ("running", "Deliver what was collected before and has something new."),
    "receive": ("receiving", "Receive what channels are pushed, and keep it in the ledger."),
    "plan": ("planning", "Say what a sync would deliver, and whether it would be found. Writes nothing."),
    "check": ("checking", "Check settings, connections and credentials. Writes nothing."),
    "plugins": ("checking", "List the channels and case systems that are installed."),
    "refused": ("refused", "List, show, retry or drop what needs a person."),
    "reconcile": ("mending", "Compare the ledger with what a case system holds now. Writes nothing."),
    "adopt": ("mending", "Rebuild a lost ledger from a case system, so that nothing is delivered there twice."),
    "detach": ("mending", "Take a conversation away from a resident it was wrongly tied to, for ever."),
    "reply": ("replying", "Answer a resident in the channel they wrote in. Sends one message, once."),
    "stats": ("stats", "Count conversations by channel and month: as a table, CSV or a picture."),
}
"""By name, the module a command lives in and what `--help` says of it, so that help loads none of them."""


class _Commands(click.Group):
    """Loads a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"gemeente_connect.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from gemeente_connect.contracts import did_you_mean

            ctx.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@options.main
def app() -> None:
    """Conversations of residents, from messaging channels into case systems, and findable there."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line, without the name of the program, and give its exit code. Raises nothing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a character shows its number
            stream.reconfigure(errors="backslashreplace")
    wishes = Wishes()
    try:
        return int(app.main(list(arguments), prog_name="gemeente-connect", standalone_mode=False, obj=wishes) or 0)
    except click.Abort:
        sys.stderr.write("interrupted: what was done stays done, and the next run goes on from there\n")
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except Exception as error:  # noqa: BLE001 - the last place where it can be told in one line
        from gemeente_connect.cli.failing import failed

        return failed(error, wishes)
