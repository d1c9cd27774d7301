"""Open Klant as a case system: conversations become klantcontacten that the resident finds in the portal."""
