"""The pages, asked the way a browser asks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from plugins.loket.tests.conftest import (
    ANNA,
    DESK,
    FATIMA,
    JAN,
    NOBODY,
    NOVEMBER,
    REGISTER,
    Desk,
    chat,
    person,
    said,
)

from gemeente_connect.errors import ConfigError
from gemeente_connect_loket import finding
from gemeente_connect_loket.web import HEADERS, Theme, create_app, views
from gemeente_connect_loket.web.sign_in import ProxySignIn

PROXY = "10.0.0.7"


class Visitor:
    """A resident behind the municipality's proxy."""

    def __init__(self, client: FlaskClient, bsn: str) -> None:
        self._client, self.bsn = client, bsn

    def get(self, path: str, *, method: str = "GET", status: int = 200, **headers: str) -> str:
        self.response = self._client.open(
            path, method=method, headers={"X-BSN": self.bsn, **headers}, environ_base={"REMOTE_ADDR": PROXY}
        )
        assert self.response.status_code == status
        return self.response.get_data().decode("utf-8", "replace")


@pytest.fixture
def client(desk: Desk) -> FlaskClient:
    return create_app(desk.store, ProxySignIn("X-BSN", [PROXY])).test_client()


@pytest.fixture
def fatima(client: FlaskClient) -> Visitor:
    return Visitor(client, FATIMA)


@pytest.fixture
def jan(client: FlaskClient) -> Visitor:
    return Visitor(client, JAN)


# ---- what is shown ---------------------------------------------------------------------------------------------------


def test_the_list_shows_subject_date_channel_and_status_the_latest_first(desk: Desk, fatima: Visitor) -> None:
    desk.deliver(chat(said("Een oude vraag", -3 * 24 * 60), key="old", channel="email"))
    desk.deliver(chat(said("Een nieuwe vraag"), said("Antwoord", 1, by=DESK), key="new"))
    text = " ".join(re.sub(r"<[^>]+>", " ", fatima.get("/vragen")).split())
    assert re.search(
        r"Een nieuwe vraag Laatste bericht: 2 november 2026 · , kanaal: WhatsApp Status: Beantwoord "
        r"Een oude vraag Laatste bericht: 30 oktober 2026 · , kanaal: E-mail Status: In behandeling",
        text,
    )


def test_a_resident_without_questions_is_told_so(fatima: Visitor) -> None:
    assert "Er staan nog geen vragen van u in Mijn Loket." in fatima.get("/vragen")


def test_a_resident_whom_the_register_does_not_know_sees_an_empty_list(desk: Desk, client: FlaskClient) -> None:
    desk.deliver(chat(said("Een vraag")))
    assert "Een vraag" not in Visitor(client, NOBODY).get("/vragen")


