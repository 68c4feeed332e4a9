"""XUA: whom an X-User Assertion names, and every way in which one is refused.

Source: ITI TF-2 3.40; SAML 2.0 core; the names of the negative cases are those of the NIST and Gazelle test assertions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from vihf_messages import NOW, SAML, Actors, message, refused
from xua_messages import HERE, NODE, PROFILE, Ask, add, drop, signed

from conformance.signing import WSSE, coded
from identities.requester import Authentication, PatientId, Requester
from ihe.certificates import TrustStore
from ihe.errors import AuthenticationError
from ihe.replay import MemoryReplayGuard
from ihe.saml import PURPOSE, RESOURCE_ID, ROLE, SUBJECT_ID
from ihe.user_assertion import AUTHN_CONTEXT, ORGANIZATION
from ihe.xua import XuaAuthenticator
from schemas import xml

# --- Who it is --------------------------------------------------------------------------------------------------------


def test_the_user_is_who_the_assertion_says(ask: Ask, actors: Actors) -> None:
    user = ask(alias="JD", patient="543797436^^^&1.2.840.113619.6.197&ISO", assertion_id="_one")
    subject = user.certificate_subject
    assert "10B0011797" in subject
    assert user == Requester(
        id_nat="John.Doe",
        name="John Doe",
        profession="46255001",
        profession_system="2.16.840.1.113883.6.96",
        specialty="",
        structure_id="urn:oid:1.3.6.1.4.1.21367.2026.7",
        sector="",
        authentication=Authentication.XUA,
        patient=PatientId("543797436", "1.2.840.113619.6.197"),
        assertion_id="_one",
        certificate_subject=subject,
        alias="JD",
        issuer="https://sts.example.org",
        purpose="12",
        purpose_system="1.0.14265.1",
    )


def test_what_local_policy_does_not_require_may_be_absent(ask: Ask) -> None:
    """3.40.4.1.2: attributes are there when local policy requires them."""
    bare = {"subject_name": "", "organization": "", "organization_id": "", "home_community_id": ""}
    user = ask(**bare, role=None, purpose=None)
    assert (user.name, user.profession, user.structure_id, user.purpose) == ("John.Doe", "", "", "")


def test_statements_and_attributes_may_be_repeated(ask: Ask) -> None:
    """3.40.4.1.2: recipients shall support repetition at both levels."""

    def repeat(assertion: etree._Element) -> None:
        statement = assertion.find(f"{{{SAML}}}AttributeStatement")
        assert statement is not None
        for attribute in list(statement):
            etree.SubElement(assertion, f"{{{SAML}}}AttributeStatement").append(attribute)
        assertion.remove(statement)

    organizations = {ORGANIZATION: ["Org 1", "Org 2"]}
    assert ask(before_signing=repeat, attributes=organizations, organization_id="").structure_id == "Org 1"


@pytest.mark.parametrize("context", ["Password", "X509", "Kerberos", "unspecified", "MobileTwoFactorUnregistered"])
def test_every_authentication_class_of_saml(ask: Ask, context: str) -> None:
    assert ask(authn_context=f"urn:oasis:names:tc:SAML:2.0:ac:classes:{context}").id_nat == "John.Doe"


def test_an_authentication_class_of_the_domain(ask: Ask) -> None:
    level = "http://eidas.europa.eu/LoA/high"
    with refused("AuthnContextClassRef", "wsse:InvalidSecurityToken"):
        ask(authn_context=level)
    assert ask(authn_context=level, profile=replace(PROFILE, authn_contexts=frozenset({level}))).id_nat == "John.Doe"


def test_a_declaration_instead_of_a_class(ask: Ask) -> None:
    def declare(assertion: etree._Element) -> None:
        (reference,) = assertion.iter(f"{{{SAML}}}AuthnContextClassRef")
        reference.tag = f"{{{SAML}}}AuthnContextDeclRef"

    assert ask(before_signing=declare).id_nat == "John.Doe"


def test_there_are_25_classes() -> None:
    """SAML 2.0 authentication contexts, 3.4: counted in the expression that accepts them."""
    names = (
        "InternetProtocol InternetProtocolPassword Kerberos MobileOneFactorUnregistered MobileTwoFactorUnregistered "
        "MobileOneFactorContract MobileTwoFactorContract Password PasswordProtectedTransport PreviousSession X509 PGP "
        "SPKI XMLDSig Smartcard SmartcardPKI SoftwarePKI Telephony NomadTelephony PersonalTelephony "
        "AuthenticatedTelephony SecureRemotePassword TLSClient TimeSyncToken unspecified"
    )
    listed = names.split()
    assert len(listed) == 25
    assert all(AUTHN_CONTEXT.fullmatch(f"urn:oasis:names:tc:SAML:2.0:ac:classes:{name}") for name in listed)


# --- The negative assertions of the test beds -------------------------------------------------------------------------

INVALID = "wsse:InvalidSecurityToken"
SECOND_ROLE = [
    coded("Role", "46255001", "2.16.840.1.113883.6.96"),
    coded("Role", "112247003", "2.16.840.1.113883.6.96"),
]
SECOND_PURPOSE = [coded("PurposeOfUse", "12", "1.0.14265.1"), coded("PurposeOfUse", "1", "1.0.14265.1")]


@pytest.mark.parametrize(
    ("changes", "reason", "subcode"),
    [
        ({"issued": NOW - timedelta(hours=1)}, "Conditions that hold now", "wsse:MessageExpired"),
        ({"not_before": NOW + timedelta(minutes=2)}, "Conditions that hold now", "wsse:MessageExpired"),
        ({"issued": NOW + timedelta(minutes=2)}, "before now", "wsse:MessageExpired"),
        ({"signed": False}, "one ds:Signature", "wsse:FailedCheck"),
        ({"authn_context": "urn:oasis:names:tc:SAML:2.0:ac:classes:Invalid"}, "AuthnContextClassRef", INVALID),
        ({"authn_context": "password"}, "AuthnContextClassRef", INVALID),
        ({"before_signing": add("s:AuthnStatement")}, "one AuthnStatement, got 2", INVALID),
        ({"before_signing": drop("s:AuthnStatement")}, "one AuthnStatement, got none", INVALID),
        ({"before_signing": add("s:AuthnStatement/s:AuthnContext")}, "one AuthnContext, got 2", INVALID),
        ({"before_signing": add("//s:AuthnContextClassRef")}, "one AuthnContextClassRef, got 2", INVALID),
        ({"before_signing": drop("//s:AuthnContextClassRef")}, "one AuthnContextDeclRef, got none", INVALID),
        ({"attributes": {ROLE: SECOND_ROLE}}, "one value, got 2", INVALID),
        ({"before_signing": add(f"//s:Attribute[@Name='{ROLE}']")}, "one value, got 2", INVALID),
        ({"attributes": {PURPOSE: SECOND_PURPOSE}}, "one value, got 2", INVALID),
        ({"before_signing": add("s:AttributeStatement")}, "one value, got 2", INVALID),
        ({"attributes": {RESOURCE_ID: ["1^^^&1.2&ISO", "2^^^&1.2&ISO"]}}, "one value, got 2", INVALID),
    ],
    ids=[
        "expired", "notyetvalid", "lateissueinstant", "unsigned", "invalidauthncontext", "invalidauthnstatement",
        "secondauthnstatement", "missingauthnstatement", "secondauthncontext", "secondauthncontextclassref",
        "missingauthncontextclassref", "secondrole", "secondroleattribute", "secondpurposeofuse",
        "secondattributestatement", "secondpatient",
    ],
)  # fmt: skip
def test_negative_assertions(ask: Ask, changes: dict[str, Any], reason: str, subcode: str) -> None:
    with refused(reason, subcode):
        ask(**changes)


@pytest.mark.parametrize(
    ("audiences", "accepted"), [((HERE,), True), (("urn:x", HERE), True), (("urn:x",), False), ((), False)]
)
def test_unknownaudience(ask: Ask, audiences: tuple[str, ...], accepted: bool) -> None:
    ours = replace(PROFILE, audiences=frozenset({HERE}))
    if accepted:
        assert ask(audiences=audiences, profile=ours).id_nat == "John.Doe"
    else:
        with refused("Audience", INVALID):
            ask(audiences=audiences, profile=ours)
    assert ask(audiences=audiences, profile=PROFILE).id_nat == "John.Doe"


def test_every_audience_restriction_counts(ask: Ask) -> None:
    """SAML 2.0 erratum E46: restrictions are all to be met."""

    def restrict(assertion: etree._Element) -> None:
        (conditions,) = assertion.findall(f"{{{SAML}}}Conditions")
        other = etree.SubElement(conditions, f"{{{SAML}}}AudienceRestriction")
        etree.SubElement(other, f"{{{SAML}}}Audience").text = "urn:somebody-else"

    with refused("other audiences", INVALID):
        ask(before_signing=restrict, profile=replace(PROFILE, audiences=frozenset({HERE})))


@pytest.mark.parametrize("seconds", [-59, 0, 5 * 60, 5 * 60 + 59])
def test_clocks_may_be_wrong_by_a_minute(ask: Ask, seconds: int) -> None:
    assert ask(at=timedelta(seconds=seconds)).id_nat == "John.Doe"


@pytest.mark.parametrize("seconds", [-61, 5 * 60 + 60, 3600])
def test_and_by_no_more(ask: Ask, seconds: int) -> None:
    with refused("XUA: expected", "wsse:MessageExpired"):
        ask(at=timedelta(seconds=seconds))


@pytest.mark.parametrize(("minutes", "accepted"), [(59, True), (62, False)])
def test_without_conditions_age_decides(ask: Ask, minutes: int, accepted: bool) -> None:
    changes = {"before_signing": drop("s:Conditions"), "at": timedelta(minutes=minutes)}
    if accepted:
        assert ask(**changes).id_nat == "John.Doe"
    else:
        with refused("at most 3600 s", "wsse:MessageExpired"):
            ask(**changes)


def test_what_an_issuer_allows_longer_holds_longer(ask: Ask) -> None:
    assert ask(not_on_or_after=NOW + timedelta(hours=8), at=timedelta(hours=7)).id_nat == "John.Doe"


def test_a_session_that_ended(ask: Ask) -> None:
    def end(assertion: etree._Element) -> None:
        (statement,) = assertion.findall(f"{{{SAML}}}AuthnStatement")
        statement.set("SessionNotOnOrAfter", "2026-11-22T11:00:00Z")

    with refused("Conditions that hold now", "wsse:MessageExpired"):
        ask(before_signing=end)


@pytest.mark.parametrize("condition", ["{urn:x}Condition", f"{{{SAML}}}Condition"])
def test_a_condition_that_nobody_knows_makes_it_invalid(ask: Ask, condition: str) -> None:
    """SAML 2.0 core 2.5.1.1."""

    def restrict(assertion: etree._Element) -> None:
        (conditions,) = assertion.findall(f"{{{SAML}}}Conditions")
        etree.SubElement(conditions, condition)

    with refused("Conditions", INVALID):
        ask(before_signing=restrict)


def test_one_time_use_and_proxy_restriction_may_be_there(ask: Ask) -> None:
    """3.40.4.1.2: XUA actors may ignore these conditions."""

    def restrict(assertion: etree._Element) -> None:
        (conditions,) = assertion.findall(f"{{{SAML}}}Conditions")
        etree.SubElement(conditions, f"{{{SAML}}}OneTimeUse")
        etree.SubElement(conditions, f"{{{SAML}}}ProxyRestriction")

    assert ask(before_signing=restrict).id_nat == "John.Doe"


# --- What it may hold -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attributes",
    [
        {ROLE: ["physician"]},
        {ROLE: [coded("PurposeOfUse", "1", "1.2")]},
        {ROLE: [coded("Role", "", "1.2")]},
        {ROLE: [coded("Role", "1", "SNOMED")]},
        {PURPOSE: ["TREATMENT"]},
        {RESOURCE_ID: ["543797436"]},
        {RESOURCE_ID: ["1^^^&not-an-oid&ISO"]},
        {RESOURCE_ID: ["1^^^NAME&1.2&ISO"]},
    ],
)
def test_attributes_that_are_not_as_profiled(ask: Ask, attributes: dict[str, Any]) -> None:
    with refused("XUA attribute", INVALID):
        ask(attributes=attributes)


@pytest.mark.parametrize("alter", [drop("s:Subject"), drop("//s:NameID"), drop("s:Issuer"), add("s:Conditions")])
def test_parts_that_are_missing_or_twice(ask: Ask, alter: Callable[[etree._Element], None]) -> None:
    with pytest.raises(AuthenticationError):
        ask(before_signing=alter)


def test_an_encrypted_assertion_is_not_passed_over(ask: Ask, actors: Actors) -> None:
    envelope = message(signed(actors.hospital))
    (assertion,) = envelope.iter(f"{{{SAML}}}Assertion")
    assertion.tag = f"{{{SAML}}}EncryptedAssertion"
    (security,) = envelope.iter(f"{{{WSSE}}}Security")
    with refused("elsewhere", "wsse:InvalidSecurity"):
        ask(etree.tostring(security[0]))


@given(
    name=st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=40
    ).filter(str.strip)
)
def test_any_name_comes_through(trust: TrustStore, actors: Actors, name: str) -> None:
    authenticator = XuaAuthenticator(trust, PROFILE, MemoryReplayGuard())
    envelope = message(signed(actors.hospital, attributes={SUBJECT_ID: [name]}))
    found = authenticator.authenticate(envelope, NODE, None, NOW)
    assert re.sub(r"\s+", " ", found.name.strip()) == re.sub(r"\s+", " ", name.strip())


# --- Real assertions --------------------------------------------------------------------------------------------------


@pytest.mark.reference
def test_real_assertions_are_refused_and_no_more(reference: Path, trust: TrustStore) -> None:
    """All of them have expired, were signed by strangers, or with SHA-1: never an error of ours."""
    seen = 0
    for file in sorted((reference / "ihe" / "samples").rglob("*.xml")):
        content = file.read_bytes()
        if b"SAML:2.0:assertion" not in content:
            continue
        try:
            root = xml.parse(content.removeprefix(b"\xef\xbb\xbf"))
        except xml.XmlError:
            continue
        for assertion in root.iter(f"{{{SAML}}}Assertion"):
            seen += 1
            with pytest.raises(AuthenticationError):
                XuaAuthenticator(trust, PROFILE, MemoryReplayGuard()).authenticate(
                    message(etree.tostring(assertion, with_tail=False)), NODE, None, NOW
                )
    assert seen > 20
