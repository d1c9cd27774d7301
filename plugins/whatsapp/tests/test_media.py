"""Files, and what the Graph API says when it does not give them: by the code of an error, whatever its status is."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gemeente_connect.errors import AuthError, GemeenteConnectError, RejectedError, TemporaryError
from gemeente_connect.models import Attachment
from gemeente_connect.privacy import mask
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.contents import media_source
from gemeente_connect_whatsapp.testing import GraphServer
from gemeente_connect_whatsapp.testing.payloads import ACCESS_TOKEN, PHONE_NUMBER_ID

PHOTO = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 1000
FILE = Attachment(source=json.dumps({"id": "1234"}))


@pytest.fixture
def asking(graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]) -> Iterator[WhatsAppChannel]:
    graph.files["1234"] = PHOTO
    channel = open_channel(base_url=graph.url)
    yield channel
    channel.close()


def fetch(channel: WhatsAppChannel, attachment: Attachment = FILE) -> bytes:
    return b"".join(channel.download(attachment))


def test_a_file_is_asked_for_its_address_and_fetched_from_there_with_the_token(
    asking: WhatsAppChannel, graph: GraphServer
) -> None:
    assert fetch(asking) == PHOTO
    assert graph.asked == ["GET /v25.0/1234", "GET /content/1234/1"]
    assert set(graph.tokens) == {f"Bearer {ACCESS_TOKEN}"}


def test_the_version_is_a_setting(graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]) -> None:
    graph.files["1234"] = PHOTO
    assert fetch(open_channel(base_url=graph.url, graph_version="v26.0")) == PHOTO
    assert graph.asked[0] == "GET /v26.0/1234"


def test_an_address_that_has_just_ended_is_asked_once_more(asking: WhatsAppChannel, graph: GraphServer) -> None:
    graph.end_addresses()
    assert fetch(asking) == PHOTO
    assert [path for path in graph.asked if "content" in path] == ["GET /content/1234/1", "GET /content/1234/2"]


def test_another_answer_than_that_it_ended_is_not_asked_again(
    asking: WhatsAppChannel, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "_content", lambda *_: graph._file("1234")._replace(status=410))
    with pytest.raises(RejectedError, match="status 410"):
        fetch(asking)
    assert len(graph.asked) == 2


def test_a_file_that_is_gone_is_not_asked_for_ever(asking: WhatsAppChannel, graph: GraphServer) -> None:
    del graph.files["1234"]
    with pytest.raises(RejectedError, match="it is not there any more"):
        fetch(asking)
    assert len(graph.asked) == 1


@pytest.mark.parametrize("announced_by", ["webhook", "api"])
@pytest.mark.parametrize("times", [1, 2], ids=["base64", "hex"])
def test_another_file_than_the_one_that_was_sent_is_refused(
    asking: WhatsAppChannel, graph: GraphServer, announced_by: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(times - 1):  # the API writes a hash now in base64, now in hex
        assert fetch(asking) == PHOTO
    if announced_by == "webhook":
        file = Attachment(source=media_source("1234", "0" * 64))
    else:
        file = FILE
        answered = graph._content
        monkeypatch.setattr(graph, "_content", lambda *given: answered(*given)._replace(body=b"iets anders"))
    with pytest.raises(RejectedError, match="SHA-256"):
        fetch(asking, file)


def test_the_token_goes_to_no_other_host_than_those_of_whatsapp(asking: WhatsAppChannel, graph: GraphServer) -> None:
    with GraphServer() as elsewhere:
        for url in (
            elsewhere.url,
            "https://lookaside.fbsbx.com.example.nl/x",
            "https://lookaside.fbsbx.com@example.nl/x",
        ):
            graph.elsewhere = f"{url}/content/1234/1"
            with pytest.raises(RejectedError):
                fetch(asking)
        assert elsewhere.asked == []


def test_a_file_that_is_too_large_is_not_fetched(
    asking: WhatsAppChannel, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gemeente_connect_whatsapp.graph.LARGEST", 1000)
    with pytest.raises(RejectedError, match="larger than"):
        fetch(asking)
    assert len(graph.asked) == 1


@pytest.mark.parametrize(
    "source",
    [None, "", "geen json", "[]", '{"id": 7}', *(media_source(key, None) for key in ("../me", "me/accounts", ""))],
)
def test_what_is_no_file_of_this_channel_is_refused_without_asking(
    asking: WhatsAppChannel, graph: GraphServer, source: str | None
) -> None:
    with pytest.raises(RejectedError):
        fetch(asking, Attachment(source=source))
    assert graph.asked == []


LIMITS = [4, 80007, 130429, 131048, 131056, 133016]
CREDENTIALS = [0, 3, 10, 190, 200, 299, 131005]
LATER = [1, 2, 131000, 131016, 131057, 133004]
OTHERS = [100, 368, 131026, 131031, 131047, 131051, 131052, 131053, 999999]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, TemporaryError) for code in (*LIMITS, *LATER)),
        *((code, AuthError) for code in CREDENTIALS),
        *((code, RejectedError) for code in OTHERS),
    ],
)
def test_the_code_of_an_error_says_what_to_do_whatever_the_status_is(
    asking: WhatsAppChannel, graph: GraphServer, status: int, code: int, kind: type[GemeenteConnectError]
) -> None:
    graph.fail(code, status=status)
    with pytest.raises(kind, match=f"error {code}") as caught:
        fetch(asking)
    assert type(caught.value) is kind
    assert mask(str(caught.value)) == str(caught.value)
    assert "It went wrong" not in str(caught.value), "a sentence of the other side is not repeated"


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        ('{"1": [{"estimated_time_to_regain_access": 5}, {"estimated_time_to_regain_access": 2}]}', 300),
        ('{"1": [{"estimated_time_to_regain_access": 0}]}', None),
        ('{"1": [{"estimated_time_to_regain_access": "straks"}]}', None),
        ('{"1": [{}]}', None),
        ("[]", None),
        ("{", None),
        ("", None),
    ],
)
def test_a_limit_says_how_long_to_wait_where_it_is_told(
    asking: WhatsAppChannel, graph: GraphServer, usage: str, seconds: int | None
) -> None:
    graph.fail(80007, headers={"X-Business-Use-Case-Usage": usage})
    with pytest.raises(TemporaryError) as caught:
        fetch(asking)
    assert (caught.value.retry_after, caught.value.nothing_done) == (seconds, True)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"<html>", RejectedError),
        (401, b"", AuthError),
        (403, b"[]", AuthError),
        (404, b'{"error": {"code": "veel"}}', RejectedError),
        (500, b'{"error": 7}', TemporaryError),
        (400, b'{"error": {"code": 12345, "is_transient": true}}', TemporaryError),
        (200, b"<html>", TemporaryError),
        (200, b"[]", RejectedError),
        (200, b"{}", RejectedError),
    ],
)
def test_where_there_is_no_code_the_status_says_it(
    asking: WhatsAppChannel, graph: GraphServer, status: int, body: bytes, kind: type[GemeenteConnectError]
) -> None:
    graph.fail_with(status, body)
    with pytest.raises(kind):
        fetch(asking)


def texts(channel: WhatsAppChannel) -> list[tuple[bool, str]]:
    return [(finding.ok, finding.text) for finding in channel.check()]


def test_check_says_that_token_and_number_are_right_and_asks_nothing_else(
    asking: WhatsAppChannel, graph: GraphServer
) -> None:
    assert [ok for ok, _ in texts(asking)] == [True, True]
    assert graph.asked == [f"GET /v25.0/{PHONE_NUMBER_ID}"]


def test_check_says_what_is_wrong(graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]) -> None:
    def wrong(**values: Any) -> list[str]:
        return [text for ok, text in texts(open_channel(base_url=graph.url, **values)) if not ok]

    assert "renew `access_token`" in wrong(access_token="een-ander-teken")[0]
    assert "not for this number" in wrong(phone_number_id="99999")[0]
    assert "another number than `account`" in wrong(account="+31 20 7654321")[0]
    assert wrong(graph_version="v21.0") == [
        "the Graph API has ended v21.0 and answers as v26.0: set `graph_version` to a newer one"
    ]


def test_neither_the_token_nor_an_id_stands_in_a_log(asking: WhatsAppChannel, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        fetch(asking)
        texts(asking)
    assert ACCESS_TOKEN not in caplog.text
    assert ACCESS_TOKEN not in repr(vars(asking))
