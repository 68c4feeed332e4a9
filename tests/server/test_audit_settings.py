"""The settings of the audit log: read from the file and from variables, wrong ones named."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.address import Address
from server.audit_settings import AuditSettings, Way
from server.settings import SettingsError, load


def read(home: Path, text: str = "", **variables: str) -> AuditSettings:
    (home / "settings.toml").write_text(text, "utf-8")
    return load({"home": home}, variables).audit


def test_nothing_leaves_and_nothing_comes_in_unless_the_settings_say_so(tmp_path: Path) -> None:
    settings = load({"home": tmp_path}, {})
    assert settings.audit == AuditSettings()
    assert not settings.audit.takes_syslog
    assert not settings.sends_by_tls


def test_repositories_are_syslog_over_tls_or_udp_or_a_fhir_server(tmp_path: Path) -> None:
    audit = read(
        tmp_path, 'audit_repositories = ["tls://arr.example", "udp://[::1]:5514", "https://fhir.example/r4/"]\n'
    )
    assert [each.way for each in audit.repositories] == [Way.TLS, Way.UDP, Way.FHIR]
    assert [str(each) for each in audit.repositories] == [
        "tls://arr.example:6514",
        "udp://[::1]:5514",
        "https://fhir.example:443/r4",
    ]
    assert audit.uses_tls
    assert not audit.takes_syslog


def test_the_same_as_variables(tmp_path: Path) -> None:
    audit = read(
        tmp_path,
        DMP_AUDIT_REPOSITORIES="udp://127.0.0.1, tls://arr.example:6515, udp://127.0.0.1:514",
        DMP_AUDIT_SYSLOG_TLS="0.0.0.0:6514",
        DMP_AUDIT_SYSLOG_NEWLINE="true",
        DMP_AUDIT_SYSLOG_BYTES="65536",
    )
    assert [str(each) for each in audit.repositories] == ["udp://127.0.0.1:514", "tls://arr.example:6515"]
    assert audit.syslog_tls == Address("0.0.0.0", 6514)
    assert audit.syslog_newline
    assert audit.syslog_bytes == 65536
    assert audit.takes_syslog


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(
            tmp_path,
            'audit_repositories = ["tcp://arr.example:601"]\naudit_syslog_tls = "arr.example:6514"\n'
            'audit_syslog_newline = "perhaps"\naudit_syslog_bytes = 5\n',
        )
    named = [problem.partition(":")[0] for problem in caught.value.problems]
    assert named == ["audit_repositories", "audit_syslog_tls", "audit_syslog_newline", "audit_syslog_bytes"]


@pytest.mark.parametrize("url", ["tls://", "tls://arr.example/path", "udp://a b:1", "http://arr.example/fhir"])
def test_a_repository_has_one_reading_or_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="audit_repositories"):
        read(tmp_path, f'audit_repositories = ["{url}"]\n')


def test_a_server_that_sends_or_takes_syslog_over_tls_needs_its_certificate(tmp_path: Path) -> None:
    for line in ('audit_repositories = ["tls://arr.example"]', 'audit_syslog_tls = "127.0.0.1:6514"'):
        (tmp_path / "settings.toml").write_text(f"{line}\n", "utf-8")
        settings = load({"home": tmp_path, "http": "127.0.0.1:8080"}, {})
        with pytest.raises(SettingsError) as caught:
            settings.check_serving()
        assert {problem.partition(" ")[0] for problem in caught.value.problems} >= {"server_certificate", "server_key"}


FINGERPRINT = "AB" * 32


def test_auditors_and_senders_are_named_by_their_certificates(tmp_path: Path) -> None:
    colons = ":".join(["AB"] * 32)
    audit = read(
        tmp_path,
        f"audit_auditors = ['CN=Zoé\\, auditrice,O=TEST,2.5.4.4=ROUX,C=FR', '{colons}']\naudit_feed = true\n",
        DMP_AUDIT_SENDERS=f"CN=node,O=TEST; {FINGERPRINT}",
    )
    assert audit.auditors == (r"CN=Zoé\, auditrice,O=TEST,2.5.4.4=ROUX,C=FR", "ab" * 32)
    assert audit.senders == ("CN=node,O=TEST", "ab" * 32)
    assert audit.feed


@pytest.mark.parametrize("named", ["somebody", "CN=", "AB" * 31, "=x", "CN=a,,O=b"])
def test_what_names_no_certificate_is_said(tmp_path: Path, named: str) -> None:
    with pytest.raises(SettingsError, match=r"audit_auditors: expected SHA-256 fingerprints and subjects"):
        read(tmp_path, f'audit_auditors = ["{named}"]\n')
