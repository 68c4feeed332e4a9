"""Binds the portal to the hall."""

from __future__ import annotations

from ihe.certificates import CertificateError, CertificateIdentity, Kind, TrustStore, load_der_certificate
from portal.door import Door, Environ, Holder
from portal.errors import UnknownRequesterError
from server.house import House, now
from server.peer import PeerError, peer
from server.settings import SettingsError

NO_CARD = "Cette page s'ouvre avec la carte d'un professionnel (CPS, CPF, CPE) et son certificat d'authentification."
NOT_BELIEVED = "Votre certificat n'est pas reconnu : il a expiré, a été révoqué, ou n'est pas celui d'une carte."


def portal_door(house: House) -> Door:
    """The portal's door of this house. Raises SettingsError when there are no trust anchors to know cards by."""
    trust = house.trust
    if trust is None:
        raise SettingsError(["trust anchors: expected a CA file, got none"])

    def holder(environ: Environ) -> Holder:
        card = _client(trust, environ)
        if card.kind is not Kind.PERSON:
            raise UnknownRequesterError("TLS client certificate: expected a person's, got another", NO_CARD)
        return Holder(card.id_nat, card.family, card.given, card.profession, card.specialties, card.subject)

    return Door(holder=holder, refused=house.gate.refused)


def _client(trust: TrustStore, environ: Environ) -> CertificateIdentity:
    """Whom the client certificate of the connection names. Raises UnknownRequesterError."""
    try:
        der = peer(environ).certificate
        if der is None:
            raise UnknownRequesterError("TLS: expected a client certificate, got none", NO_CARD)
        client = trust.trusted(load_der_certificate(der), instant=now()).identity
    except (CertificateError, PeerError) as error:
        raise UnknownRequesterError(f"TLS client certificate: {error}", NOT_BELIEVED) from None
    if not client.is_tls_client:
        expected = "expected an authentication certificate, got another"
        raise UnknownRequesterError(f"TLS client certificate: {expected}", NOT_BELIEVED)
    return client
