"""X-User Assertions for tests, and ways of altering one before it is signed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from lxml import etree
from vihf_messages import NOW, SAML

from conformance.pki import Credential
from conformance.signing import build_xua
from identities.requester import Requester
from schemas.domain import AssertionProfile, Profile, Replay

PROFILE = AssertionProfile(Profile.XUA, ("2.0",), validity_seconds=3600, skew_seconds=60, replay=Replay.SAME_ASSERTION)
HERE = "urn:oid:1.3.6.1.4.1.21367.2026.1.2"
NODE, OTHER_NODE = "a" * 64, "b" * 64
Ask = Callable[..., Requester]


def signed(credential: Credential, **changes: Any) -> bytes:
    """An assertion that the credential's signature key signed."""
    return build_xua(**{"certificate": credential.sign_pem, "key": credential.sign_key, "issued": NOW, **changes})


def add(xpath: str, copies: int = 1) -> Callable[[etree._Element], None]:
    """Repeats what the path finds in an assertion, before it is signed."""

    def alter(assertion: etree._Element) -> None:
        (found,) = assertion.xpath(xpath, namespaces={"s": SAML})  # type: ignore[misc]
        for _ in range(copies):
            found.addnext(copy.deepcopy(found))

    return alter


def drop(xpath: str) -> Callable[[etree._Element], None]:
    def alter(assertion: etree._Element) -> None:
        for found in assertion.xpath(xpath, namespaces={"s": SAML}):  # type: ignore[union-attr]
            found.getparent().remove(found)

    return alter
