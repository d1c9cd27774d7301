"""The page in a real headless Chromium, served by the real server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plugins.loket.tests.conftest import DESK, FATIMA, Desk, chat, person, said

pytestmark = pytest.mark.browser

ARTEFACTS = Path(__file__).parents[3] / "artefacts"
DAY = 24 * 60
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LONG = "Straatverlichting: " + "onuitspreekbaarlangwoordzonderspaties" * 2


def picture(width: int = 480, height: int = 320) -> bytes:
    """A PNG of a grey container on a pavement, drawn here."""

    def pixel(x: int, y: int) -> tuple[int, int, int]:
        if 170 < x < 310 and 90 < y < 250:
            return (90, 104, 112) if y > 112 else (64, 76, 84)
        if (x - 200) ** 2 + (y - 256) ** 2 < 196 or (x - 280) ** 2 + (y - 256) ** 2 < 196:
            return (30, 34, 38)
        return (178 - y // 8, 206 - y // 8, 226 - y // 8) if y < 200 else (168 + (x // 48 + y // 24) % 2 * 8,) * 3

    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in pixel(x, y)) for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def fill(desk: Desk) -> None:
    """Deliver what a resident may really have: short and long, answered and not, with every kind of attachment."""
    photo = desk.files.add(picture(), name="IMG-20261102-WA0003.png", media_type="image/png")
    letter = desk.files.add(b"%PDF-1.4 brief", name="Ophaalkalender 2027.pdf", media_type="application/pdf")
    desk.register()
    desk.deliver(
        chat(
            said("Goedemiddag!", 0),
            said(
                "Onze grijze container is vanochtend niet geleegd. De hele straat staat nog vol.\n\n"
                "Wanneer komt de wagen alsnog? Wij wonen aan de Kerkstraat.",
                1,
            ),
            said(minutes=2, kind="image", attachments=(photo,)),
            said("De ophaaldienst had pech met een wagen. Morgen vóór 12.00 uur wordt uw straat geleegd.", 47, by=DESK),
            said(
                "U kunt de container gewoon laten staan. De ophaalkalender voor volgend jaar sturen wij mee.",
                48,
                by=DESK,
                attachments=(letter,),
            ),
            said("Fijn, dank u wel!", 63, edited_at=said().sent_at),
            said("verschreven", 64, deleted_at=said().sent_at),
            said("De container is geleegd, bedankt voor de snelle hulp.", DAY - 260),
            said(minutes=DAY - 259, kind="video", attachments=({"missing": "omitted", "media_type": "video/mp4"},)),
            said("Mooi, fijn om te horen. Nog een prettige dag!", DAY - 240, by=DESK),
            key="container",
        )
    )
    desk.deliver(chat(said("Kan ik mijn paspoort ook op zaterdag ophalen?", -9 * DAY), key="passport"))
    desk.deliver(
        chat(
            said("Er ligt een losse stoeptegel bij het speelveldje aan de Populierenlaan", -40 * DAY),
            said("Bedankt voor uw melding. Wij laten de tegel deze week vastleggen.", -40 * DAY + 90, by=DESK),
            key="pavement",
        )
    )
    desk.deliver(chat(said(LONG, -70 * DAY), key="long", channel="email"))
    desk.deliver(
        chat(
            said("Geluidsoverlast bij de bouwplaats, elke ochtend al om zes uur", -71 * DAY),
            said("Wij spreken de aannemer hierop aan.", -71 * DAY + 300, by=DESK),
            key="noise",
            channel="telefoon",
        )
    )
    desk.deliver(chat(said("Iets van Anna", by=person("anna@example.nl")), key="annas", channel="email"))


# ---- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real server, on a file with the conversations above."""
    desk = Desk(tmp_path_factory.mktemp("loket"))
    fill(desk)
    desk.loket.close()
    command = [sys.executable, "-c", "from gemeente_connect_loket.console import main; main()"]
    arguments = ["serve", "--demo", "--port", "0", "--database", str(desk.store.path)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found
        yield found[0]
        server.send_signal(signal.SIGINT)  # as Ctrl-C
    assert server.returncode == 0


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        message = f"none of these programs is installed: {', '.join(names)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """A page of the site, with what the browser complained of and which other hosts it asked."""

    def __init__(self, page: Any, site: str) -> None:
        self.page, self.site = page, site
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith(f"{self.site}/"):
            self.elsewhere.append(url)

    def sign_in(self, name: str = "Fatima Yılmaz") -> None:
        self.page.goto(self.site)
        self.page.get_by_role("button", name=f"Inloggen als {name}").click()
        self.page.get_by_role("heading", name="Mijn vragen", level=1).wait_for()

    def open_question(self, subject: str = "Onze grijze container") -> None:
        self.page.get_by_role("link", name=subject).click()
        self.page.get_by_role("heading", name="Het gesprek").wait_for()
        self.page.wait_for_load_state("networkidle")

    def violations(self) -> list[str]:
        from axe_playwright_python.sync_playwright import Axe

        options = {"runOnly": {"type": "tag", "values": AXE_TAGS}}
        found = Axe().run(self.page, options=options).response["violations"]
        return [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]]

    def picture(self, name: str) -> None:
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / name, full_page=True)

    def overflow(self) -> int:
        """How many CSS pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"))


@pytest.fixture
def visit(chromium: Any, site: str) -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="nl-NL", color_scheme="light")
    visit = Visit(context.new_page(), site)
    yield visit
    context.close()
    assert visit.elsewhere == []


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_a_resident_signs_in_sees_the_list_and_reads_a_whole_conversation(visit: Visit) -> None:
    visit.page.goto(visit.site)
    assert visit.page.title() == "Inloggen | Mijn Loket | Gemeente Voorbeeldstad"
    visit.picture("inloggen.png")
    visit.sign_in()
    subjects = [each.inner_text() for each in visit.page.locator("main li h2").all()]
    assert subjects[:2] == [
        "Onze grijze container is vanochtend niet geleegd.",
        "Kan ik mijn paspoort ook op zaterdag ophalen?",
    ]
    assert "Iets van Anna" not in visit.page.content()
    visit.picture("mijn-vragen.png")
    visit.open_question()
    who = [each.inner_text() for each in visit.page.locator("main h3").all()]
    assert who == ["Uzelf", "Gemeente Voorbeeldstad", "Uzelf", "Gemeente Voorbeeldstad"]
    conversation = visit.page.locator("main ol").inner_text()
    for shown in ("maandag 2 november 2026, 16:08", "Dit bericht is verwijderd.", "bewerkt", "Video (niet meegeleverd"):
        assert shown in conversation
    assert "verschreven" not in visit.page.content()
    visit.picture("gesprek.png")
    assert visit.complaints == []


