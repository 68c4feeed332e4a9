"""A test PKI and the people in it, made once: keys are slow to make, so all leaves of one use share one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from vihf_messages import NOW, PROFILE, Actors, Authenticate, message, tls
from xua_messages import NODE, Ask, signed
from xua_messages import PROFILE as XUA_PROFILE

from conformance.pki import Credential, Pki, reused, rsa_key
from identities.requester import Requester
from ihe.certificates import TrustStore
from ihe.replay import MemoryReplayGuard
from ihe.signature import verify_enveloped
from ihe.vihf import VihfAuthenticator, verify_with_signxml
from ihe.xua import XuaAuthenticator
from schemas.domain import AssertionProfile


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A PKI whose present is NOW."""
    return Pki.create(tmp_path_factory.mktemp("pki"), now=NOW, key_maker=reused(rsa_key))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Another PKI of the same names, which nobody configured."""
    return Pki.create(tmp_path_factory.mktemp("stranger"), now=NOW, key_maker=reused(rsa_key))


@pytest.fixture(scope="session")
def actors(pki: Pki) -> Actors:
    """The credentials of everybody."""
    yesterday = NOW - timedelta(days=1)
    made = Actors(
        medecin=pki.person("medecin", "899900063480", "TRAL", "ADEMIS", "10", "SM26"),
        other_medecin=pki.person("other-medecin", "899900038839", "BRUN", "ALIX", "10", "SM26"),
        pharmacien=pki.person("pharmacien", "899900011111", "OFFICINE", "PAUL", "21", "A"),
        secretaire=pki.person("secretaire", "10B0011797/00B1022322", "", "", "", card="CPE"),
        expired=pki.person("expired", "899900022222", "PASSE", "JEAN", "10", "SM26", not_after=yesterday),
        revoked=pki.person("revoked", "899900033333", "VOLEE", "CARTE", "10", "SM26"),
        hospital=pki.structure("hospital", "10B0011797", "CHU de test"),
        other_hospital=pki.structure("other-hospital", "1750712184", "Clinique de test"),
    )
    pki.revoke("revoked")
    return made


@pytest.fixture(scope="session")
def trust(pki: Pki, actors: Actors) -> TrustStore:
    """The trust store of that PKI, revocations included."""
    return TrustStore.load(pki.folder / "ca.pem", pki.folder / "crl.pem")


@pytest.fixture(params=[verify_enveloped, verify_with_signxml], ids=["pinned", "signxml"])
def authenticate(request: pytest.FixtureRequest, trust: TrustStore) -> Authenticate:
    """authenticate(assertion, credential whose TLS certificate comes with it), with either verifier."""
    authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard(), verify=request.param)

    def call(assertion: bytes, client: Credential | None, at: timedelta = timedelta()) -> Requester:
        der = None if client is None else tls(client)
        return authenticator.authenticate(message(assertion), der, NOW + at)

    return call


@pytest.fixture(params=[verify_enveloped, verify_with_signxml], ids=["pinned", "signxml"])
def ask(request: pytest.FixtureRequest, trust: TrustStore, actors: Actors) -> Ask:
    """ask(changes to the assertion of a hospital's user ...), with either verifier."""
    guard = MemoryReplayGuard()

    def call(
        assertion: bytes | None = None,
        *,
        profile: AssertionProfile = XUA_PROFILE,
        node: str = NODE,
        certificate: bytes | None = None,
        at: timedelta = timedelta(),
        **changes: Any,
    ) -> Requester:
        authenticator = XuaAuthenticator(trust, profile, guard, verify=request.param)
        envelope = message(assertion or signed(actors.hospital, **changes))
        return authenticator.authenticate(envelope, node, certificate, NOW + at)

    return call
