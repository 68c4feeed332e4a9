"""Binds the patient's pages to the hall."""

from __future__ import annotations

from functools import partial

from audit.event import Call
from dmp.attributs import Attributs
from dmp.autorisations import Mode, holders
from dmp.compte import Access, set_channels
from dmp.connexion import Connexion
from dmp.depot import Depot
from dmp.gestes import gesture
from dmp.historique import read_history
from dmp.preferences import alerts_of, change_alerts
from dmp.rectification import request_rectification
from dmp.synthese import synthesis
from dmp.volontes import express, own_data, own_status, standing
from habilitations.action import Action
from identities.account import Channel
from identities.requester import PatientId, Requester
from portal.door import Environ
from portal.patient_door import PatientDoor
from registry.metadata import DocumentEntry
from server.home_key import home_key
from server.house import House
from server.patient_copy import copy_of
from server.peer import EXPOSURE
from server.portal_wiring import opening, printed, searching
from server.settings import Exposure
from server.wiring import alimentation_of


def patient_door(house: House) -> PatientDoor:
    """The patient's door of this house."""
    gate, alimentation = house.gate, alimentation_of(house)
    attributs = Attributs(gate, house.domain, alimentation.is_code)
    connexion = Connexion(gate, home_key(house.settings.home))

    def activate(call: Call, ins: str, code: str, channel: Channel, address: str) -> Access:
        value = "".join(ins.split()).upper()
        patients = [PatientId(value, authority) for authority in sorted(house.domain.patient_authorities)]
        return connexion.activate(call, patients, code, channel, address)

    def gesture_(requester: Requester, call: Call, entry: DocumentEntry, action: Action) -> None:
        gesture(attributs.update, requester, call, entry, action, gate.now())

    def secure(environ: Environ) -> bool:
        return environ.get(EXPOSURE) is not Exposure.LOOPBACK

    return PatientDoor(
        connexion=connexion,
        activate=activate,
        reach=partial(set_channels, gate),
        search=searching(house),
        open=opening(house),
        synthesis=partial(synthesis, gate),
        add=Depot(alimentation).add,
        gesture=gesture_,
        rectify=partial(request_rectification, gate),
        holders=partial(holders, gate, mode=Mode.TOUTE),
        standing=partial(standing, gate),
        data=partial(own_data, gate),
        status=partial(own_status, gate),
        express=partial(express, gate),
        history=partial(read_history, gate),
        print_history=printed,
        alerts=partial(alerts_of, gate),
        change_alerts=partial(change_alerts, gate),
        copy=partial(copy_of, house),
        secure=secure,
        refused=gate.refused,
    )
