"""When and for whom an assertion holds.

Source: SAML 2.0 core 2.4 (SubjectConfirmation), 2.5 (Conditions); CI-SIS, volet Transport synchrone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ihe.assertion import DMP_URN, Assertion
from ihe.errors import AuthenticationError
from ihe.saml import BEARER, EXPIRED, HOLDER_OF_KEY, INVALID, SENDER_VOUCHES, Confirmation
from schemas.domain import AssertionProfile


def check_freshness(assertion: Assertion, profile: AssertionProfile, client_certificate: bytes, now: datetime) -> None:
    """Raises AuthenticationError (MessageExpired, InvalidSecurityToken) when the assertion does not hold `now`.

    IssueInstant must lie in [now - validity - skew, now + skew]; every window, audience and confirmation that the
    assertion carries is enforced. `client_certificate` is the DER of the TLS client's. Source: SAML 2.0 core 2.4, 2.5.
    """
    skew, validity = timedelta(seconds=profile.skew_seconds), timedelta(seconds=profile.validity_seconds)
    if max(assertion.issue_instant, assertion.authn_instant) > now + skew:
        raise AuthenticationError("VIHF: expected an assertion made before now, got one from the future", EXPIRED)
    if assertion.issue_instant < now - validity - skew:
        reason = f"VIHF: expected an assertion made within {profile.validity_seconds} s, got an older one"
        raise AuthenticationError(reason, EXPIRED)
    if not all(window.holds(now, skew) for window in assertion.windows):
        raise AuthenticationError("VIHF: expected Conditions that hold now, got others", EXPIRED)
    if any(DMP_URN not in audiences for audiences in assertion.audiences):
        reason = f"VIHF AudienceRestriction: expected {DMP_URN}, got other audiences"
        raise AuthenticationError(reason, INVALID)
    confirmed = (_confirms(each, client_certificate, now, skew) for each in assertion.confirmations)
    if assertion.confirmations and not any(confirmed):
        reason = "VIHF SubjectConfirmation: expected one that holds now for this TLS client, got none"
        raise AuthenticationError(reason, INVALID)


def expires(assertion: Assertion, profile: AssertionProfile) -> datetime:
    """The instant from which `check_freshness` refuses this assertion, whatever else it says."""
    limits = [assertion.issue_instant + timedelta(seconds=profile.validity_seconds)]
    limits += [window.not_on_or_after for window in assertion.windows if window.not_on_or_after is not None]
    return min(limits) + timedelta(seconds=profile.skew_seconds)


def _confirms(confirmation: Confirmation, client_certificate: bytes, now: datetime, skew: timedelta) -> bool:
    """Source: SAML 2.0 profiles 3.1 (holder of key), 3.2 (sender vouches), 3.3 and 4.1.4.2 (bearer: NotOnOrAfter)."""
    if not confirmation.window.holds(now, skew):
        return False
    if confirmation.method == BEARER:
        return confirmation.window.not_on_or_after is not None
    if confirmation.method == HOLDER_OF_KEY:
        return client_certificate in confirmation.holders
    return confirmation.method == SENDER_VOUCHES
