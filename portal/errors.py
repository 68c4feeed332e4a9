"""What goes wrong at the portal, and the one table that says how it reads on a page.

The sentences are French and hold no health data.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from dmp.gate import ACCESS_REFUSED
from registry.errors import ErrorCode, Finding


@dataclass(frozen=True, slots=True)
class Notice:
    """An error page: the HTTP status, a title, a sentence, and the code of the DMP or of IHE where there is one."""

    status: int
    title: str
    sentence: str
    code: str = ""


class UnknownRequesterError(Exception):
    """Who is not believed. `reason` is technical, for the audit log; the page says `sentence`."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(reason)
        self.reason, self.sentence = reason, sentence


class UnreadableError(Exception):
    """A request that cannot be understood, answered with the HTTP `status`; `reason` and `sentence` as above."""

    def __init__(self, reason: str, sentence: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason, self.sentence, self.status = reason, sentence, status


NO_CARD = "Cette page s'ouvre avec la carte d'un professionnel (CPS, CPF, CPE) et son certificat d'authentification."

_BY_STATUS = {
    HTTPStatus.BAD_REQUEST: ("Demande incomprise", "Cette demande n'a pas pu être comprise."),
    HTTPStatus.UNAUTHORIZED: ("Authentification nécessaire", "Vous n'avez pas été reconnu."),
    HTTPStatus.FORBIDDEN: ("Accès refusé", "Cette page ne vous est pas ouverte."),
    HTTPStatus.NOT_FOUND: ("Page introuvable", "Cette page n'existe pas."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("Demande incomprise", "Cette page ne se demande pas ainsi."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("Envoi trop volumineux", "Ce que vous envoyez dépasse la taille permise."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("Format inconnu", "Ce que vous envoyez n'est pas dans un format attendu."),
    HTTPStatus.TOO_MANY_REQUESTS: ("Trop de demandes", "Attendez quelques minutes avant de réessayer."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Service indisponible", "Réessayez dans quelques minutes."),
}
_BY_CODE = {
    ErrorCode.DMPAccessDeniedByRightsService: (403, ""),
    ErrorCode.XDSTooManyResults: (400, "Trop de documents répondent à cette demande : précisez la période."),
    ErrorCode.XDSRegistryBusy: (503, ""),
    ErrorCode.DMPPatientAccessOTPInvalid: (400, "Ce numéro de téléphone, ou cette adresse, n'en est pas un."),
    ErrorCode.DMPPatientAccessAlreadyExists: (400, ""),
    ErrorCode.DMPPatientAccessNotPossible: (400, ""),
    ErrorCode.XDSRegistryDeprecatedDocumentError: (400, "Ce document a déjà été remplacé."),
    ErrorCode.XDSMetadataUpdateError: (403, "Ce document ne peut pas être modifié ainsi par vous."),
}
_GONE = (ErrorCode.DMPClosed, ErrorCode.XDSUnknownPatientId)
_FRENCH = frozenset(  # codes whose sentence the hall words for people
    {
        ErrorCode.DMPAccessDeniedByRightsService,
        ErrorCode.DMPPatientAccessAlreadyExists,
        ErrorCode.DMPPatientAccessNotPossible,
    }
)
_FAILED = ("Erreur du serveur", "Le serveur n'a pas pu répondre.")


def notice(status: int, sentence: str = "") -> Notice:
    """The page of an HTTP status, with its own sentence when none is given."""
    title, usual = _BY_STATUS.get(HTTPStatus(status), _FAILED)
    return Notice(status, title, sentence or usual)


def of_finding(found: Finding) -> Notice:
    """The page of what the hall answers: refusals by one's own rights explained, those by the dossier all alike.

    Source: GIE SESAM-Vitale, PDT-INF-527 v1.7, 2.1 (a DMP that is closed, does not exist, or is blocked).
    """
    if found.code in _GONE:
        found = ACCESS_REFUSED
    status, sentence = _BY_CODE.get(found.code, (500, ""))
    if found.code in _FRENCH:
        sentence = found.context
    title, usual = _BY_STATUS.get(HTTPStatus(status), _FAILED)
    return Notice(status, title, sentence or usual, found.code.value)
