"""Taking URLs apart so that nobody reads them in another way, and showing them without what is personal."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from gemeente_connect.errors import ConfigError
from gemeente_connect.privacy import mask

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def parse_base(url: str) -> SplitResult:
    """Read a base URL; its path ends in a slash. Raises ConfigError when it is none."""
    parsed = parse(url)
    if parsed is None or parsed.query or not stays_below(url):
        message = "a base URL is like https://api.example.nl/path/v1: no name or password, no query, no backslash or .."
        raise ConfigError(message)
    return parsed._replace(path=parsed.path.rstrip("/") + "/")


@lru_cache(maxsize=100)  # most requests go to the same few paths
def parse(link: str, base: SplitResult | None = None) -> SplitResult | None:
    """Take a URL apart, in one way of writing; None: it is no URL, or one that others could read in another way."""
    if re.search(r"[\x00-\x20\x7f\\]", link):
        return None
    try:
        url = urlsplit(urljoin(base.geturl(), link) if base else link)
        port = url.port
    except ValueError:
        return None
    if url.scheme not in {"http", "https"} or not url.hostname or "@" in url.netloc:
        return None
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    usual = port in {None, 443 if url.scheme == "https" else 80}
    return SplitResult(url.scheme, host if usual else f"{host}:{port}", url.path, url.query, "")


@lru_cache(maxsize=100)
def stays_below(link: str) -> bool:
    """Tell whether no part of the path climbs, however often it is decoded."""
    path = urlsplit(link).path
    while "%" in path and (decoded := unquote(path)) != path:  # a proxy may decode once more than we think
        path = decoded
    return not {".", ".."} & set(re.split(r"[/\\]", path))


def shown(path: str) -> str:
    """Show a path without the parts that look like a number or address of a person."""

    def segment(found: re.Match[str]) -> str:
        plain = unquote(found[0])
        return found[0] if _UUID.fullmatch(plain) or mask(plain) == plain else "<personal>"

    return re.sub(r"[^/?\s]+", segment, path)
