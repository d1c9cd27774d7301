"""The collector of garbage as the command `gemeente-connect` sets it, for our side and floors alike."""

from __future__ import annotations

import gc


def spare() -> None:
    """Look for garbage less often. Called when what the work needs was imported."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
