from __future__ import annotations

import pytest

from gemeente_connect_whatsapp_export.texts import EMPTY, VIEW_ONCE, is_system, maybe_own_words, read_own_words

M = "\u200e"


@pytest.mark.parametrize(
    ("body", "kind", "text", "file", "omitted"),
    [
        (f"{M}<bijgevoegd: 00000014-PHOTO-2022-05-02.jpg>", "image", "", "00000014-PHOTO-2022-05-02.jpg", False),
        (f"{M}<attached: 00000002-AUDIO-2022.opus>", "audio", "", "00000002-AUDIO-2022.opus", False),
        (f"De tegel {M}<Anhang: 00000003-PHOTO.jpg>", "image", "De tegel", "00000003-PHOTO.jpg", False),
        (f"{M}<bijgevoegd: 4-Jan.vcf>", "contact", "", "4-Jan.vcf", False),
        (f"{M}afbeelding weggelaten", "image", "", None, True),
        (f"{M}video omitted", "video", "", None, True),
        (f"{M}Bild weggelassen", "image", "", None, True),
        (f"{M}Visitekaartje weggelaten", "contact", "", None, True),
        (f"Kijk {M}afbeelding weggelaten", "image", "Kijk", None, True),
        (f"{M}Gemist spraakgesprek", "call", "Gemist spraakgesprek", None, False),
        (f"{M}Missed voice call, {M}Tap to call back", "call", "Missed voice call, Tap to call back", None, False),
        (
            f"{M}Locatie: https://maps.google.com/?q=5,4",
            "location",
            "Locatie: https://maps.google.com/?q=5,4",
            None,
            False,
        ),
        (f"{M}POLL:\nWanneer?\n{M}OPTION: ma (2 votes)", "poll", "POLL:\nWanneer?\nOPTION: ma (2 votes)", None, False),
        (
            f"{M}Wachten op dit bericht. Dit kan even duren.",
            "unsupported",
            "Wachten op dit bericht. Dit kan even duren.",
            None,
            False,
        ),
        (
            f"{M}Je beveiligingscode voor Jan is gewijzigd.",
            "system",
            "Je beveiligingscode voor Jan is gewijzigd.",
            None,
            False,
        ),
        (f"{M}Iets wat WhatsApp later bedacht", "unsupported", "Iets wat WhatsApp later bedacht", None, False),
        ("", "unsupported", EMPTY, None, False),
    ],
)
def test_the_own_words_of_ios_are_read(body: str, kind: str, text: str, file: str | None, *, omitted: bool) -> None:
    found = read_own_words(body, marked=True)
    assert found
    assert (found.kind, found.text, found.file, found.omitted, found.change) == (kind, text, file, omitted, None)


@pytest.mark.parametrize(
    ("body", "kind", "text", "file", "omitted"),
    [
        (f"{M}IMG-20220502-WA0001.jpg (bestand bijgevoegd)", "image", "", "IMG-20220502-WA0001.jpg", False),
        ("VID-1.mp4 (file attached)\nmet tekst\nerbij", "video", "met tekst\nerbij", "VID-1.mp4", False),
        ("DOC-20220502-WA0006. (Datei angehängt)", "document", "", "DOC-20220502-WA0006.", False),
        ("Jan.vcf (bestand bijgevoegd)", "contact", "", "Jan.vcf", False),
        ("<Media weggelaten>", "document", "", None, True),
        ("<Media omitted>\nde bank", "document", "de bank", None, True),
        ("<Medien ausgeschlossen>", "document", "", None, True),
        ("Gemiste spraakoproep", "call", "Gemiste spraakoproep", None, False),
        ("locatie: https://maps.google.com/?q=5,4", "location", "locatie: https://maps.google.com/?q=5,4", None, False),
        ("live locatie gedeeld", "location", "live locatie gedeeld", None, False),
        ("POLL:\nWanneer?", "poll", "POLL:\nWanneer?", None, False),
        ("null", "view-once", VIEW_ONCE, None, False),
    ],
)
def test_the_own_words_of_android_are_read(body: str, kind: str, text: str, file: str | None, *, omitted: bool) -> None:
    assert maybe_own_words(body)
    found = read_own_words(body, marked=False)
    assert found
    assert (found.kind, found.text, found.file, found.omitted, found.change) == (kind, text, file, omitted, None)


