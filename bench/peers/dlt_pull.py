"""dlt's way to keep what the API tells: `python dlt_pull.py URL FOLDER sqlite|duckdb [WALK WORKERS]`. Needs dlt."""

# It runs in an environment of its own, with what is installed there.
# mypy: ignore-errors

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

URL, FOLDER, DESTINATION, *WORKERS = sys.argv[1], Path(sys.argv[2]).absolute(), *sys.argv[3:]
os.environ |= {  # before dlt is imported
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DLT_DATA_DIR": str(FOLDER / "dlt"),
    "EXTRACT__WORKERS": WORKERS[1] if WORKERS else "5",
}

import dlt  # noqa: E402
from dlt.sources.helpers import requests  # noqa: E402


def ask(path: str) -> Any:
    answer = requests.get(URL + path, timeout=30)
    answer.raise_for_status()
    return answer.json()


@dlt.resource(primary_key="id", write_disposition="merge")
def messages() -> Iterator[Any]:
    state = dlt.current.resource_state()
    more = True
    while more:
        answer = ask(f"messages?after={state.get('next', '0')}")
        more, state["next"] = answer["more"], answer["next"]
        if answer["messages"]:
            yield answer["messages"]


@dlt.resource(selected=False)
def chats() -> Iterator[Any]:
    more, after = True, "0"
    while more:
        answer = ask(f"chats?after={after}")
        more, after = answer["more"], answer["next"]
        yield answer["chats"]


@dlt.transformer(data_from=chats, name="messages", primary_key="id", write_disposition="merge")
def of_chats(names: list[str]) -> Iterator[Any]:
    for name in names:
        yield _of_chat(name)


@dlt.defer
def _of_chat(name: str) -> Any:
    return ask(f"chats/{name}")["messages"]


def main() -> None:
    if DESTINATION == "sqlite":
        destination = dlt.destinations.sqlalchemy(f"sqlite:///{FOLDER / 'dlt.sqlite'}")
    else:
        destination = dlt.destinations.duckdb(str(FOLDER / "dlt.duckdb"))
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="chat", pipelines_dir=str(FOLDER / "state"))
    tuned = {} if DESTINATION == "sqlite" else {"loader_file_format": "parquet"}
    pipeline.run(chats | of_chats if WORKERS else messages(), **tuned)


if __name__ == "__main__":
    main()
