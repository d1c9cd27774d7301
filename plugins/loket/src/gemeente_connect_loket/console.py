"""The command `mijn-loket`: import the register of residents, and serve the page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from gemeente_connect.errors import ConfigError, GemeenteConnectError, StorageError
from gemeente_connect_loket.store import AMSTERDAM, Store

_database = click.option(
    "--database",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The SQLite file of the case system 'loket'.",
)


class _Group(click.Group):
    """Shows an error of ours as one clear line, with its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GemeenteConnectError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2 if isinstance(error, ConfigError) else 75 if isinstance(error, StorageError) else 1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gemeente-connect-loket")
def main() -> None:
    """Mijn Loket: the page on which residents find their questions, and the register of who they are."""


@main.group()
def residents() -> None:
    """Who holds which address: what ties conversations to residents."""


@residents.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_database
@click.option(
    "--before-verification-days",
    type=click.IntRange(0, 36500),
    default=0,
    show_default=True,
    help="How long before its verification an address without valid_from already ties its holder.",
)
def import_residents(file: Path, database: Path, before_verification_days: int) -> None:
    """Put FILE (CSV) in the place of the register.

    Columns: bsn, name, kind, address, verified_at, valid_from, valid_until. The file is checked whole before anything
    is written.
    """
    from gemeente_connect_loket.register import Counts, import_register, read_register

    def line(what: str, counts: Counts) -> str:
        return f"{what}: {counts.total} ({counts.new} new, {counts.changed} changed, {counts.gone} gone)"

    rows = read_register(file)
    store = Store(database)
    try:
        done = import_register(store, rows, before_verification_days=before_verification_days)
    finally:
        store.close()
    click.echo(line("residents", done.residents))
    click.echo(line("addresses", done.addresses))
    if before_verification_days:
        click.echo(f"a verification reaches back {before_verification_days} days")
    if done.overlapping:
        pairs = ", ".join(f"{one} and {other}" for one, other in done.overlapping[:20])
        click.echo(
            f"warning: {len(done.overlapping)} times one address is verified for two residents at the same time, and "
            f"nobody finds those messages: lines {pairs}",
            err=True,
        )


@residents.command("list")
@_database
def list_residents(database: Path) -> None:
    """Show the register, masked: enough to check an import by."""
    from gemeente_connect_loket import register

    store = Store(database)
    try:
        people = register.residents(store)
    finally:
        store.close()
    for bsn, name, addresses in people:
        click.echo(f"*******{bsn[-2:]}  {name[:1]}…")
        for each in addresses:
            verified = f"verified {_day(each.verified_at)}" if each.verified_at else "not verified: ties nothing"
            since = f", valid from {_day(each.valid_from)}" if each.valid_from else ""
            until = f", valid until {_day(each.valid_until)}" if each.valid_until else ""
            click.echo(f"    {each.kind} …{each.value[-2:]}: {verified}{since}{until}")
    click.echo(f"{len(people)} residents")


def _day(moment: datetime) -> str:
    return moment.astimezone(AMSTERDAM).date().isoformat()


@main.command()
@_database
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8321, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--demo", is_flag=True, help="Let anybody on this computer choose who they are. For made-up data only.")
@click.option("--identity-header", metavar="NAME", help="The header in which the proxy gives the BSN.")
@click.option(
    "--trusted-proxy", metavar="ADDRESS", multiple=True, help="An address or network that may set it; repeatable."
)
@click.option("--sign-out-url", metavar="URL", help="Where the identity provider signs a resident out.")
@click.option(
    "--theme",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The municipality's NL Design System stylesheet, in the place of ours.",
)
@click.option("--municipality", default="Voorbeeldstad", show_default=True, help="Its name, without 'gemeente'.")
def serve(database: Path, host: str, port: int, **options: Any) -> None:
    """Serve the Mijn Loket page. Stop it with Ctrl-C."""
    from gemeente_connect_loket.web.server import listen

    store = Store(database)
    try:
        listen(store, host=host, port=port, **options)
    finally:
        store.close()
