"""XUA: the user whom an X-Assertion Provider names, by the SAML 2.0 assertion in the WS-Security header.

    verified (ihe.signed_assertion) -> holds now, for us, for this client -> not a replay -> Requester

Source: ITI TF-2 3.40 (Provide X-User Assertion); SAML 2.0 core and profiles; OASIS WSS SAML Token Profile 1.1.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lxml import etree

from identities.requester import Authentication, Requester
from ihe.certificates import CertificateError, Chained, TrustStore
from ihe.errors import AuthenticationError
from ihe.replay import ReplayGuard
from ihe.saml import BEARER, EXPIRED, HOLDER_OF_KEY, INVALID, Confirmation
from ihe.signature import EnvelopedSignature, verify_enveloped
from ihe.signed_assertion import FAILED_AUTHENTICATION, AssertionVerifier, Profile, Verifier
from ihe.user_assertion import UserAssertion, read_user
from schemas.domain import AssertionProfile, Replay


class XuaAuthenticator:
    """Authenticates users by their assertions. Safe to share between threads."""

    def __init__(
        self,
        trust: TrustStore,
        profile: AssertionProfile,
        replay: ReplayGuard,
        *,
        verify: Verifier = verify_enveloped,
    ) -> None:
        self._trust, self._profile = trust, profile
        shape = Profile(
            name="XUA",
            believe=self._believe,
            read=lambda canonical: read_user(canonical, profile),
            untrusted=FAILED_AUTHENTICATION,
        )
        self._verifier = AssertionVerifier(shape, trust, replay, verify=verify)

    def authenticate(
        self, envelope: etree._Element, client: str, certificate: bytes | None, now: datetime
    ) -> Requester:
        """The user on whose behalf the message is sent whose root is `envelope`.

        `client` is the SHA-256, in hex, that tells the node which sends it from others; `certificate` its TLS client
        certificate (DER), None on this machine. Raises AuthenticationError.
        """
        verified = self._verifier.verified(envelope, now)
        assertion = verified.assertion
        check_holds(assertion, self._profile, certificate, now)
        self._verifier.check_use(
            verified,
            issuer=assertion.issuer,
            client=client,
            expires=expires(assertion, self._profile),
            once=self._profile.replay is Replay.ONCE,
            now=now,
        )
        return Requester(
            id_nat=assertion.name_id,
            name=assertion.subject_name or assertion.name_id,
            profession=assertion.role.code,
            profession_system=assertion.role.system,
            specialty="",
            structure_id=assertion.organization_id or assertion.organization,
            sector="",
            authentication=Authentication.XUA,
            patient=assertion.patient,
            assertion_id=assertion.id,
            certificate_subject=verified.signer.certificate.subject.rfc4514_string(),
            alias=assertion.alias,
            issuer=assertion.issuer,
            purpose=assertion.purpose.code,
            purpose_system=assertion.purpose.system,
        )

    def _believe(self, signed: EnvelopedSignature, now: datetime) -> Chained:
        """The signer: certified under the anchors, allowed to sign, and one of those that the domain lists."""
        chained = self._trust.chained(signed.certificate, signed.intermediates, instant=now)
        try:
            usage = signed.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:  # RFC 5280 4.2.1.3: without KeyUsage nothing is excluded
            usage = None
        if usage is not None and not (usage.digital_signature or usage.content_commitment):
            raise CertificateError("a certificate that may sign", "one for other uses")
        fingerprint = signed.certificate.fingerprint(hashes.SHA256()).hex()
        if self._profile.signers and fingerprint not in self._profile.signers:
            raise CertificateError("a signer whom the domain lists", "another")
        return chained


def check_holds(assertion: UserAssertion, profile: AssertionProfile, certificate: bytes | None, now: datetime) -> None:
    """Raises AuthenticationError when the assertion does not hold `now`, for this server, from this client.

    Source: SAML 2.0 core 2.4, 2.5 (with erratum E46: every restriction, any of its audiences); ITI TF-2 3.40.4.1.2.
    """
    skew = timedelta(seconds=profile.skew_seconds)
    if max(assertion.issue_instant, assertion.authn_instant) > now + skew:
        raise AuthenticationError("XUA: expected an assertion made before now, got one from the future", EXPIRED)
    if not all(window.holds(now, skew) for window in assertion.windows):
        raise AuthenticationError("XUA: expected Conditions that hold now, got others", EXPIRED)
    if now - skew >= expires(assertion, profile) - skew:
        reason = (
            f"XUA: expected NotOnOrAfter, or an age of at most {profile.validity_seconds} s, got an older assertion"
        )
        raise AuthenticationError(reason, EXPIRED)
    if profile.audiences and not assertion.audiences:
        raise AuthenticationError("XUA: expected an AudienceRestriction, got none", INVALID)
    if profile.audiences and not all(profile.audiences & set(audiences) for audiences in assertion.audiences):
        raise AuthenticationError("XUA AudienceRestriction: expected this server, got other audiences", INVALID)
    if not any(_confirms(each, certificate, now, skew) for each in assertion.confirmations):
        expected = "bearer, or holder-of-key of this TLS client, that holds now"
        raise AuthenticationError(f"XUA SubjectConfirmation: expected {expected}, got none", INVALID)


def expires(assertion: UserAssertion, profile: AssertionProfile) -> datetime:
    """The instant from which `check_holds` refuses this assertion, whatever else it says."""
    ends = [window.not_on_or_after for window in assertion.windows if window.not_on_or_after is not None]
    aged = assertion.issue_instant + timedelta(seconds=profile.validity_seconds)
    return (min(ends) if ends else aged) + timedelta(seconds=profile.skew_seconds)


def _confirms(confirmation: Confirmation, certificate: bytes | None, now: datetime, skew: timedelta) -> bool:
    """Source: SAML 2.0 profiles 3.1 and 3.3; ITI TF-2 3.40.4.1.2 (bearer shall, holder-of-key may be supported)."""
    if not confirmation.window.holds(now, skew):
        return False
    if confirmation.method == HOLDER_OF_KEY:
        return certificate is not None and certificate in confirmation.holders
    return confirmation.method == BEARER