def test_a_document_has_the_name_its_sender_gave_it_and_no_number_of_pages_for_a_text() -> None:
    found = read_own_words(f"Rapport.pdf • {M}116 pagina's {M}<bijgevoegd: 00000017-Rapport.pdf>", marked=True)
    assert found
    assert (found.title, found.text, found.file) == ("Rapport.pdf", "", "00000017-Rapport.pdf")
    left_out = read_own_words(f"naam.docx • {M}3 pagina's {M}document weggelaten", marked=True)
    assert left_out
    assert (left_out.title, left_out.text, left_out.omitted) == ("naam.docx", "", True)


def test_what_somebody_wrote_with_a_photo_is_kept_whole() -> None:
    found = read_own_words(f"Rechts • links {M}<bijgevoegd: 1-PHOTO.jpg>", marked=True)
    assert found
    assert found.text == "Rechts • links"


@pytest.mark.parametrize(
    "words",
    [
        "Dit bericht is verwijderd",
        "U hebt dit bericht verwijderd.",
        "Je hebt dit bericht verwijderd",
        "This message was deleted.",
        "Du hast diese Nachricht gelöscht.",
    ],
)
def test_a_deleted_message_is_known_by_a_mark_on_ios_and_by_the_whole_body_on_android(words: str) -> None:
    for found in (read_own_words(M + words, marked=True), read_own_words(words, marked=False)):
        assert found
        assert (found.change, found.text) == ("deleted", words)
    assert read_own_words(words, marked=True) is None
    assert read_own_words(f"{words} zie ik", marked=False) is None


def test_an_edited_message_loses_its_notice_and_keeps_its_text() -> None:
    for body, marked in ((f"ok {M}<Dit bericht is bewerkt>", True), ("ok <Diese Nachricht wurde bearbeitet.>", False)):
        found = read_own_words(body, marked=marked)
        assert found
        assert (found.change, found.text, found.kind) == ("edited", "ok", "text")
    assert read_own_words("ok <Dit bericht is bewerkt>", marked=True) is None


def test_the_key_of_a_photo_is_the_same_whatever_a_phone_calls_it_and_whether_or_not_it_came_along() -> None:
    bodies = [f"{M}<bijgevoegd: 00000014-PHOTO.jpg>", f"{M}afbeelding weggelaten"]
    others = ["IMG-1.jpg (bestand bijgevoegd)", "<Media weggelaten>"]
    all_found = [read_own_words(body, marked=True) for body in bodies]
    all_found += [read_own_words(body, marked=False) for body in others]
    assert [found and found.key for found in all_found] == ["\0media"] * 4


def test_the_votes_of_a_poll_do_not_make_another_message_of_it() -> None:
    first, second = (read_own_words(f"POLL:\nWanneer?\nOPTION: ma ({votes} votes)", marked=False) for votes in (1, 2))
    assert first
    assert second
    assert first.key == second.key
    assert first.text != second.text


@pytest.mark.parametrize("text", ["gewoon", "met (haakjes)", "iets <dan> dat", "Dit is een vraag", "You see", ")\n"])
def test_ordinary_text_is_plain(text: str) -> None:
    assert read_own_words(text, marked=False) is None
    assert read_own_words(text, marked=True) is None


def test_reports_of_whatsapp_are_known_in_three_languages() -> None:
    for text in (
        "Jan heeft het onderwerp gewijzigd naar “Melding: straat”",
        "Jan changed the subject from “a” to “b: c”",
        "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.",
        "Uw oproepen en berichten zijn beveiligd met end-to-end encryptie.",
    ):
        assert is_system(text)
    assert not is_system("Jan de Vries")
