"""The demo's server in the background: it is up when it answers itself, not when its predecessor still does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server.demo import background
from tests.village import Village


class _Healthy(BaseHTTPRequestHandler):
    """The last worker of a server that was killed: healthy as long as it lasts."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def test_the_health_of_a_dying_server_is_not_that_of_the_new_one(new_village: Callable[[], Village]) -> None:
    village = new_village()
    http = village.settings.http
    assert http is not None
    predecessor = ThreadingHTTPServer((http.host, http.port), _Healthy)
    gone = threading.Event()

    def die_soon() -> None:
        time.sleep(1)
        predecessor.shutdown()
        predecessor.server_close()
        gone.set()

    threading.Thread(target=predecessor.serve_forever, args=(0.05,), daemon=True).start()
    threading.Thread(target=die_soon, daemon=True).start()
    try:
        assert background.healthy(http)
        village.start()
        assert gone.is_set()
        assert background.healthy(http)
    finally:
        village.stop()
