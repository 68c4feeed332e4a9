"""The keys of those who issue access tokens: fetched by one process, read by all as files.

The process asks each issuer every ten minutes, and sooner when a token named a key that is not there. What it gets is
looked at before it takes the place of what there was. No request waits for an issuer, and none makes a connection:
keys that could not be renewed for a day are believed no longer.

Source: RFC 7517 §5 and §8.5; OpenID Connect Core 1.0 §10.1.1 (rotation of keys); RFC 9110.
"""

from __future__ import annotations

import hashlib
import http.client
import signal
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from dmp.ports import Clock
from pdsm.jwks import MAX_BYTES, KeySetError, VerificationKey, read_jwks
from server import logging as technical
from server.durable import replace_file
from server.oauth_settings import Issuer
from server.settings import Settings

FOLDER = "issuers"
WANTED = ".wanted"  # ends the name of a file that is touched when a key was missed
BELIEVED = timedelta(hours=24)
RENEW_SECONDS, SOONEST_SECONDS, POLL_SECONDS = 600.0, 30.0, 1.0
TIMEOUT_SECONDS, WHOLE_SECONDS = 10.0, 30.0  # of each step, and of a whole answer
BLOCK_BYTES = 8 * 1024

_log = structlog.get_logger("dmp.issuers")


class FetchError(Exception):
    """Keys that could not be fetched. The text names what went wrong, nothing that the issuer wrote."""


class KeyFiles:
    """The keys of issuers as their files have them. Implements `pdsm.jwks.Keys`; safe to share between threads.

    `own` are those of this server itself.
    """

    def __init__(self, home: Path, now: Clock, own: Mapping[str, tuple[VerificationKey, ...]]) -> None:
        self._folder, self._now, self._own = home / FOLDER, now, own
        self._read: dict[str, tuple[tuple[int, int], tuple[VerificationKey, ...]]] = {}

    def of(self, issuer: str) -> tuple[VerificationKey, ...]:
        """See `pdsm.jwks.Keys`."""
        if issuer in self._own:
            return self._own[issuer]
        file = key_file(self._folder, issuer)
        try:
            status = file.stat()
            if datetime.fromtimestamp(status.st_mtime, UTC) + BELIEVED < self._now():
                return ()
            stamp = status.st_mtime_ns, status.st_size
            held = self._read.get(issuer)
            if held is None or held[0] != stamp:
                held = self._read[issuer] = stamp, read_jwks(file.read_bytes())
        except (OSError, KeySetError):
            return ()
        return held[1]

    def missed(self, issuer: str) -> None:
        """See `pdsm.jwks.Keys`."""
        if issuer not in self._own and self._folder.is_dir():
            key_file(self._folder, issuer).with_suffix(WANTED).touch()


def key_file(folder: Path, issuer: str) -> Path:
    """Where the keys of an issuer are, whatever letters are in its name."""
    return folder / f"{hashlib.sha256(issuer.encode()).hexdigest()}.json"


def fetch_keys(settings: Settings) -> None:
    """Keeps the keys of every issuer up to date until SIGTERM."""
    technical.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = settings.home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    threads = [threading.Thread(target=_keep, args=(folder, each, stop)) for each in settings.oauth.issuers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _keep(folder: Path, issuer: Issuer, stop: threading.Event) -> None:
    tried = -RENEW_SECONDS
    while True:
        since = time.monotonic() - tried
        if since >= RENEW_SECONDS or (since >= SOONEST_SECONDS and _wanted(folder, issuer)):
            tried = time.monotonic()
            _renew(folder, issuer)
        if stop.wait(POLL_SECONDS):
            return


def _wanted(folder: Path, issuer: Issuer) -> bool:
    """Whether there are no keys, or one was missed since they were fetched."""
    file = key_file(folder, issuer.name)
    try:
        fetched = file.stat().st_mtime_ns
    except FileNotFoundError:
        return True
    try:
        return file.with_suffix(WANTED).stat().st_mtime_ns > fetched
    except FileNotFoundError:
        return False


def _renew(folder: Path, issuer: Issuer) -> None:
    try:
        data = fetch(issuer)
        keys = read_jwks(data)
        replace_file(key_file(folder, issuer.name), data.decode("utf-8"))
    except (FetchError, KeySetError) as error:
        _log.warning("keys not renewed", issuer=issuer.jwks.base, error=str(error))
    except OSError as error:
        _log.error("keys not kept", issuer=issuer.jwks.base, error=type(error).__name__)
    else:
        _log.info("keys renewed", issuer=issuer.jwks.base, keys=len(keys))


def fetch(issuer: Issuer) -> bytes:
    """What the issuer publishes, whatever it is. No proxy, no redirect. Raises FetchError."""
    give_up = time.monotonic() + WHOLE_SECONDS
    host, port = issuer.jwks.host, issuer.jwks.port
    if issuer.jwks.scheme == "http":
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    else:
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    try:
        connection.request("GET", issuer.jwks.target, headers={"Accept": "application/json, application/jwk-set+json"})
        response = connection.getresponse()
        if response.status != 200:
            raise FetchError(f"expected 200, got {response.status}")
        found = b""
        while block := response.read1(BLOCK_BYTES):
            found += block
            if len(found) > MAX_BYTES:
                raise FetchError(f"expected at most {MAX_BYTES} bytes, got more")
            if time.monotonic() > give_up:
                raise FetchError(f"expected an answer within {WHOLE_SECONDS:.0f} s, got a part")
        return found
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(type(error).__name__) from None
    finally:
        connection.close()
