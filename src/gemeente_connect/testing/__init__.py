"""For authors of plugins: what to test a plugin with.

* `gemeente_connect.testing.contracts` has the tests that every channel and every case system must pass;
* `gemeente_connect.testing.deaths` lets a sync die at every point, and compares what plain runs make of it;
* `gemeente_connect.testing.rest` is a REST API on this machine, in memory;
* `gemeente_connect.testing.faults` is a network before it that fails on purpose, and a full disk;
* `gemeente_connect.testing.builders` makes messages and conversations with sensible defaults;
* `gemeente_connect.testing.fakes` has a channel and a case system in memory;
* `gemeente_connect.testing.effects` tells what a run does that outlives it.

What most tests need can be imported from here. Nothing of it imports pytest.
"""

from gemeente_connect.testing.contracts import CaseSystemContract, ChannelContract
from gemeente_connect.testing.deaths import Survey, die, settle, survey, tell
from gemeente_connect.testing.effects import Crash, Effect, about_to
from gemeente_connect.testing.fakes import FakeCaseSystem, FakeChannel, FakeReceiver, FakeReplyingChannel
from gemeente_connect.testing.faults import FaultyProxy, disk_full
from gemeente_connect.testing.rest import RestServer

__all__ = [
    "CaseSystemContract", "ChannelContract", "Crash", "Effect", "FakeCaseSystem", "FakeChannel", "FakeReceiver",
    "FakeReplyingChannel",
    "FaultyProxy", "RestServer", "Survey", "about_to", "die", "disk_full", "settle", "survey", "tell",
]  # fmt: skip
