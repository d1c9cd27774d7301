"""The loopback Twilio behaves as Twilio documents it: lists, links, days, and errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests

from gemeente_connect_twilio.testing import NUMBER, RESIDENT, TwilioServer
from gemeente_connect_twilio.testing.lists import START

DAY = timedelta(days=1)


def _get(twilio: TwilioServer, target: str, **query: object) -> requests.Response:
    params: Any = query
    return requests.get(
        f"{twilio.url}{target}", params=params, auth=(twilio.account_sid, twilio.auth_token), timeout=5,
        allow_redirects=False,
    )  # fmt: skip


def _messages(twilio: TwilioServer, **query: object) -> Any:
    return _get(twilio, f"/2010-04-01/Accounts/{twilio.account_sid}/Messages.json", **query).json()


def test_messages_come_newest_first_with_links_that_are_relative_and_have_a_token(twilio: TwilioServer) -> None:
    for number in range(5):
        twilio.messages.receive(f"Vraag {number}")
    page = _messages(twilio, PageSize=2)
    found = [row["body"] for row in page["messages"]]
    while page["next_page_uri"]:
        assert page["next_page_uri"].startswith("/2010-04-01/")
        assert "PageToken=PA" in page["next_page_uri"]
        twilio.messages.receive("Intussen")
        page = _get(twilio, page["next_page_uri"]).json()
        found += [row["body"] for row in page["messages"]]
    assert found == [f"Vraag {number}" for number in (4, 3, 2, 1, 0)], "what comes in front moves nothing"


def test_a_page_that_was_not_linked_to_is_refused(twilio: TwilioServer) -> None:
    twilio.messages.receive("Vraag")
    assert _messages(twilio, Page=1)["status"] == 400


def test_of_a_time_only_the_day_counts_and_what_was_not_sent_has_none(twilio: TwilioServer) -> None:
    twilio.messages.receive("Gisteren", at=START)
    twilio.messages.receive("Vandaag", at=START + DAY)
    twilio.messages.send("Straks", status="scheduled", at=START + DAY)
    since = {"DateSent>": "2026-11-24T23:59:59Z"}
    assert [row["body"] for row in _messages(twilio, **since)["messages"]] == ["Vandaag"]
    assert [row["body"] for row in _messages(twilio, **{"DateSent<": "2026-11-23"})["messages"]] == ["Gisteren"]
    assert len(_messages(twilio)["messages"]) == 3


def test_who_wrote_to_whom_is_told_apart(twilio: TwilioServer) -> None:
    twilio.messages.receive("In")
    twilio.messages.send("Uit")
    assert [row["body"] for row in _messages(twilio, To=NUMBER)["messages"]] == ["In"]
    assert [row["body"] for row in _messages(twilio, From=NUMBER)["messages"]] == ["Uit"]


def test_the_number_of_files_is_text_and_a_file_is_on_another_host(twilio: TwilioServer) -> None:
    key = twilio.messages.receive("Kijk", media=[("image/jpeg", b"foto")])
    (row,) = _messages(twilio)["messages"]
    assert row["num_media"] == "1"
    (file,) = _get(twilio, row["subresource_uris"]["media"]).json()["media_list"]
    answer = _get(twilio, file["uri"].removesuffix(".json"))
    assert answer.status_code == 307
    assert key in file["uri"]
    link = answer.headers["Location"]
    assert link.startswith(f"http://{twilio.media_host}/")
    assert requests.get(link, timeout=5).content == b"foto"
    assert requests.get(link, auth=("a", "b"), timeout=5).status_code == 400
    assert requests.get(link.partition("?")[0], timeout=5).status_code == 403


@pytest.mark.parametrize("path", ["/2010-04-01/Accounts/{}/Messages.json", "/v1/Conversations"])
def test_errors_have_a_status_and_a_code(twilio: TwilioServer, path: str) -> None:
    path = path.format(twilio.account_sid)
    answer = requests.get(f"{twilio.url}{path}", auth=("x", "y"), timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    answer = _get(twilio, f"{path}/elders")
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
    twilio.too_many, twilio.retry_after = 1, 7
    answer = _get(twilio, path)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (429, 20429, "7")
    assert _get(twilio, path).status_code == 200


def test_conversations_are_listed_by_state_and_by_the_day_they_were_made_with_whole_links(
    twilio: TwilioServer,
) -> None:
    old, new = twilio.chats.open(at=START), twilio.chats.open(at=START + DAY)
    twilio.chats.say(old, RESIDENT, "Nog iets", at=START + 2 * DAY)
    page = _get(twilio, "/v1/Conversations", PageSize=1).json()
    assert page["meta"]["next_page_url"].startswith(f"{twilio.url}/v1/Conversations?")
    rest = requests.get(page["meta"]["next_page_url"], auth=(twilio.account_sid, twilio.auth_token), timeout=5).json()
    assert [row["sid"] for row in (*page["conversations"], *rest["conversations"])] == [old, new]
    since = _get(twilio, "/v1/Conversations", StartDate="2026-11-24").json()
    assert [row["sid"] for row in since["conversations"]] == [new], "not by when something happened in it"
    twilio.chats.move(old, "closed")
    closed = _get(twilio, "/v1/Conversations", State="closed").json()
    assert [row["sid"] for row in closed["conversations"]] == [old]


def test_messages_of_a_conversation_have_an_index_with_gaps(twilio: TwilioServer) -> None:
    chat = twilio.chats.open()
    for skip in (0, 2, 0):
        twilio.chats.say(chat, RESIDENT, "Hoi", skip=skip)
    for order, indexes in (("asc", [0, 3, 4]), ("desc", [4, 3, 0])):
        page = _get(twilio, f"/v1/Conversations/{chat}/Messages", Order=order).json()
        assert [row["index"] for row in page["messages"]] == indexes