def test_a_photo_is_shown_and_a_document_is_downloaded_under_its_own_name(visit: Visit) -> None:
    visit.sign_in()
    visit.open_question()
    photo = visit.page.get_by_role("img", name="Foto bij uw bericht van 2 november 2026, 16:10")
    assert photo.evaluate("image => image.complete && image.naturalWidth") == 480
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="Ophaalkalender 2027.pdf").click()
    assert download.value.suggested_filename == "Ophaalkalender 2027.pdf"
    assert visit.complaints == []


def test_the_keyboard_alone_leads_from_the_top_to_a_conversation_and_every_stop_is_visible(visit: Visit) -> None:
    def press_until(text: str) -> None:
        for _ in range(20):
            visit.page.keyboard.press("Tab")
            style = "getComputedStyle(document.activeElement, {pseudo}).outlineStyle"
            outlines = [visit.page.evaluate(style.format(pseudo=pseudo)) for pseudo in ("null", "'::after'")]
            assert "solid" in outlines, f"no visible focus on {visit.focused()}"
            if text in visit.focused():
                return
        pytest.fail(f"the Tab key does not reach {text!r}")

    visit.page.goto(visit.site)
    visit.page.keyboard.press("Tab")
    assert visit.focused() == "Direct naar de inhoud"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "inhoud"
    press_until("Inloggen als Fatima")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url(re.compile("/vragen$"))
    press_until("Onze grijze container")
    visit.page.keyboard.press("Enter")
    visit.page.get_by_role("heading", name="Het gesprek").wait_for()
    press_until("Terug naar Mijn vragen")


def test_no_page_has_an_accessibility_violation(visit: Visit) -> None:
    found = {}
    visit.page.goto(visit.site)
    found["inloggen"] = visit.violations()
    visit.sign_in()
    found["mijn vragen"] = visit.violations()
    visit.open_question()
    found["gesprek"] = visit.violations()
    visit.page.goto(f"{visit.site}/vragen/bestaat-niet")
    found["niet gevonden"] = visit.violations()
    assert found == {"inloggen": [], "mijn vragen": [], "gesprek": [], "niet gevonden": []}
    visit.page.evaluate("document.documentElement.removeAttribute('lang')")
    assert visit.violations(), "the check finds nothing, even where there is something"


@pytest.mark.parametrize("width", [320, 640], ids=["320 px wide", "1280 px wide at 200 % zoom"])
def test_nothing_has_to_be_scrolled_sideways_or_is_cut_off_on_a_narrow_page(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 640})
    visit.page.goto(visit.site)
    overflow = {"inloggen": visit.overflow()}
    visit.sign_in()
    overflow["mijn vragen"] = visit.overflow()
    assert visit.violations() == []
    visit.open_question()
    overflow["gesprek"] = visit.overflow()
    visit.picture(f"gesprek-{width}.png")
    assert visit.violations() == []
    visit.page.goto(f"{visit.site}/vragen")
    visit.open_question("Straatverlichting")
    overflow["een lang woord"] = visit.overflow()
    assert set(overflow.values()) == {0}, overflow


def test_everything_one_can_press_is_at_least_24_px_high_and_wide(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 640})
    visit.sign_in()
    visit.open_question()
    for target in visit.page.locator("a:visible, button:visible").all():
        box = target.bounding_box()
        assert box["width"] >= 24, target.inner_text()
        assert box["height"] >= 24, target.inner_text()


def test_the_text_can_be_twice_as_large_without_getting_lost(visit: Visit) -> None:
    visit.sign_in()
    visit.open_question()
    visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert visit.overflow() == 0
    assert visit.page.get_by_role("link", name="Ophaalkalender").is_visible()


def test_the_cookie_holds_no_bsn_and_no_script_can_read_it(visit: Visit) -> None:
    visit.sign_in()
    (cookie,) = visit.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert FATIMA not in cookie["value"]
    assert visit.page.evaluate("document.cookie") == ""


def test_the_page_works_without_javascript(chromium: Any, site: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    visit = Visit(context.new_page(), site)
    visit.sign_in()
    visit.open_question()
    assert visit.page.get_by_text("Morgen vóór 12.00 uur").is_visible()
    visit.page.get_by_role("button", name="Uitloggen").click()
    assert visit.page.get_by_role("heading", name="Inloggen in Mijn Loket").is_visible()
    context.close()
