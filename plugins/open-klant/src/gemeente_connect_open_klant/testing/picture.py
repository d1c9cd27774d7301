"""All that an Open Klant keeps, in lines that two of them can be compared by."""

from __future__ import annotations

from gemeente_connect_open_klant.testing.server import OpenKlantServer


def picture(server: OpenKlantServer) -> list[str]:
    """Everything that Open Klant keeps, each thing as a line without what is random."""
    rows = server.rows
    texts = {row["uuid"]: row["inhoud"] for row in rows["klantcontacten"]}
    of = {row["uuid"]: texts[row["hadKlantcontact"]] for row in rows["betrokkenen"]}
    actors = {row["uuid"]: row["naam"] for row in rows["actoren"]}
    return sorted(
        [f"klantcontact {row['kanaal']} {row['onderwerp']!r} {row['inhoud']!r}" for row in rows["klantcontacten"]]
        + [f"betrokkene {of[r['uuid']]!r} {bool(r['wasPartij'])} {r['initiator']}" for r in rows["betrokkenen"]]
        + [
            f"adres {of[r['verstrektDoorBetrokkene']]!r}"
            for r in rows["digitaleadressen"]
            if not r["verstrektDoorPartij"]
        ]
        + [f"actor {naam}" for naam in actors.values()]
        + [f"answered {texts[r['klantcontact']]!r} {actors[r['actor']]}" for r in rows["actorklantcontacten"]]
        + [f"about {texts[r['klantcontact']]!r} {texts.get(r['wasKlantcontact'])!r}" for r in rows["onderwerpobjecten"]]
        + [f"taak {texts[r['aanleidinggevendKlantcontact']]!r} {r['status']}" for r in rows["internetaken"]]
    )
