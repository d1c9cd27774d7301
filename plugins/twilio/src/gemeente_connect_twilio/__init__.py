"""Channels for gemeente_connect that read WhatsApp and SMS through Twilio."""
