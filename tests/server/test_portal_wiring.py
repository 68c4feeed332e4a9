"""Who opens a page, whatever way the request came."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from servers import prepare

from conformance.pki import Credential, Pki
from server.app import create_app
from server.settings import Exposure, load

PAGE = "/AccesDirect/Parametrages"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def pki(home: Path) -> Pki:
    return prepare(home)


@pytest.fixture(scope="module")
def card(pki: Pki) -> Credential:
    return pki.person("médecin", "899700000033", "PETIT", "Léa", "10", "SM26")


def client(home: Path, exposure: Exposure, domain: str = "fr-dmp") -> FlaskClient:
    return create_app(load({"home": home, "domain": domain}, {}), exposure).test_client()


def shown(pem: bytes, verified: str = "SUCCESS") -> dict[str, str]:
    """The headers by which a proxy hands on a certificate."""
    leaf = pem.decode().partition("-----END")[0] + "-----END CERTIFICATE-----\n"
    return {"X-SSL-Client-Verify": verified, "X-SSL-Client-Cert": quote(leaf)}


def test_a_proxy_hands_on_the_card(home: Path, card: Credential) -> None:
    pages = client(home, Exposure.PROXY)
    answer = pages.get(PAGE, headers=shown(card.auth_pem))
    assert answer.status_code == 200
    assert "PETIT Léa" in answer.text
    assert pages.get(PAGE, headers=shown(card.auth_pem, "FAILED:expired")).status_code == 401
    assert pages.get(PAGE).status_code == 401
    assert pages.get(PAGE, headers={"X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-Cert": "none"}).status_code == 401


def test_a_card_is_known_by_its_authentication_certificate(home: Path, card: Credential) -> None:
    assert client(home, Exposure.PROXY).get(PAGE, headers=shown(card.sign_pem)).status_code == 401


def test_the_server_believes_no_header_where_it_speaks_to_anybody(home: Path, card: Credential) -> None:
    assert client(home, Exposure.LOOPBACK).get(PAGE, headers=shown(card.auth_pem)).status_code == 401


def test_a_card_of_another_authority_is_none(home: Path, pki: Pki, tmp_path: Path) -> None:
    stranger = Pki.create(tmp_path).person("autre", "899700000041", "AUTRE", "Jean", "10", "SM26")
    answer = client(home, Exposure.PROXY).get(PAGE, headers=shown(stranger.auth_pem))
    assert answer.status_code == 401
    assert "certificat n&#39;est pas reconnu" in answer.text


def test_an_ihe_domain_has_no_such_pages(home: Path, card: Credential) -> None:
    answer = client(home, Exposure.PROXY, "ihe-connectathon").get(PAGE, headers=shown(card.auth_pem))
    assert (answer.status_code, answer.mimetype) == (404, "application/json")