def test_a_long_list_is_divided_into_pages_and_every_question_stands_on_one(
    desk: Desk, fatima: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE", 3)
    for n in range(7):
        desk.deliver(chat(said(f"vraag nummer {n}", n), key=str(n)))
    shown = [re.findall(r"vraag nummer \d", fatima.get(f"/vragen?pagina={page}")) for page in (1, 2, 3)]
    assert shown == [
        ["vraag nummer 6", "vraag nummer 5", "vraag nummer 4"],
        ["vraag nummer 3", "vraag nummer 2", "vraag nummer 1"],
        ["vraag nummer 0"],
    ]
    assert "Pagina 2 van 3" in fatima.get("/vragen?pagina=2")
    assert "pagina 2 van 3 |" in fatima.get("/vragen?pagina=2"), "each page has a title of its own"
    for wrong in ("0", "4", "-1", "99999999999999999999"):
        fatima.get(f"/vragen?pagina={wrong}", status=404)


def test_what_somebody_wrote_is_text_and_never_markup(desk: Desk, fatima: Visitor) -> None:
    nasty = '<script>alert(1)</script> Ik ben "Jan" & <b>boos</b>\n\nhttps://elders.example/?a=1 {{ 7 * 7 }}'
    reference = desk.reference(chat(said(nasty, attachments=({"name": "<img src=x>.png", "missing": "absent"},))))
    page = fatima.get(f"/vragen/{reference}")
    assert "<script" not in page
    assert "<b>" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Ik ben &#34;Jan&#34; &amp;" in page
    assert "\n\nhttps://elders.example/?a=1 {{ 7 * 7 }}</p>" in page, "line breaks stay, and links stay text"


def test_an_edited_message_says_so_and_a_deleted_one_says_nothing_else(desk: Desk, fatima: Visitor) -> None:
    reference = desk.reference(
        chat(said("Verbeterd", 0, edited_at=NOVEMBER), said("Spijt", 1, deleted_at=NOVEMBER), said("Klaar", 2))
    )
    page = fatima.get(f"/vragen/{reference}")
    assert page.count("bewerkt</p>") == 1
    assert page.count("Dit bericht is verwijderd.") == 1
    assert "Spijt" not in page


@pytest.mark.parametrize(
    ("attachment", "kind", "shown"),
    [
        ({"missing": "omitted", "media_type": "image/jpeg"}, "image", "Foto</bdi> (niet meegeleverd vanuit WhatsApp)"),
        ({"missing": "absent", "name": "brief.pdf"}, "document", "Bestand “brief.pdf”</bdi> (het bestand ontbreekt)"),
        ({"missing": "expired"}, "video", "Video</bdi> (niet meer beschikbaar)"),
        ({"missing": "too-large"}, "audio", "Geluidsopname</bdi> (te groot om hier te tonen)"),
        ({"missing": "failed"}, "sticker", "Sticker</bdi> (kon niet worden opgehaald)"),
        ({}, "contact", "Contactkaart</bdi> (wordt nog opgehaald)"),
    ],
)
def test_an_attachment_without_content_is_named_with_the_reason(
    desk: Desk, fatima: Visitor, attachment: object, kind: str, shown: str
) -> None:
    reference = desk.reference(chat(said(kind=kind, attachments=(attachment,))))
    assert shown in fatima.get(f"/vragen/{reference}")


def test_a_message_with_nothing_to_show_says_that(desk: Desk, fatima: Visitor) -> None:
    reference = desk.reference(chat(said("", kind="unsupported")))
    assert "Dit bericht kan hier niet worden getoond." in fatima.get(f"/vragen/{reference}")


def test_times_stand_on_the_dutch_clock_in_summer_and_in_winter(desk: Desk, fatima: Visitor) -> None:
    reference = desk.reference(
        chat(
            said("zomer", sent_at="2026-10-24T22:30:00Z", id="a"),
            said("winter", sent_at="2026-10-25T23:30:00Z", id="b", by=DESK),
        )
    )
    page = fatima.get(f"/vragen/{reference}")
    assert "zondag 25 oktober 2026, 00:30" in page
    assert "maandag 26 oktober 2026, 00:30" in page


def test_a_head_request_gets_the_headers_alone(desk: Desk, fatima: Visitor) -> None:
    photo = desk.files.add(b"photo", media_type="image/png")
    reference = desk.reference(chat(said("Een vraag", attachments=(photo,))))
    for path in ("/vragen", f"/vragen/{reference}", f"/vragen/{reference}/bijlagen/{photo.sha256}"):
        assert fatima.get(path, method="HEAD") == ""


# ---- whose it is -----------------------------------------------------------------------------------------------------


def test_anothers_conversation_and_none_at_all_get_the_same_answer(desk: Desk, fatima: Visitor, jan: Visitor) -> None:
    photo = desk.files.add(b"photo", media_type="image/png")
    reference = desk.reference(chat(said("Van Fatima alleen", attachments=(photo,))))
    fatima.get(f"/vragen/{reference}")
    fatima.get(f"/vragen/{reference}/bijlagen/{photo.sha256}")
    paths = [
        f"/vragen/{reference}",
        "/vragen/there-is-none",
        f"/vragen/{reference}/bijlagen/{photo.sha256}",
        f"/vragen/there-is-none/bijlagen/{photo.sha256}",
        "/nergens",
    ]
    answers = set()
    for path in paths:
        page = jan.get(path, status=404)
        answers.add((page, tuple(sorted(jan.response.headers.items()))))
    assert len(answers) == 1
    fatima.get(f"/vragen/{reference}/bijlagen/{'0' * 64}", status=404)


def test_an_attachment_is_not_reachable_through_another_conversation_of_ones_own(desk: Desk, jan: Visitor) -> None:
    photo = desk.files.add(b"photo of Fatima", media_type="image/png")
    desk.deliver(chat(said(attachments=(photo,)), key="fatimas"))
    own = desk.reference(chat(said("Van Jan", by=person("+31612345679")), key="jans"))
    jan.get(f"/vragen/{own}")
    jan.get(f"/vragen/{own}/bijlagen/{photo.sha256}", status=404)


def test_for_each_conversation_and_each_resident_the_page_opens_to_the_owner_alone(
    desk: Desk, client: FlaskClient
) -> None:
    desk.register(
        REGISTER
        + f"{FATIMA},Fatima Yılmaz,email,fatima@example.nl,2025-01-10,,\n"
        + f"{ANNA},Anna Bakker,phone,0687654321,2025-01-10,,2026-01-01\n"
        + f"{JAN},Jan de Vries,phone,0687654321,2026-01-01,,\n"
        + f"{NOBODY},Bo Visser,phone,0612345670,,,\n"
    )
    before, after = "2025-06-01T12:00:00Z", "2026-06-01T12:00:00Z"
    writers = [
        (FATIMA, person("+31612345678"), after),
        (JAN, person("+31612345679"), after),
        (ANNA, person("anna@example.nl"), after),
        (FATIMA, person("fatima@example.nl"), before),
        (ANNA, person("+31687654321"), before),
        (JAN, person("+31687654321"), after),
        (None, person("+31612345670"), after),
        (None, person("+31612345678"), "2024-06-01T12:00:00Z"),
        (None, person(None), after),
    ]
    records = []
    for number, (owner, writer, when) in enumerate(writers):
        text = f"geheim-{number}-van-{owner}"
        photo = desk.files.add(text.encode(), media_type="image/png")
        conversation = chat(said(text, by=writer, sent_at=when, attachments=(photo,)), key=str(number))
        records.append((owner, text, desk.reference(conversation), photo.sha256))
    for bsn in (FATIMA, JAN, ANNA, NOBODY):
        visitor = Visitor(client, bsn)
        seen = visitor.get("/vragen")
        for owner, text, reference, sha256 in records:
            mine = owner == bsn
            assert (text in seen) == (reference in seen) == mine
            page = visitor.get(f"/vragen/{reference}", status=200 if mine else 404)
            content = visitor.get(f"/vragen/{reference}/bijlagen/{sha256}", status=200 if mine else 404)
            assert (text in page) == (content == text) == mine
            assert not any(other in page for _, other, *_ in records if other != text)


def test_a_resident_who_lost_the_number_stops_seeing_it_at_the_next_request(desk: Desk, fatima: Visitor) -> None:
    reference = desk.reference(chat(said("Een vraag")))
    fatima.get(f"/vragen/{reference}")
    desk.register(REGISTER.replace("phone,06 12345678,2025-01-10,,", "phone,06 12345678,2025-01-10,,2026-01-01"))
    fatima.get(f"/vragen/{reference}", status=404)
    assert reference not in fatima.get("/vragen")


# ---- attachments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media_type", "name", "answer"),
    [
        ("image/jpeg", "IMG 1.jpg", "image/jpeg: inline; filename*=UTF-8''IMG%201.jpg"),
        ("application/pdf", "Brief é.pdf", "application/pdf: attachment; filename*=UTF-8''Brief%20%C3%A9.pdf"),
        ("audio/ogg; codecs=opus", None, "audio/ogg: attachment; filename*=UTF-8''bijlage.ogg"),
        ("text/html", "x.html", "application/octet-stream: attachment; filename*=UTF-8''x.html"),
        ("image/svg+xml", "x.svg", "application/octet-stream: attachment; filename*=UTF-8''x.svg"),
        (None, "../../etc/passwd", "application/octet-stream: attachment; filename*=UTF-8''passwd"),
        (None, 'a"\r\nX-Y: 1', "application/octet-stream: attachment; filename*=UTF-8''a%22X-Y%3A%201"),
        (None, "\u202egpj.exe", "application/octet-stream: attachment; filename*=UTF-8''gpj.exe"),
        (None, "..", "application/octet-stream: attachment; filename*=UTF-8''bijlage"),
    ],
)
def test_an_attachment_is_served_as_what_is_safe_and_under_a_safe_name(
    desk: Desk, fatima: Visitor, media_type: str | None, name: str | None, answer: str
) -> None:
    served, disposition = answer.split(": ", 1)
    content = bytes(range(256)) * 9000
    attachment = desk.files.add(content, media_type=media_type, name=name)
    reference = desk.reference(chat(said(attachments=(attachment,))))
    fatima.get(f"/vragen/{reference}/bijlagen/{attachment.sha256}")
    response = fatima.response
    assert response.data == content
    assert response.content_length == len(content)
    assert response.mimetype == served
    assert response.headers["Content-Disposition"] == disposition
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Y" not in response.headers


