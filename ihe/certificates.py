"""Whether to believe a certificate: anchors, chains, revocation.

Nothing is fetched: anchors and CRLs are files that the operator names, read again when they change.
Source: RFC 5280 §5, §6; GIP-CPS, Certificats X.509 des cartes CPS; ANS, IGC-Santé.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from ihe.certificate_identity import (
    UNREADABLE,
    CertificateError,
    CertificateIdentity,
    Kind,
    attribute,
    identity,
    leaf_first,
    load_der_certificate,
)

__all__ = [
    "CertificateError",
    "CertificateIdentity",
    "Kind",
    "TrustStore",
    "TrustStoreError",
    "Trusted",
    "identity",
    "leaf_first",
    "load_der_certificate",
]

# CNs of the IGC-Santé's CAs: AC IGC-SANTE ELEMENTAIRE PERSONNES, AC IGC-SANTE ELEMENTAIRE ORGANISATIONS ...
PERSON_AUTHORITIES = r"\bpersonnes\b"
STRUCTURE_AUTHORITIES = r"\b(?:organisations|structures)\b"

_CRL_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_KNOWN_CAPACITY = 8192
_log = logging.getLogger(__name__)


class TrustStoreError(ValueError):
    """Anchors or CRLs that cannot be used; says which file and why."""


@dataclass(frozen=True, slots=True)
class Chained:
    """A certificate whose chain and revocation were checked; to be believed from `not_before` to `not_after` only.

    `authority` is the CN of the CA that issued it.
    """

    certificate: x509.Certificate
    authority: str
    not_before: datetime
    not_after: datetime

    def check(self, instant: datetime) -> None:
        """Raises CertificateError when `instant` is outside the validity of the chain or of its CRLs."""
        _check_validity(self.not_before, self.not_after, instant)


@dataclass(frozen=True, slots=True)
class Trusted:
    """An identity whose chain and revocation were checked; to be believed from `not_before` to `not_after` only."""

    identity: CertificateIdentity
    certificate: x509.Certificate
    not_before: datetime
    not_after: datetime

    def check(self, instant: datetime) -> None:
        """Raises CertificateError when `instant` is outside the validity of the chain or of its CRLs."""
        _check_validity(self.not_before, self.not_after, instant)


@dataclass(frozen=True, slots=True)
class _State:
    """What the files said when they were last read. `known` remembers the certificates found good under it."""

    epoch: int
    anchors: Store
    authorities: tuple[x509.Certificate, ...]
    revocations: dict[bytes, x509.CertificateRevocationList] | None  # by DER of the issuer's name
    chained: dict[bytes, Chained] = field(default_factory=dict)  # by SHA-256, as `known`
    known: dict[bytes, Trusted] = field(default_factory=dict)


class TrustStore:
    """The operator's anchors and CRLs. Made by `TrustStore.load`; safe to share between threads."""

    def __init__(
        self, ca_pem: Path, crl_pem: Path | None, crl_grace: timedelta, roles: dict[Kind, re.Pattern[str]]
    ) -> None:
        self._ca_pem, self._crl_pem, self._crl_grace, self._roles = ca_pem, crl_pem, crl_grace, roles
        self._stamp = self._files_stamp()
        self._state = self._read(epoch=1)

    @classmethod
    def load(
        cls,
        ca_pem: Path,
        crl_pem: Path | None,
        *,
        crl_grace: timedelta = timedelta(hours=24),
        person_authorities: str = PERSON_AUTHORITIES,
        structure_authorities: str = STRUCTURE_AUTHORITIES,
    ) -> TrustStore:
        """The trust store of these PEM files: CA certificates (the self-issued ones are the anchors) and their CRLs.

        Without `crl_pem` revocation is not checked. With it, every certificate of a chain needs a CRL of its issuer,
        believed until `crl_grace` after its nextUpdate. The regular expressions tell by the CN of a CA whom it may
        certify. Raises TrustStoreError.
        """
        roles = {Kind.PERSON: person_authorities, Kind.STRUCTURE: structure_authorities}
        patterns = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in roles.items()}
        return cls(ca_pem, crl_pem, crl_grace, patterns)

    @property
    def epoch(self) -> int:
        """Grows by one each time changed files were read: what was decided under an older epoch is void."""
        self.refresh()
        return self._state.epoch

    def refresh(self) -> bool:
        """Reads the files again if they changed; whether they had. Unusable new files leave the old state standing."""
        try:
            stamp = self._files_stamp()
        except TrustStoreError as error:
            _log.warning("trust store not refreshed: %s", error)
            return False
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._state = self._read(epoch=self._state.epoch + 1)
        except TrustStoreError as error:
            _log.warning("trust store not refreshed: %s", error)
            return False
        return True

    def trusted(
        self, certificate: x509.Certificate, intermediates: Sequence[x509.Certificate] = (), *, instant: datetime
    ) -> Trusted:
        """Whom `certificate` names, believed at `instant`. Raises CertificateError.

        Checked: path to an anchor (RFC 5280 §6, with algorithms and key sizes of the WebPKI profile for CAs), that
        this CA certifies this kind of holder, and revocation of every certificate below the anchor.
        """
        self.refresh()
        state = self._state
        fingerprint = certificate.fingerprint(hashes.SHA256())
        known = state.known.get(fingerprint)
        if known is None:
            known = self._examine(state, certificate, intermediates, instant)
            if len(state.known) >= _KNOWN_CAPACITY:
                state.known.clear()
            state.known[fingerprint] = known
        known.check(instant)
        return known

    def chained(
        self, certificate: x509.Certificate, intermediates: Sequence[x509.Certificate] = (), *, instant: datetime
    ) -> Chained:
        """`certificate`, whomever it names, believed at `instant`: path to an anchor, and revocation. Raises
        CertificateError."""
        self.refresh()
        state = self._state
        fingerprint = certificate.fingerprint(hashes.SHA256())
        chained = state.chained.get(fingerprint)
        if chained is None:
            try:
                chained = self._chain(state, certificate, intermediates, instant)
            except UNREADABLE:
                raise CertificateError("a certificate that can be read to the end", "a malformed one") from None
            if len(state.chained) >= _KNOWN_CAPACITY:
                state.chained.clear()
            state.chained[fingerprint] = chained
        chained.check(instant)
        return chained

    def _examine(
        self,
        state: _State,
        certificate: x509.Certificate,
        intermediates: Sequence[x509.Certificate],
        instant: datetime,
    ) -> Trusted:
        holder = identity(certificate)
        chained = self._chain(state, certificate, intermediates, instant)
        if not self._roles[holder.kind].search(chained.authority):
            raise CertificateError(f"a {holder.kind.value} certified by a CA for such", "a CA for others")
        return Trusted(holder, certificate, chained.not_before, chained.not_after)

    def _chain(
        self,
        state: _State,
        certificate: x509.Certificate,
        intermediates: Sequence[x509.Certificate],
        instant: datetime,
    ) -> Chained:
        _check_validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc, instant)
        policy = PolicyBuilder().store(state.anchors).time(instant)
        # Cards have no subjectAltName and their own EKU: the end entity's profile is checked here, not by the WebPKI's.
        policy = policy.extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
        )
        try:
            chain = policy.build_client_verifier().verify(certificate, [*intermediates, *state.authorities]).chain
        except VerificationError:
            raise CertificateError("a certificate issued under a configured CA", "one without such a chain") from None
        authority = attribute(chain[1], NameOID.COMMON_NAME) if len(chain) > 1 else ""
        deadlines = [each.not_valid_after_utc for each in chain]
        if state.revocations is not None:
            deadlines += [self._unrevoked(each, state.revocations, instant) for each in chain[:-1]]
        return Chained(certificate, authority, max(each.not_valid_before_utc for each in chain), min(deadlines))

    def _unrevoked(
        self, certificate: x509.Certificate, revocations: dict[bytes, x509.CertificateRevocationList], instant: datetime
    ) -> datetime:
        """Until when the issuer's CRL may be believed about `certificate`. Raises CertificateError."""
        revocation = revocations.get(certificate.issuer.public_bytes())
        if revocation is None or revocation.next_update_utc is None:
            raise CertificateError("a CRL of the certificate's issuer", "none")
        if revocation.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            raise CertificateError("a certificate that stands", "a revoked one")
        deadline = revocation.next_update_utc + self._crl_grace
        if instant > deadline:
            raise CertificateError("a CRL in force", "one whose nextUpdate and grace have passed")
        return deadline

    def _files_stamp(self) -> tuple[tuple[int, int, int], ...]:
        stamps = []
        for path in self._paths():
            try:
                stat = path.stat()
            except OSError as error:
                raise TrustStoreError(f"{path}: {error.strerror}") from None
            stamps.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(stamps)

    def _paths(self) -> Iterable[Path]:
        return (self._ca_pem,) if self._crl_pem is None else (self._ca_pem, self._crl_pem)

    def _read(self, epoch: int) -> _State:
        try:
            authorities = tuple(x509.load_pem_x509_certificates(self._ca_pem.read_bytes()))
        except (OSError, ValueError) as error:
            raise TrustStoreError(f"{self._ca_pem}: expected PEM certificates, got {error}") from None
        anchors = [authority for authority in authorities if authority.subject == authority.issuer]
        if not anchors:
            raise TrustStoreError(f"{self._ca_pem}: expected at least one self-issued root certificate, got none")
        return _State(epoch, Store(anchors), authorities, self._read_crls(authorities))

    def _read_crls(self, authorities: Iterable[x509.Certificate]) -> dict[bytes, x509.CertificateRevocationList] | None:
        if self._crl_pem is None:
            return None
        found: dict[bytes, x509.CertificateRevocationList] = {}
        try:
            blocks = _CRL_BLOCK.findall(self._crl_pem.read_bytes())
            for revocation in map(x509.load_pem_x509_crl, blocks):
                issuer = revocation.issuer.public_bytes()
                if not _usable(revocation, authorities):
                    _log.warning("%s: a CRL left out: not complete, or signed by no configured CA", self._crl_pem)
                elif issuer not in found or found[issuer].last_update_utc < revocation.last_update_utc:
                    found[issuer] = revocation
        except (OSError, ValueError) as error:
            raise TrustStoreError(f"{self._crl_pem}: expected PEM CRLs, got {error}") from None
        if not found:
            raise TrustStoreError(f"{self._crl_pem}: expected at least one CRL of a configured CA, got none")
        return found


def _usable(revocation: x509.CertificateRevocationList, authorities: Iterable[x509.Certificate]) -> bool:
    """Whether a configured CA signed this CRL, and it is complete: no critical extension (RFC 5280 5.2) narrows it."""
    if any(extension.critical for extension in revocation.extensions):
        return False
    for authority in authorities:
        if authority.subject == revocation.issuer and _signs_crls(authority):
            key = authority.public_key()
            if isinstance(
                key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
            ) and revocation.is_signature_valid(key):
                return True
    return False


def _signs_crls(authority: x509.Certificate) -> bool:
    try:
        return authority.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True  # RFC 5280 4.2.1.3: without KeyUsage nothing is excluded


def _check_validity(not_before: datetime, not_after: datetime, instant: datetime) -> None:
    if not not_before <= instant <= not_after:
        got = "one not yet valid" if instant < not_before else "one that has expired"
        raise CertificateError("a certificate valid now", got)
