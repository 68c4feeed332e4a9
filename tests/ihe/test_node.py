"""Node authentication in an IHE domain. Source: ITI TF-2 3.19 (Authenticate Node), 3.40; WSS 1.1 §5, §12."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from vihf_messages import NOW, Actors, envelope, message, refused, tls
from xua_messages import PROFILE, signed

from audit.event import Call
from conformance.pki import Pki
from conformance.signing import WSSE, security_header
from identities.requester import Authentication, Requester
from ihe.certificates import TrustStore
from ihe.door import Peer
from ihe.errors import AuthenticationError
from ihe.node import NodeAuthenticator
from ihe.replay import MemoryReplayGuard
from ihe.soap import Header
from schemas.domain import AssertionProfile
from schemas.xml import parse

LOCAL = Peer(None, local=True)
BARE = parse(envelope())
SAML_1 = "urn:oasis:names:tc:SAML:1.0:assertion"


def ask(
    trust: TrustStore | None,
    peer: Peer,
    root: object = BARE,
    *,
    profile: AssertionProfile = PROFILE,
    at: timedelta = timedelta(),
) -> Requester:
    security = next(root.iter(f"{{{WSSE}}}Security"), None)  # type: ignore[attr-defined]
    header = Header(root, "urn:a", security=security)  # type: ignore[arg-type]
    call = Call("ITI-18", "request", client_address="127.0.0.1")
    return NodeAuthenticator(trust, profile, MemoryReplayGuard()).authenticate(header, peer, call, NOW + at)


def security(*children: str, mandatory: bool = False) -> object:
    understood = ' soap:mustUnderstand="1"' if mandatory else ""
    block = f'<wsse:Security xmlns:wsse="{WSSE}"{understood}>{"".join(children)}</wsse:Security>'
    return parse(envelope(block.encode()))


# --- Nodes ------------------------------------------------------------------------------------------------------------


def test_a_node_is_known_by_its_certificate(trust: TrustStore, actors: Actors) -> None:
    node = ask(trust, Peer(tls(actors.hospital)))
    assert node.authentication is Authentication.NOEUD_IHE
    assert node.name == node.certificate_subject
    assert "CHU de test" in node.name


def test_any_subject_will_do(trust: TrustStore, actors: Actors) -> None:
    """Nothing of a French certificate profile is asked of a node."""
    assert "899900063480" in ask(trust, Peer(tls(actors.medecin))).name


def test_on_this_machine_no_certificate_is_needed(trust: TrustStore) -> None:
    assert ask(trust, LOCAL).name == ask(None, LOCAL).name == "127.0.0.1"


def test_over_tls_a_certificate_is_needed(trust: TrustStore) -> None:
    """Even from an address of this machine: what tells is how the request came."""
    with refused("expected a client certificate", "wsse:FailedAuthentication"):
        ask(trust, Peer(None))


@pytest.mark.parametrize("who", ["expired", "revoked"])
def test_a_node_that_is_not_believed_any_more(trust: TrustStore, actors: Actors, who: str) -> None:
    with refused("TLS client certificate", "wsse:FailedAuthentication"):
        ask(trust, Peer(tls(getattr(actors, who))))


def test_a_node_of_another_pki(trust: TrustStore, stranger: Pki) -> None:
    with refused("issued under a configured CA"):
        ask(trust, Peer(tls(stranger.structure("stranger", "10B0011797", "CHU de test"))))


def test_a_certificate_for_other_purposes(trust: TrustStore, actors: Actors) -> None:
    """RFC 5280 4.2.1.12: a structure's seal is for e-mail, not for TLS."""
    with refused("for TLS clients"):
        ask(trust, Peer(tls(actors.hospital, "sign")))


@pytest.mark.parametrize("local", [True, False])
def test_a_certificate_is_never_believed_without_anchors(actors: Actors, local: bool) -> None:
    with refused("without anchors"):
        ask(None, Peer(tls(actors.hospital), local=local))


def test_bytes_that_are_no_certificate(trust: TrustStore) -> None:
    with refused("TLS client certificate"):
        ask(trust, Peer(b"0\x03\x02\x01\x01"))


def test_what_was_believed_once_ends_with_its_chain(trust: TrustStore, actors: Actors) -> None:
    ask(trust, Peer(tls(actors.hospital)))
    with refused("TLS client certificate"):
        ask(trust, Peer(tls(actors.hospital)), at=timedelta(days=4000))


# --- Users ------------------------------------------------------------------------------------------------------------


def test_an_assertion_names_the_user(trust: TrustStore, actors: Actors) -> None:
    root = message(signed(actors.hospital))
    for peer in (LOCAL, Peer(tls(actors.hospital))):
        assert ask(trust, peer, root).authentication is Authentication.XUA


def test_an_assertion_is_no_substitute_for_the_node(trust: TrustStore, actors: Actors) -> None:
    with refused("expected a client certificate"):
        ask(trust, Peer(None), message(signed(actors.hospital)))


def test_an_assertion_that_is_there_is_verified(trust: TrustStore, stranger: Pki) -> None:
    root = message(signed(stranger.structure("sts", "10B0011797", "STS")))
    for store in (trust, None):
        with pytest.raises(AuthenticationError, match="XUA"):
            ask(store, LOCAL, root)


def test_an_assertion_out_of_its_place_is_not_passed_over(trust: TrustStore, actors: Actors) -> None:
    assertion = signed(actors.hospital)
    for root in (parse(envelope(assertion)), parse(envelope(body=assertion)), message(assertion + assertion)):
        with refused("one Assertion in the envelope", "wsse:InvalidSecurity"):
            ask(trust, LOCAL, root)


def test_a_domain_may_require_assertions(trust: TrustStore, actors: Actors) -> None:
    required = replace(PROFILE, required=True)
    for root in (BARE, security()):
        with refused("got none", "wsse:SecurityTokenUnavailable"):
            ask(trust, LOCAL, root, profile=required)
    assert ask(trust, LOCAL, message(signed(actors.hospital)), profile=required).name == "John Doe"


# --- Other tokens -----------------------------------------------------------------------------------------------------

TOKENS = [
    f'<wsse:UsernameToken xmlns:wsse="{WSSE}"/>',
    f'<wsse:BinarySecurityToken xmlns:wsse="{WSSE}"/>',
    f'<Assertion xmlns="{SAML_1}"/>',
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_that_must_be_understood(trust: TrustStore, token: str) -> None:
    with refused("another token", "wsse:UnsupportedSecurityToken"):
        ask(trust, LOCAL, security(token, mandatory=True))
    assert ask(trust, LOCAL, security(token)).name == "127.0.0.1"


@pytest.mark.parametrize("mandatory", [True, False])
def test_a_header_without_token_says_nothing(trust: TrustStore, mandatory: bool) -> None:
    timestamp = '<wsu:Timestamp xmlns:wsu="urn:wsu"/>'
    assert ask(trust, LOCAL, security(timestamp, mandatory=mandatory)).name == "127.0.0.1"


def test_tokens_beside_an_assertion_are_passed_over(trust: TrustStore, actors: Actors) -> None:
    header = security_header(TOKENS[0].encode() + signed(actors.hospital))
    assert ask(trust, LOCAL, parse(envelope(header))).authentication is Authentication.XUA
