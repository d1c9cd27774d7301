"""For tests: an Open Klant on this machine, in memory, and the portal that reads it."""
