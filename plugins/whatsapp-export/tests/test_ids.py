"""Ids are kept in ledgers and case systems for ever: a version that makes others would double every message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Reader = Callable[..., Any]
ANDROID = """\
02-05-2022 16:08 - Berichten en oproepen worden end-to-end versleuteld. Tik voor meer informatie.
02-05-2022 16:08 - Jan de Vries: Goedemorgen, de lantaarn is kapot
Hij knippert
02-05-2022 16:09 - Gemeente Voorbeeld: Wij kijken ernaar
02-05-2022 16:10 - Jan de Vries: Dank u
02-05-2022 16:10 - Jan de Vries: Dank u
30-10-2022 02:30 - Jan de Vries: Tot morgen 🙂
"""
IOS = (
    "\ufeff[02-05-2022 16:08:13] Jan de Vries: \u200eBerichten en gesprekken worden end-to-end versleuteld.\r\n"
    "[02-05-2022 16:08:14] Jan de Vries: Goedemorgen, de lantaarn is kapot\nHij knippert\r\n"
    "\u200e[02-05-2022 16:09:15] Jan de Vries: \u200e<bijgevoegd: 00000014-PHOTO.jpg>\r\n"
    "[02-05-2022 16:10:17] Jan de Vries: \u200eGemist spraakgesprek\r\n"
)
LAMP = "521a639ec21c6696145520f93fb396e5"


@pytest.mark.parametrize(
    ("chat", "ids"),
    [
        (
            ANDROID,
            [
                "fee80b36646fd7227e1d894e3608ea33",
                LAMP,
                "4db91db651c3cdbe6ef8d73e9ed92f02",
                "6240339329cc07d152bfb35c567aa30c",
                "6240339329cc07d152bfb35c567aa30c-1",
                "5a8f267fe7634a6a2641c3c92bec3e6b",
            ],
        ),
        (
            IOS,
            [
                "6e209480529be2ca70155c12c8c3c854",
                LAMP,
                "a775f5735db68b0736a039c3c4f9bcdf",
                "3f038d08c06caef962fabbf0f069a285",
            ],
        ),
    ],
)
def test_the_ids_of_a_chat_are_those_that_every_earlier_version_gave_it(
    read_one: Reader, chat: str, ids: list[str]
) -> None:
    assert [m.id for m in read_one(chat).messages] == ids
