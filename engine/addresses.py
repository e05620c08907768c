"""Addresses: what a base URL may be, and whether another address lies below it. It opens no connection."""

from __future__ import annotations

from urllib.parse import unquote, urljoin, urlsplit

from engine.errors import StageEngineError

__all__ = ["checked_base", "inside", "socket_address"]

_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2000


def checked_base(url: str) -> str:
    """A base URL without a slash at its end. Raises StageEngineError `url` for one that cannot be used."""

    def refused(why: str) -> StageEngineError:
        return StageEngineError(f"the base URL {why}; write it like http://127.0.0.1:7860", code="url")

    text = url.strip()
    if any(character.isspace() or not character.isprintable() for character in text):
        raise refused("holds a blank or a control character")  # some of them urlsplit would drop in silence
    try:
        parts = urlsplit(text)
        _ = parts.port
        _ = "" if parts.hostname is None else parts.hostname.encode("idna")
    except ValueError as problem:
        raise refused("is no URL") from problem
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise refused("must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise refused("must not hold a name or a password; pass them as auth")
    if "?" in text or "#" in text:
        raise refused("must not hold a query or a fragment")
    return text.rstrip("/")


def inside(base: str, url: str) -> str:
    """The address that a URL from an answer leads to, as an absolute URL. Raises ValueError where it is not below base.

    Same scheme, host and port, a path below the base URL's, no name or password, and no way back up.
    """
    if len(url) > _MAX_URL or any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("is too long, or holds a blank or a control character")
    if "\\" in url:
        raise ValueError("holds a backslash")
    try:
        absolute = urljoin(base + "/", url)
        here, there = urlsplit(base), urlsplit(absolute)
        servers = [(one.hostname, _PORTS.get(one.scheme) if one.port is None else one.port) for one in (here, there)]
    except ValueError as problem:
        raise ValueError("is none") from problem
    if there.scheme != here.scheme:
        raise ValueError(f"does not begin with {here.scheme}://")
    if there.username is not None or there.password is not None:
        raise ValueError("holds a name or a password")
    if servers[0] != servers[1]:
        raise ValueError(f"leads to another server than {base}")
    steps = unquote(there.path).split("/")
    if ".." in steps or not there.path.startswith(f"{here.path}/"):
        raise ValueError(f"leads out of {base}")
    return absolute


def socket_address(url: str) -> str:
    """The websocket's form of an address: ws for http, wss for https."""
    return "ws" + url.removeprefix("http")