# ---- around it -------------------------------------------------------------------------------------------------------


def test_every_answer_has_the_headers_that_protect_it(desk: Desk, fatima: Visitor) -> None:
    reference = desk.reference(chat(said("Een vraag")))
    for path, status in (("/", 302), ("/vragen", 200), (f"/vragen/{reference}", 200), ("/x", 404), ("/thema.css", 200)):
        fatima.get(path, status=status)
        for name, value in HEADERS.items():
            if name != "Cache-Control":
                assert fatima.response.headers[name] == value
        assert fatima.response.headers["Cache-Control"] == (
            "public, max-age=300" if path.endswith("css") else "no-store"
        )
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_no_page_refers_to_anything_outside_the_site_or_holds_a_script(desk: Desk, fatima: Visitor) -> None:
    reference = desk.reference(chat(said("Een vraag")))
    for path, status in (("/vragen", 200), (f"/vragen/{reference}", 200), ("/x", 404)):
        page = fatima.get(path, status=status)
        assert all(url.startswith(("/", "#")) for url in re.findall(r'(?:href|src|action)="([^"]*)"', page))
        assert "<script" not in page
        assert " style=" not in page


def test_no_url_of_a_page_holds_personal_data(desk: Desk, fatima: Visitor) -> None:
    photo = desk.files.add(b"photo", media_type="image/png", name="Fatima.png")
    reference = desk.reference(chat(said("Kerkstraat", attachments=(photo,))))
    page = fatima.get("/vragen") + fatima.get(f"/vragen/{reference}")
    for url in re.findall(r'(?:href|src|action)="([^"]*)"', page):
        assert not re.search(rf"{FATIMA}|Fatima|Kerkstraat|612345678", url)


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nergens", 404, "Pagina niet gevonden"),
        ("POST", "/vragen", 405, "Dit kan hier niet"),
        ("POST", "/uitloggen", 404, "Pagina niet gevonden"),
        ("GET", "/vragen/%ff%00", 404, "Pagina niet gevonden"),
    ],
)
def test_errors_are_pages_in_dutch(fatima: Visitor, method: str, path: str, status: int, title: str) -> None:
    page = fatima.get(path, method=method, status=status)
    assert f'<h1 class="utrecht-heading-1">{title}</h1>' in page
    assert '<html lang="nl"' in page


