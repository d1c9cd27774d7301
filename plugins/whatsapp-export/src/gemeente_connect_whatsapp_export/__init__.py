"""A channel for gemeente_connect that reads the chats which WhatsApp exports with *Export chat*."""
