"""For all tests, of the core and of the plugins: a failing example is found again."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "gemeente_connect",
    deadline=None,  # a busy machine is no failure
    derandomize=True,  # the same examples everywhere: what fails in CI fails here
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("gemeente_connect")