def test_an_error_nobody_expected_shows_and_logs_nothing_of_what_it_was_about(
    fatima: Visitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        message = f"GEHEIM {FATIMA}"
        raise ValueError(message)

    monkeypatch.setattr(finding, "records_of", broken)
    page = fatima.get("/vragen", status=500)
    assert "Er ging iets mis" in page
    logged = capsys.readouterr()
    assert re.fullmatch(r"mijn-loket: ValueError in test_pages\.py:\d+\n", logged.err)
    assert "GEHEIM" not in page + logged.out + logged.err


def test_a_database_that_cannot_be_read_is_told_to_the_resident_as_try_again_later(
    desk: Desk, fatima: Visitor, capsys: pytest.CaptureFixture[str]
) -> None:
    with desk.store.writing() as connection:
        connection.execute("ALTER TABLE record RENAME TO elsewhere")
    assert "Even niet beschikbaar" in fatima.get("/vragen", status=503)
    assert capsys.readouterr().err.startswith("mijn-loket: StorageError in ")


# ---- the look --------------------------------------------------------------------------------------------------------


def test_a_municipality_s_own_stylesheet_takes_the_place_of_ours(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "gemeente.css"
    path.write_text(".voorbeeld-theme, .other.voorbeeld-theme--dark { --utrecht-document-color: #111 }")
    app = create_app(desk.store, ProxySignIn("X-BSN", [PROXY]), theme=Theme.read(path), municipality="Ergens & Elders")
    visitor = Visitor(app.test_client(), FATIMA)
    assert visitor.get("/thema.css") == path.read_text()
    page = visitor.get("/vragen")
    assert '<html lang="nl" class="utrecht-root voorbeeld-theme">' in page
    assert "Gemeente Ergens &amp; Elders</title>" in page


def test_a_stylesheet_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Theme.read(tmp_path / "nowhere.css")


def test_our_own_theme_and_rules_name_only_tokens_of_the_design_system_and_of_ourselves() -> None:
    folder = Path(views.__file__).parent / "static"
    for css in ((folder / name).read_text() for name in ("theme.css", "loket.css")):
        assert set(re.findall(r"(?<![\w-])--([a-z]+)-", css)) <= {"utrecht", "loket"}
        assert "url(" not in css
        assert "@import" not in css


def test_the_page_offers_the_way_out_that_the_identity_provider_has(desk: Desk) -> None:
    url = "https://inloggen.example.nl/uit"
    app = create_app(desk.store, ProxySignIn("X-BSN", [PROXY]), sign_out_url=url)
    assert f'href="{url}">Uitloggen</a>' in Visitor(app.test_client(), FATIMA).get("/vragen")
