"""Whether a tracking server listens at all: asked in seconds, where MLflow and its database drivers try for minutes."""

import socket
import urllib.request
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

ANSWERS_WITHIN = 10.0
"""Seconds that a server may take to accept a connection."""

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""Where servers listen of which an address names no port."""


def why_silent(uri: str) -> str:
    """Why nothing listens at the address of a tracking server; empty if something does, or if that cannot be asked.

    Parameters
    ----------
    uri : str
        ``http://...``, ``postgresql://...`` and the like. Addresses of files, of sockets in the file system and of
        servers behind a proxy are not asked.
    """
    where = _listening(uri)
    if where is None:
        return ""
    try:
        socket.create_connection(where, timeout=ANSWERS_WITHIN).close()
    except OSError as error:
        return f"nothing listens at {where[0]}:{where[1]} ({error.strerror or error})"
    return ""


def _listening(uri: str) -> tuple[str, int] | None:
    scheme = uri.partition("://")[0].partition("+")[0]
    if scheme not in PORTS:
        return None
    try:
        if scheme.startswith("http"):
            address = urlsplit(uri)
            host, port = address.hostname, address.port
            if scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host or ""):
                return None
        else:
            named = make_url(uri)
            host, port = named.host, named.port
            if "host" in named.query:
                return None
    except (ValueError, ArgumentError):
        return None
    return (host, port or PORTS[scheme]) if host else None
