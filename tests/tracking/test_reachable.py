"""A tracking server that does not listen is told at once, and one that does is not asked twice."""

import socket
import time

import pytest

from patronage.errors import ModelError, OutputError
from patronage.tracking.reachable import why_silent
from patronage.tracking.store import TrackingStore


@pytest.fixture(name="free_port")
def a_port_without_a_server():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{}", "postgresql://joe:secret@127.0.0.1:{}/runs", "mysql+pymysql://127.0.0.1:{}/x"]
)
def test_nothing_listens_and_it_is_told_at_once(address, free_port):
    uri = address.format(free_port)
    assert f"nothing listens at 127.0.0.1:{free_port}" in why_silent(uri)
    store = TrackingStore(uri, None, "e", "m")
    began = time.perf_counter()
    with pytest.raises(OutputError, match="does not answer: nothing listens") as refused:
        store.check_writable()
    with pytest.raises(ModelError, match="does not answer"), store.session():
        pass
    assert time.perf_counter() - began < 10
    assert "secret" not in str(refused.value)


def test_a_server_that_listens_is_not_silent():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert why_silent(f"http://127.0.0.1:{server.getsockname()[1]}") == ""


@pytest.mark.parametrize(
    "uri",
    ["sqlite:///a.db", "databricks", "postgresql:///runs", "postgresql:///runs?host=/var/run", "http://[::1:80", "x"],
)
def test_other_addresses_are_not_asked(uri):
    assert why_silent(uri) == ""


def test_servers_behind_a_proxy_are_not_asked(monkeypatch, free_port):
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "")
    assert why_silent(f"http://tracking.invalid:{free_port}") == ""
