"""Keys of issuers: fetched with limits, renewed, kept as files, believed for a day."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server import issuer_keys
from server.channels import receiver_url
from server.issuer_keys import BELIEVED, FOLDER, FetchError, KeyFiles, fetch, key_file
from server.oauth_settings import Issuer
from server.settings import SettingsError, load
from tests.tokens import ISSUER, key_for, public, publishing

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / FOLDER
    made.mkdir()
    return made


def names(home: Path, instant: datetime = NOW) -> list[str]:
    return [each.id for each in KeyFiles(home, lambda: instant, {}).of(ISSUER)]


def put(folder: Path, body: bytes, instant: datetime = NOW) -> None:
    file = key_file(folder, ISSUER)
    file.write_bytes(body)
    os.utime(file, (instant.timestamp(), instant.timestamp()))


def wait_for(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_what_an_issuer_publishes_is_fetched() -> None:
    with publishing(public(key_for("ES256"))) as published:
        assert fetch(Issuer(ISSUER, receiver_url(published.address))) == published.body
        published.status = 302
        with pytest.raises(FetchError, match="302"):
            fetch(Issuer(ISSUER, receiver_url(published.address)))
        published.status, published.body = 200, b" " * 70_000
        with pytest.raises(FetchError, match="at most"):
            fetch(Issuer(ISSUER, receiver_url(published.address)))
    with pytest.raises(FetchError):
        fetch(Issuer(ISSUER, receiver_url(published.address)))


def test_files_are_read_again_when_they_change(folder: Path) -> None:
    keys = KeyFiles(folder.parent, lambda: NOW, {})
    assert keys.of(ISSUER) == ()
    put(folder, public(key_for("ES256")))
    assert [each.id for each in keys.of(ISSUER)] == ["ES"]
    put(folder, public(key_for("RS256")), NOW + timedelta(minutes=10))
    assert [each.id for each in keys.of(ISSUER)] == ["RS"]
    put(folder, b"{", NOW + timedelta(minutes=20))
    assert keys.of(ISSUER) == ()
    assert keys.of("https://other.example") == ()


def test_keys_that_could_not_be_renewed_for_a_day_are_believed_no_longer(folder: Path) -> None:
    put(folder, public(key_for("ES256")))
    assert names(folder.parent, NOW + BELIEVED) == ["ES"]
    assert names(folder.parent, NOW + BELIEVED + timedelta(seconds=1)) == []


def test_a_new_key_is_fetched_when_it_is_missed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer changes its key: whoever meets the new one asks for it; an answer that is none changes nothing."""
    monkeypatch.setattr(issuer_keys, "SOONEST_SECONDS", 0.0)
    monkeypatch.setattr(issuer_keys, "POLL_SECONDS", 0.01)
    keys = KeyFiles(folder.parent, lambda: datetime.now(UTC), {})
    stop = threading.Event()
    with publishing(public(key_for("ES256"))) as published:
        issuer = Issuer(ISSUER, receiver_url(published.address))
        fetcher = threading.Thread(target=issuer_keys._keep, args=(folder, issuer, stop))
        fetcher.start()
        try:
            wait_for(lambda: bool(keys.of(ISSUER)))
            published.body = b"not yet"
            keys.missed(ISSUER)
            wait_for(lambda: published.asked > 1)
            assert [each.id for each in keys.of(ISSUER)] == ["ES"]
            published.body = public(key_for("RS256"))
            wait_for(lambda: [each.id for each in keys.of(ISSUER)] == ["RS"])
        finally:
            stop.set()
            fetcher.join()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"oauth_issuers": ["https://a.example https://a.example/certs"]}, "oauth_audiences: expected beside"),
        ({"oauth_issuers": ["https://a.example"]}, "an issuer and the URL"),
        ({"oauth_issuers": ["a https://a.example/certs"], "oauth_audiences": ["x"]}, "oauth_issuers"),
        ({"oauth_issuers": ["https://a.example http://a.example/certs"], "oauth_audiences": ["x"]}, "https"),
        (
            {"oauth_issuers": [f"{ISSUER} {ISSUER}/a", f"{ISSUER} {ISSUER}/b"], "oauth_audiences": ["x"]},
            "each issuer once",
        ),
        (
            {"oauth_server": ISSUER, "oauth_issuers": [f"{ISSUER} {ISSUER}/a"], "oauth_audiences": ["x"]},
            "not this server",
        ),
        ({"oauth_server": f"{ISSUER}/realms"}, "without a path"),
        ({"oauth_server": "http://a.example"}, "https"),
        ({"oauth_auditors": ["https://a.example somebody"]}, "expected issuers"),
        ({"oauth_auditors": ["somebody"]}, "a subject"),
        ({"oauth_audiences": ["two words"]}, "without spaces"),
    ],
)
def test_half_of_the_settings_is_none(tmp_path: Path, given: dict[str, list[str]], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load({"home": tmp_path, **given}, {})


def test_settings_of_tokens_are_read(tmp_path: Path) -> None:
    variables = {
        "DMP_OAUTH_ISSUERS": f"{ISSUER} {ISSUER}/certs",
        "DMP_OAUTH_AUDIENCES": "https://dmp.example/fhir,dmp",
        "DMP_OAUTH_AUDITORS": f"{ISSUER} 8997",
    }
    found = load({"home": tmp_path}, variables).oauth
    assert (found.names, found.audiences) == ({ISSUER}, ("https://dmp.example/fhir", "dmp"))
    assert found.auditors == ((ISSUER, "8997"),)
