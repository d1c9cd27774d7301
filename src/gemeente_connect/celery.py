"""The same two units, collect and deliver, as Celery tasks, for a ledger on PostgreSQL.

A worker reads the configuration that `GEMEENTE_CONNECT_CONFIG` names, and the broker from `CELERY_BROKER_URL`:

    celery -A gemeente_connect.celery worker

Each channel and case system has a queue of its own, so that a worker can be given those of one rate budget (`-Q`); a
worker that is given none serves all. Arguments are names of the configuration and numbers, never personal data, and
results are ignored: the ledger says what was done. A task may be run twice, or killed at any point, like every run.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import celeryd_init
from celery.utils.log import get_task_logger

from gemeente_connect.config import Config, SyncEntry, load
from gemeente_connect.contracts import did_you_mean
from gemeente_connect.errors import ConfigError, GemeenteConnectError, StorageError, TemporaryError
from gemeente_connect.files import FileStore
from gemeente_connect.ledger import Ledger
from gemeente_connect.plugins import discover
from gemeente_connect.syncing import Report, Start
from gemeente_connect.syncing import collect as collect_channel
from gemeente_connect.syncing import deliver as deliver_channel
from gemeente_connect.syncing.report import guarded

_UNACKED = 15 * 60  # seconds after which the broker gives a task of a worker that is gone to another one
_logger = get_task_logger(__name__)


def _route(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], *_: Any, **__: Any) -> dict[str, str] | None:
    """Send a task to the queue of the account it works on. Raises ConfigError for one that is not configured."""
    for task, prefix, entries in ((collect.name, "channel", "channels"), (deliver.name, "case_system", "case_systems")):
        if name == task:
            account = args[0] if args else kwargs[prefix]
            choices = getattr(_config(), entries)
            if account not in choices:
                message = f"there is no {prefix.replace('_', ' ')} {account!r}{did_you_mean(str(account), choices)}"
                raise ConfigError(message)
            return {"queue": f"{prefix}.{account}"}
    return None


app = Celery("gemeente_connect")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_routes=(_route,),
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": _UNACKED},
)

_again = {  # the other side is down, or the ledger: some more tries, then the next one that is scheduled
    "autoretry_for": (TemporaryError, StorageError),
    "retry_backoff": 30,
    "retry_backoff_max": _UNACKED // 2,
    "retry_jitter": True,
    "max_retries": 4,
    "throws": (GemeenteConnectError,),
}


@app.task(name="gemeente_connect.collect", **_again)
def collect(channel: str) -> None:
    """Read what is new in a channel, by its name in the configuration."""
    config, plugins = _config(), discover()
    entry = next((each for each in config.syncs.values() if each.channel == channel), None)
    with (
        guarded(f"the channel {channel!r}"),  # what a plugin says may hold personal data, and would be logged
        Ledger(config.ledger) as ledger,
        closing(config.open_channel(channel, plugins)) as opened,
    ):
        report = collect_channel(
            opened,
            ledger,
            files=FileStore(config.files),
            quiet_gap=config.quiet_gap(channel),
            skip=entry.skip if entry else (),
        )
    _tell(f"collect {channel}", report)


@app.task(name="gemeente_connect.deliver", **_again)
def deliver(case_system: str, shard: int = 0, shards: int = 1) -> None:
    """Deliver to a case system, by its name in the configuration, what is due of one part of the conversations."""
    config, plugins = _config(), discover()
    report = Report()
    system = config.case_system(case_system)
    entries = {name: each for name, each in config.syncs.items() if each.case_system == case_system}
    with (
        guarded(f"the case system {case_system!r}"),  # as above
        Ledger(config.ledger) as ledger,
        closing(config.open_case_system(case_system, plugins)) as opened,
    ):
        for name, entry in entries.items():
            where = f"the channel {entry.channel!r}"
            with _noted(report), guarded(where), closing(config.open_channel(entry.channel, plugins)) as channel:
                deliver_channel(
                    opened,
                    ledger,
                    account=channel.account,
                    start=_start(name, entry),
                    skip=entry.skip,
                    files=FileStore(config.files),
                    workers=system.workers,
                    offer_again=timedelta(hours=system.offer_again_hours),
                    shard=(shard, shards),
                    report=report,
                )
    _tell(f"deliver {case_system} {shard}/{shards}", report)


@contextmanager
def _noted(report: Report) -> Iterator[None]:
    """Note what goes wrong with one channel: the others of the case system are delivered all the same."""
    try:
        yield
    except GemeenteConnectError as error:
        report.errors.append(error)


def _config() -> Config:
    return load(Path(os.environ.get("GEMEENTE_CONNECT_CONFIG", "gemeente-connect.toml")))


def _start(name: str, entry: SyncEntry) -> Start:
    if entry.start:
        return entry.start
    message = f"the sync {name!r} has no start: set `start = DATE` in [syncs.{name}]"
    raise ConfigError(message)


def _tell(what: str, report: Report) -> None:
    """Log what was done, in numbers. Raises what ended it early, and first what may be tried again."""
    _logger.info(
        "%s: %d new messages, %d conversations delivered, %d of them findable, %d refused, %d wait",
        what,
        report.new,
        len(report.delivered),
        report.findable,
        len(report.refused),
        len(report.deferred),
    )
    for error in sorted(report.errors, key=lambda each: not isinstance(each, (TemporaryError, StorageError))):
        raise error


@celeryd_init.connect
def _prepare(sender: str, conf: Any, **_: Any) -> None:
    """Give a worker the queues of the configuration, or end it with what is wrong."""
    try:
        config = _config()
    except ConfigError as error:
        raise SystemExit(str(error)) from None
    names = [f"channel.{name}" for name in config.channels] + [f"case_system.{name}" for name in config.case_systems]
    conf.task_queues = {name: {"exchange": name, "routing_key": name} for name in names}
    if isinstance(config.ledger, Path):
        _refuse_several_machines(sender.rpartition("@")[2] or socket.gethostname())


def _refuse_several_machines(here: str) -> None:
    """End a worker that would use a ledger in a file which a worker on another machine uses too."""
    answers = app.control.ping(timeout=1) or []
    if any(node.rpartition("@")[2] != here for answer in answers for node in answer):
        message = (
            "the ledger is a file, and workers on another machine are running: use a ledger on PostgreSQL, or run all "
            "workers on one machine"
        )
        raise SystemExit(message)
