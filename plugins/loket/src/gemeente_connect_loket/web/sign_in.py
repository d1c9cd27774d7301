"""Who is looking: a demonstration in which one chooses, or an identity that a trusted proxy vouches for."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from flask import Request, abort

from gemeente_connect.addresses import is_bsn
from gemeente_connect.errors import ConfigError

COOKIE: Final = "mijn-loket"
IDLE_SECONDS: Final = 15 * 60
_SESSIONS: Final = 10_000  # more than a demonstration has; a bound for the memory
_LOCAL_HOST: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_FORWARDED: Final = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")


@dataclass(slots=True, repr=False)
class Session:
    """One browser of a demonstration. Only its random key is in the cookie."""

    bsn: str | None = None
    """None: nobody signed in yet."""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """What forms carry, so that another site cannot send them."""
    seen: float = 0.0

    def sent(self, token: str) -> bool:
        """Tell whether a form came from a page of this session."""
        return hmac.compare_digest(self.token.encode(), token.encode())


class Sessions:
    """The sessions of this process, in memory. They end after fifteen idle minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def start(self, bsn: str | None = None) -> Session:
        """Begin a session under a new key."""
        session = Session(bsn, seen=self._clock())
        with self._lock:
            live = [each for each in self._sessions.values() if self._is_live(each)]
            self._sessions = {each.key: each for each in (*live[-_SESSIONS:], session)}
        return session

    def get(self, key: str | None) -> Session | None:
        """Find a session that has not ended, and keep it alive."""
        with self._lock:
            session = self._sessions.get(key or "")
            if session is None or not self._is_live(session):
                return None
            session.seen = self._clock()
            return session

    def end(self, session: Session) -> None:
        """Forget a session."""
        with self._lock:
            self._sessions.pop(session.key, None)

    def _is_live(self, session: Session) -> bool:
        return self._clock() - session.seen < IDLE_SECONDS


class SignIn(Protocol):
    """Tells who asks for a page."""

    def session(self, request: Request) -> Session | None:
        """Give the session of this request; its `bsn` says who it is. Aborts with 400 or 403 where it is refused."""


class DemoSignIn:
    """Anybody on this computer chooses who they are. Refuses everybody else."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self._key = secrets.token_bytes(32)

    def session(self, request: Request) -> Session | None:
        """Find the session by its cookie, or give None."""
        if not _is_loopback(request.remote_addr) or any(name in request.headers for name in _FORWARDED):
            abort(403)
        if not _LOCAL_HOST.fullmatch(request.headers.get("Host", "")):
            abort(400)  # another site's name that points here (DNS rebinding)
        return self.sessions.get(request.cookies.get(COOKIE))

    def handle(self, bsn: str) -> str:
        """Stand in for a BSN in the form."""
        return hmac.digest(self._key, bsn.encode(), "sha256").hex()


class ProxySignIn:
    """A proxy of the municipality signs residents in and gives their BSN in a header."""

    def __init__(self, header: str, proxies: Sequence[str]) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", header):
            message = "--identity-header is the name of a header: letters, digits and hyphens"
            raise ConfigError(message)
        self._header = header
        self._proxies = [_network(each) for each in proxies]

    def session(self, request: Request) -> Session | None:
        """Believe the header, if it comes from a trusted proxy and holds a BSN."""
        if not _is_in(request.remote_addr, self._proxies):
            abort(403)
        bsn = request.headers.get(self._header, "")
        if not is_bsn(bsn):
            abort(403)
        return Session(bsn)


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str) -> _Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        message = f"--trusted-proxy {text!r}: give an address like 10.0.0.7 or a network like 10.0.0.0/29"
        raise ConfigError(message) from None
    if network.prefixlen == 0:
        message = f"--trusted-proxy {text!r} trusts everybody: name the proxies"
        raise ConfigError(message)
    return network


def is_loopback(host: str) -> bool:
    """Tell whether only this computer can reach an address or name."""
    return host == "localhost" or _is_loopback(host)


def _is_loopback(address: str | None) -> bool:
    found = _address(address)
    return found is not None and found.is_loopback


def _is_in(address: str | None, networks: Sequence[_Network]) -> bool:
    found = _address(address)
    return found is not None and any(found in network for network in networks)


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
