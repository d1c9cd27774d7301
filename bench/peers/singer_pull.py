"""The Singer way to keep what the API tells, on the public classes of the Meltano SDK. Needs singer-sdk and sqlalchemy.

`python singer_pull.py tap --config … [--state …] | python singer_pull.py target --config …`
"""

# It runs in an environment of its own, with what is installed there.
# mypy: ignore-errors

import sys
from collections.abc import Iterable
from typing import Any

from singer_sdk import Tap, typing
from singer_sdk.pagination import BaseAPIPaginator
from singer_sdk.sql import SQLConnector, SQLSink, SQLTarget
from singer_sdk.streams import RESTStream

TEXT = typing.StringType
COLUMNS = ("id", "chat", "sent_at", "direction", "sender_id", "sender_name", "sender_email", "type", "text")


class Pages(BaseAPIPaginator):
    def has_more(self, response: Any) -> bool:
        return response.json()["more"]

    def get_next(self, response: Any) -> int:
        return int(response.json()["next"])


class Messages(RESTStream):
    name = "messages"
    path = "messages"
    primary_keys = ("id",)
    replication_key = "page"
    is_sorted = True
    schema = typing.PropertiesList(
        *(typing.Property(column, TEXT) for column in COLUMNS), typing.Property("page", typing.IntegerType)
    ).to_dict()

    @property
    def url_base(self) -> str:
        return self.config["url"]

    def get_new_paginator(self) -> Pages:
        return Pages(self.get_starting_replication_key_value(None) or 0)

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        return {"after": next_page_token or 0}

    def parse_response(self, response: Any) -> Iterable[dict[str, Any]]:
        answer = response.json()
        for message in answer["messages"]:
            sender = message.pop("sender")
            yield {**message, **{f"sender_{key}": value for key, value in sender.items()}, "page": int(answer["next"])}


class ChatTap(Tap):
    name = "tap-chat"
    config_jsonschema = typing.PropertiesList(typing.Property("url", TEXT, required=True)).to_dict()

    def discover_streams(self) -> list[Messages]:
        return [Messages(self)]


class Connector(SQLConnector):
    allow_column_alter = False
    allow_temp_tables = False
    allow_merge_upsert = False

    def get_sqlalchemy_url(self, config: Any) -> str:
        return f"sqlite:///{config['path']}"


class Sink(SQLSink):
    connector_class = Connector


class Target(SQLTarget):
    name = "target-bench"
    default_sink_class = Sink
    config_jsonschema = typing.PropertiesList(typing.Property("path", TEXT, required=True)).to_dict()


if __name__ == "__main__":
    (ChatTap if sys.argv[1] == "tap" else Target).cli(sys.argv[2:])
