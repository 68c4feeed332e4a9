"""How many failed handshakes are recorded, and what one says; over the wire they are in the journeys of the log."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import AuditUnavailable
from audit.event import Event, Outcome
from conformance.pki import Pki, ec_key, reused
from server.tls_failures import OF_ALL, OF_ONE_ADDRESS, WINDOW, Failure, Failures, Quota, event_of

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
ARRIVALS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 90)), max_size=400)  # address, seconds since the last


def failure(address: str = "192.0.2.7", certificate: bytes = b"") -> Failure:
    error = ssl.SSLError(1, "[SSL: HTTP_REQUEST] http request (_ssl.c:1006)")
    return Failure(error, address, "https://192.0.2.1:8443", certificate)


@given(ARRIVALS)
def test_none_is_lost_from_the_count_and_no_window_has_too_many(arrivals: list[tuple[int, int]]) -> None:
    quota, now = Quota(), NOW
    told = recorded = 0
    admitted: list[tuple[datetime, int]] = []
    for address, seconds in arrivals:
        now += timedelta(seconds=seconds)
        left_out = quota.admit(str(address), now)
        if left_out is not None:
            told, recorded = told + left_out, recorded + 1
            admitted.append((now, address))
    last = quota.admit("another", now + WINDOW)
    assert last is not None
    assert told + last + recorded == len(arrivals)
    for instant, address in admitted:
        near = [each for each in admitted if instant <= each[0] < instant + WINDOW]
        assert len(near) <= 2 * OF_ALL
        assert len([each for each in near if each[1] == address]) <= 2 * OF_ONE_ADDRESS


def test_a_flood_of_one_address_leaves_the_others_theirs() -> None:
    quota = Quota()
    admitted = [quota.admit("192.0.2.7", NOW) for _ in range(50)]
    assert admitted == [0] * OF_ONE_ADDRESS + [None] * (50 - OF_ONE_ADDRESS)
    assert quota.admit("192.0.2.8", NOW) == 50 - OF_ONE_ADDRESS
    assert quota.admit("192.0.2.8", NOW) == 0


def test_a_flood_of_many_addresses_is_bounded_too() -> None:
    quota = Quota()
    admitted = [quota.admit(f"192.0.2.{number}", NOW) for number in range(200)]
    assert len([each for each in admitted if each is not None]) == OF_ALL


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    quota = Quota()
    for _ in range(OF_ONE_ADDRESS + 5):
        quota.admit("192.0.2.7", NOW)
    assert quota.admit("192.0.2.7", NOW - timedelta(days=1)) == 5


def test_who_leaves_without_a_word_leaves_no_event() -> None:
    events: list[Event] = []
    failures = Failures(events.append, lambda: NOW)
    for error in (ssl.SSLEOFError(8, "EOF occurred"), ssl.SSLZeroReturnError(6, "closed")):
        failures.note(Failure(error, "192.0.2.7", "https://192.0.2.1:8443"))
    assert events == []


def test_a_log_that_cannot_be_written_troubles_no_handshake() -> None:
    def record(_event: Event) -> None:
        raise AuditUnavailable("a log", "none")

    Failures(record, lambda: NOW).note(failure())


def test_what_an_event_says_of_a_certificate(tmp_path: Path) -> None:
    pki = Pki.create(tmp_path, key_maker=reused(ec_key))
    pki.person("somebody", "899700000017", "MARTIN", "Anne", "10", "SM26")
    shown = x509.load_pem_x509_certificate((tmp_path / "pki" / "somebody" / "auth.pem").read_bytes())
    event = event_of(failure(certificate=shown.public_bytes(Encoding.DER)), NOW, 3)
    (node,) = event.objects
    assert (event.outcome, event.rule, event.call.transaction) == (Outcome.SERIOUS_FAILURE, "tls", "ITI-19")
    assert node.id == event.call.client_certificate == shown.subject.rfc4514_string()
    assert dict(node.details)["Certificate Serial Number"] == f"{shown.serial_number:x}"
    assert dict(node.details)["Not recorded before"] == "3"


@given(st.binary(max_size=64))
def test_whatever_is_shown_an_event_is_made(certificate: bytes) -> None:
    (node,) = event_of(failure(certificate=certificate), NOW).objects
    assert node.id == "192.0.2.7"
