"""For authors of plugins: what to test a plugin with.

* `gemeente_connect.testing.builders` makes messages and conversations with sensible defaults;
* `gemeente_connect.testing.fakes` has a channel and a case system in memory, and a way to crash in the middle;
* `gemeente_connect.testing.contracts` has the tests that every channel and every case system must pass.
"""
