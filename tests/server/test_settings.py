"""Settings: what wins over what, and everything that is missing said at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.settings import Address, Settings, SettingsError, load


def settings(home: Path, **flags: object) -> Settings:
    return load({"home": home, **flags}, {})


def test_defaults_keep_all_state_in_home(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.domain.name == "fr-dmp"
    assert found.database_url == f"sqlite:///{tmp_path}/dmp.db"
    assert [found.documents, found.ca, found.crl] == [tmp_path / name for name in ("documents", "ca.pem", "crl.pem")]
    assert found.matrice == found.domain.matrice


def test_a_body_may_hold_the_largest_document_inline_in_base64(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.max_body_bytes > found.domain.max_document_bytes * 4 / 3


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('http = "127.0.0.1:1"\nhttps = "127.0.0.1:2"\nworkers = 3\n')
    environment = {"DMP_HOME": str(tmp_path), "DMP_HTTPS": "127.0.0.1:20", "DMP_HTTP": "127.0.0.1:10"}
    found = load({"http": "127.0.0.1:100"}, environment)
    assert found.http == Address("127.0.0.1", 100)
    assert found.https == Address("127.0.0.1", 20)
    assert found.workers == 3
    assert found.threads == 8


def test_variables_of_other_things_are_left_alone(tmp_path: Path) -> None:
    load({}, {"DMP_HOME": str(tmp_path), "DMP_REFERENCE": "elsewhere", "DMP_HTTPS_PORT": "9"})


def test_without_home_nothing_starts() -> None:
    with pytest.raises(SettingsError, match="--home DIR or DMP_HOME"):
        load({}, {})


def test_every_wrong_value_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        settings(tmp_path, https="everywhere", workers="0", database_url="mysql://x", domain="fr-dpm")
    words = [problem.partition(":")[0] for problem in raised.value.problems]
    assert sorted(words) == ["database_url", "domain", "https", "workers"]
    assert "ADDR:PORT" in str(raised.value)
    assert "everywhere" in str(raised.value)


def test_who_is_let_in_on_opening_comes_from_the_file_or_a_variable(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('ouverture_autorise = ["899700000013", "1990000018"]\n')
    assert settings(tmp_path).ouverture_autorise == ("899700000013", "1990000018")
    assert settings(tmp_path).ouverture_medecin_traitant == ()
    variables = {"DMP_OUVERTURE_MEDECIN_TRAITANT": "899700000013, 899700000021"}
    found = load({"home": tmp_path}, variables)
    assert found.ouverture_medecin_traitant == ("899700000013", "899700000021")


@pytest.mark.parametrize(
    ("name", "value"), [("ouverture_autorise", "Dr Leblanc"), ("ouverture_medecin_traitant", "1990000018")]
)
def test_who_is_let_in_must_be_an_identifier(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: .*IdNat"):
        load({"home": tmp_path}, {f"DMP_{name.upper()}": value})


def test_an_unknown_key_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('htps = "127.0.0.1:2"\n')
    with pytest.raises(SettingsError, match="htps"):
        settings(tmp_path)


def test_a_server_says_everything_it_lacks(tmp_path: Path) -> None:
    missing = settings(tmp_path / "nowhere", https="127.0.0.1:8443", http="192.0.2.1:8080")
    with pytest.raises(SettingsError) as raised:
        missing.check_serving()
    told = str(raised.value)
    for word in ("home:", "loopback", "ca (", "crl (", "server_certificate", "server_key"):
        assert word in told
    assert len(raised.value.problems) == 6


def test_a_server_without_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no address"):
        settings(tmp_path).check_serving()


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "[::]:8080", "10.0.0.1:8080"])
def test_plain_http_never_leaves_the_machine(tmp_path: Path, address: str) -> None:
    for name in ("ca.pem", "crl.pem"):
        (tmp_path / name).touch()
    with pytest.raises(SettingsError, match="loopback"):
        settings(tmp_path, http=address).check_serving()


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "[::1]:8080", "localhost:8080"])
def test_plain_http_on_loopback_is_served(tmp_path: Path, address: str) -> None:
    for name in ("ca.pem", "crl.pem"):
        (tmp_path / name).touch()
    settings(tmp_path, http=address).check_serving()


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_address_is_read_as_it_is_written(host: object, port: int) -> None:
    address = Address(str(host), port)
    assert load({"home": "anywhere", "https": str(address)}, {}).https == address


def test_answers_leave_for_listed_addresses_only(tmp_path: Path) -> None:
    assert settings(tmp_path).reply_to == ()
    (tmp_path / "settings.toml").write_text('reply_to = ["https://A.example/replies", "http://127.0.0.1:9000"]\n')
    assert [url.base + url.path for url in settings(tmp_path).reply_to] == [
        "https://a.example:443/replies",
        "http://127.0.0.1:9000/",
    ]
    found = load({"home": tmp_path}, {"DMP_REPLY_TO": "http://localhost:1, https://b.example:8443/x"})
    assert [url.host for url in found.reply_to] == ["localhost", "b.example"]


@pytest.mark.parametrize(
    "value",
    ["http://receiver.example/", "https://user@a.example/", "https://a.example/../x", "a.example", "https://a/?b"],
)
def test_an_address_for_answers_is_https_or_on_this_machine(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match="reply_to: expected"):
        load({"home": tmp_path}, {"DMP_REPLY_TO": value})


@pytest.mark.parametrize(
    ("flags", "lacks"),
    [
        ({}, set()),
        ({"https": "127.0.0.1:1"}, {"ca", "crl", "server_certificate", "server_key"}),
        ({"unix": "proxy.sock"}, {"ca", "crl"}),  # a proxy's certificates are verified here as well
        ({"reply_to": "https://a.example"}, {"ca", "crl", "server_certificate", "server_key"}),
        ({"reply_to": "http://127.0.0.1:1"}, set()),
    ],
)
def test_an_ihe_domain_needs_what_it_verifies_with(tmp_path: Path, flags: dict[str, str], lacks: set[str]) -> None:
    made = settings(tmp_path, domain="ihe-connectathon", http="127.0.0.1:2", **flags)
    told: tuple[str, ...] = ()
    try:
        made.check_serving()
    except SettingsError as error:
        told = error.problems
    assert {problem.partition(":")[0].partition(" ")[0] for problem in told} == lacks


def test_anchors_that_are_there_are_used(tmp_path: Path) -> None:
    assert not settings(tmp_path, domain="ihe-connectathon").needs_anchors
    (tmp_path / "ca.pem").touch()
    assert settings(tmp_path, domain="ihe-connectathon").needs_anchors


def test_the_portal_s_address_is_one_that_may_stand_in_a_message(tmp_path: Path) -> None:
    assert settings(tmp_path).portal_address == ""
    assert (
        settings(tmp_path, portal_address="https://portail.example/dmp/").portal_address
        == "https://portail.example/dmp/"
    )
    for wrong in (
        "portail.example",
        "http://portail.example/",
        "https://portail.example/?patient=1",
        "javascript:alert(1)",
    ):
        with pytest.raises(SettingsError, match="portal_address"):
            settings(tmp_path, portal_address=wrong)
