"""The embedded case system of gemeente_connect, and the Mijn Loket page on which residents find their questions."""
