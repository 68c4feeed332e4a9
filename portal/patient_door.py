"""What the patient's pages need of the house, as ports. The server binds them to the hall."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import IO

from audit.event import Call
from dmp.administration import AdministrativeData
from dmp.autorisations import Holder
from dmp.compte import Access
from dmp.connexion import Connexion
from dmp.copie import Part
from dmp.depot import Upload
from dmp.historique import Page, Wanted
from dmp.preferences import Change
from dmp.requests import Opened
from dmp.synthese import Synthesis
from dmp.volontes import Wish
from habilitations.action import Action
from habilitations.wishes import Wishes
from identities.account import Channel
from identities.alerts import Alerts
from identities.dossier import DossierStatus
from identities.requester import PatientId, Requester
from portal.door import Environ
from registry.errors import Finding
from registry.metadata import DocumentEntry
from registry.stored_query import StoredQuery, Told


@dataclass(frozen=True, slots=True)
class PatientDoor:
    """The ports. Those that ask the hall raise AccessRefused or RegistryError, `add` DepositError, `express` and
    `rectify` GestionError; `print_history` raises PrintingError.

    `activate` takes an INS as typed, a creation code, and how its holder is reached; it raises AuthenticationRefused,
    too. `open` takes the uniqueId of a document. `secure` says whether the request came by TLS.
    """

    connexion: Connexion
    activate: Callable[[Call, str, str, Channel, str], Access]
    reach: Callable[[Requester, Call, Mapping[Channel, str]], None]
    search: Callable[[Requester, Call, StoredQuery], tuple[Told, ...]]
    open: Callable[[Requester, Call, str], Opened | Finding]
    synthesis: Callable[[Requester, Call, PatientId], Synthesis]
    add: Callable[[Requester, Call, Upload, DocumentEntry | None], str]
    gesture: Callable[[Requester, Call, DocumentEntry, Action], None]
    rectify: Callable[[Requester, Call, str, str], object]
    holders: Callable[[Requester, Call], tuple[Holder, ...]]
    standing: Callable[[Requester, Call], Wishes]
    data: Callable[[Requester, Call], AdministrativeData]
    status: Callable[[Requester, Call], DossierStatus]
    express: Callable[[Requester, Call, Wish], None]
    history: Callable[[Requester, Call, Wanted, str, int | None], Page]
    print_history: Callable[[Page, Wanted], bytes]
    alerts: Callable[[Requester, Call], Alerts]
    change_alerts: Callable[[Requester, Call, Change], Alerts]
    copy: Callable[[Requester, Call, Collection[Part]], IO[bytes]]
    secure: Callable[[Environ], bool]
    refused: Callable[[Call, str, Requester | None], None]
