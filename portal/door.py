"""What the portal needs of the house, as ports. The server binds them to the hall.

What the hall raises, the hall has recorded; `refused` and `failed` are for requests that never reached it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.event import Call
from dmp.acces import Existence
from dmp.acces_web import Outlook
from dmp.administration import AdministrativeData
from dmp.annuaire import Situation
from dmp.autorisations import Change, Holder
from dmp.dossiers_autorises import AuthorisedDossier
from dmp.historique import Page, Wanted
from dmp.requests import Opened
from dmp.synthese import Synthesis
from identities.requester import PatientId, Requester
from registry.errors import Finding
from registry.stored_query import StoredQuery, Told

Environ = dict[str, Any]  # of WSGI: the other end of the connection is known by it


@dataclass(frozen=True, slots=True)
class Client:
    """Whom the TLS client certificate names: the holder of a card (`id_nat` is a PS_IdNat), or a structure ('').

    `specialties` are codes of TRE_R38 or TRE_G04; `subject` is the RFC 4514 name of the certificate.
    """

    id_nat: str
    family: str
    given: str
    profession: str
    specialties: tuple[str, ...]
    subject: str


@dataclass(frozen=True, slots=True)
class Door:
    """The ports. Those that ask the hall raise AccessRefused or RegistryError, `print_history` PrintingError.

    `client`, and `air` (whom a VIHF names over the certificate of a structure), raise UnknownRequesterError. `patient`
    gives the identifier that an INS stands for, under the OID of an authority, or under '' the one that is known; None
    for an authority that this house does not have. `dossiers` are those opened since an instant, or all; `open` takes
    the uniqueId of a document.
    """

    client: Callable[[Environ], Client]
    situations: Callable[[Client], tuple[Situation, ...]]
    air: Callable[[Environ, bytes, Call], Requester]
    patient: Callable[[str, str], PatientId | None]
    enter: Callable[[Requester, Call, PatientId | None], Outlook]
    create: Callable[[Requester, Call, PatientId | None], None]
    existence: Callable[[Requester, Call, PatientId], Existence]
    dossiers: Callable[[Requester, Call, datetime | None], Sequence[AuthorisedDossier]]
    declare: Callable[[Requester, Call, Change], str]
    administrative: Callable[[Requester, Call, PatientId], AdministrativeData]
    holders: Callable[[Requester, Call], Sequence[Holder]]
    history: Callable[[Requester, Call, Wanted, str, int | None], Page]
    print_history: Callable[[Page, Wanted], bytes]
    search: Callable[[Requester, Call, StoredQuery], tuple[Told, ...]]
    open: Callable[[Requester, Call, str], Opened | Finding]
    synthesis: Callable[[Requester, Call, PatientId], Synthesis]
    refused: Callable[[Call, str, Requester | None], None]
    failed: Callable[[Call, str, Requester | None], None]
