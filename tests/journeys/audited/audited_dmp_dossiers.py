"""The life of a DMP, authorisations and accounts, by practice software, performed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from audited_dmp_cases import ANNE, CASES, CENTRE_15, names_of
from audited_stage import Names
from audited_village import Audited, Software
from lxml import etree

from conformance.lps.candidates import Criteria
from conformance.lps.dossiers import Dossiers
from conformance.lps.people import Patient
from conformance.lps.services import LAST_AUTHORISATION
from conformance.lps.soap import LpsError
from dmp.volontes import Block
from schemas import oids
from server.demo.people import invented_nir
from tests.somebody import Somebody, number

# --- The life of a DMP ------------------------------------------------------------------------------------------------


def _told(
    audited: Audited, somebody: Somebody, ask: Callable[[Software], object], by: str = "medecin-traitant"
) -> Names:
    """A message of HL7 V3."""
    software = audited.lps(by)
    audited.watch()
    try:
        ask(software)
    except LpsError as error:
        assert error.code in ("DMPFound", "XDSUnknownPatientId", "DMPAccessDeniedByRightsService"), error
    return _interaction(audited, software, by, somebody)


def _interaction(audited: Audited, software: Software, by: str, somebody: Somebody | None) -> Names:
    root = etree.fromstring(software.content)
    (own,) = root.findall("{urn:hl7-org:v3}id")
    message = f"{own.get('extension')}@{own.get('root')}" if own.get("extension") else own.get("root", "")
    more = {"message": message}
    for query in root.iter("{urn:hl7-org:v3}queryByParameter"):
        named = query.find("{urn:hl7-org:v3}queryId")
        assert named is not None
        more["query"] = etree.tostring(query, with_tail=False).decode()
        more["query_id"] = f"{named.get('extension', '')}@{named.get('root')}"
    return names_of(audited, by, somebody, "/ihe/patients", **more)


@CASES("TD0.2")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: software.existence(somebody.patient))


@CASES("TD0.5")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    family, dossier = f"Z{somebody.identifier.value}", somebody.dossier
    with audited.village.house() as house, house.rooms() as rooms:
        rooms.identities.set_traits(dossier.key, replace(dossier.traits, birth_family=family))
    criteria = Criteria(family=family, given="Anne", birth_date="19790328", sex="F")
    return _told(audited, somebody, lambda software: software.candidates(criteria, access=CENTRE_15), "medecin")


@CASES("TD0.5, no right")
def _(audited: Audited) -> Names:
    criteria = Criteria(family="ESSAI", birth_date="19790328")
    return _told(audited, None, lambda software: software.candidates(criteria))


def _newcomer(audited: Audited) -> Somebody:
    """A patient without DMP."""
    audited.newcomers += 1
    ins = invented_nir("F", date(1979, 3, 28), "75112", audited.newcomers)
    return Somebody(audited.village, audited.folder, Patient(ins, oids.INS_NIR_TEST))


@CASES("TD1.1")
def _(audited: Audited) -> Names:
    somebody = _newcomer(audited)
    return _told(audited, somebody, lambda software: software.create(somebody.patient, ANNE))


@CASES("TD1.1, there already")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: software.create(somebody.patient, ANNE))


@CASES("TD1.2")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    audited.lps("medecin-traitant").close_dossier(somebody.patient)
    return _told(audited, somebody, lambda software: software.reactivate(somebody.patient))


@CASES("TD1.3a")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: software.administrative(somebody.patient))


@CASES("TD1.3b")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: software.amend(somebody.patient, ANNE))


@CASES("TD1.4")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: Dossiers.close_dossier(software, somebody.patient))


@CASES("TD1.4, no DMP")
def _(audited: Audited) -> Names:
    somebody = _newcomer(audited)
    return _told(audited, somebody, lambda software: Dossiers.close_dossier(software, somebody.patient))


# --- Authorisations, and the patient's account ------------------------------------------------------------------------


def _served(
    audited: Audited, somebody: Somebody, ask: Callable[[Software], object], by: str = "medecin-traitant"
) -> Names:
    software = audited.lps(by)
    audited.watch()
    try:
        ask(software)
    except LpsError as error:
        assert error.code.startswith("DMP"), error
    return names_of(audited, by, somebody, "/ihe/habilitations", query=software.content.decode())


@CASES("TD0.3, added")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _served(audited, somebody, lambda software: software.authorise(somebody.patient), "medecin")


@CASES("TD0.3, removed")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _served(audited, somebody, lambda software: software.authorise(somebody.patient, remove=True))


@CASES("TD0.3, no longer treating")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    ask = lambda software: software.authorise(somebody.patient, remove=True, medecin_traitant=True)  # noqa: E731
    return _served(audited, somebody, ask)


@CASES("TD0.3, blocked")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    somebody.says(Block(number("medecin")))
    return _served(audited, somebody, lambda software: software.authorise(somebody.patient), "medecin")


@CASES("TD0.3, no médecin")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    ask = lambda software: software.authorise(somebody.patient, medecin_traitant=True)  # noqa: E731
    return _served(audited, somebody, ask, "infirmier")


@CASES("TD0.4")
def _(audited: Audited) -> Names:
    since = f"{datetime.now(UTC) - timedelta(seconds=1):%Y%m%d%H%M%S}"
    somebody = audited.somebody("podologue", treating="")
    ask = lambda software: software.authorised(since=since, by=LAST_AUTHORISATION)  # noqa: E731
    return _served(audited, somebody, ask, "podologue")


@CASES("TD1.6")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _served(audited, somebody, lambda software: software.professionals(somebody.patient))


def new_account(audited: Audited) -> Somebody:
    somebody = audited.somebody()
    audited.lps("medecin-traitant").create_account(somebody.patient, "EMAIL", "a@exemple.fr")
    return somebody


@CASES("TD1.5a")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    ask = lambda software: software.create_account(somebody.patient, "EMAIL", "a@exemple.fr")  # noqa: E731
    return _served(audited, somebody, ask)


@CASES("TD1.5a, there already")
def _(audited: Audited) -> Names:
    somebody = new_account(audited)
    ask = lambda software: software.create_account(somebody.patient, "EMAIL", "a@exemple.fr")  # noqa: E731
    return _served(audited, somebody, ask)


@CASES("TD1.5b")
def _(audited: Audited) -> Names:
    somebody = new_account(audited)
    return _served(audited, somebody, lambda software: software.update_otp(somebody.patient, "SMS", "0612345678"))


@CASES("TD1.5d")
def _(audited: Audited) -> Names:
    somebody = new_account(audited)
    return _served(audited, somebody, lambda software: software.renew_account(somebody.patient))
