"""Behind a proxy, on a unix socket: granian, and what the proxy says of its client."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import SECONDS, Running, prepare, running, wait_until_dead


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connects, once granian listens: the other listeners of the tree may be ready before it."""
        give_up = time.monotonic() + SECONDS
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(SECONDS)
            try:
                self.sock.connect(str(self._path))
            except (FileNotFoundError, ConnectionRefusedError):
                self.sock.close()
                assert time.monotonic() < give_up
                time.sleep(0.05)
            else:
                return


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dmp-", dir="/tmp") as folder:  # a socket's path must be short
        yield Path(folder) / "dmp.sock"


@pytest.fixture(scope="module")
def server(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    prepare(home)
    with running(home, "--unix", str(path)) as server:
        yield server


def get(path: Path, route: str, **headers: str) -> http.client.HTTPResponse:
    connection = UnixConnection(path)
    connection.request("GET", route, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_it_is_healthy_and_speaks_of_tls(server: Running, path: Path) -> None:
    response = get(path, "/healthz")
    assert response.status == 200
    assert response.headers["Strict-Transport-Security"]


def test_the_socket_is_for_its_group_only(server: Running, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_metrics_go_by_the_address_that_the_proxy_tells(server: Running, path: Path) -> None:
    assert get(path, "/metrics", X_Real_IP="127.0.0.1").status == 200
    assert get(path, "/metrics", X_Real_IP="192.0.2.7").status == 403
    assert get(path, "/metrics").status == 403


def test_killed_at_once_it_leaves_nobody_and_its_socket_can_be_taken_again(server: Running, path: Path) -> None:
    tree = server.tree
    assert len(tree) == 8  # parent, sealer, two gunicorn masters and granian's, a worker each
    os.kill(server.process.pid, signal.SIGKILL)
    wait_until_dead(tree)
    with running(server.home, "--unix", str(path)):
        assert get(path, "/healthz").status == 200
