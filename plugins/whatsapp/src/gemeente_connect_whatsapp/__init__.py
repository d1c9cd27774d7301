"""The WhatsApp Business Platform as a channel of gemeente_connect."""
