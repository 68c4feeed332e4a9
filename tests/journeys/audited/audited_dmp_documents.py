"""Documents provided, searched, opened and changed by practice software, performed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from audited_dmp_cases import CASES, CENTRE_15, EMERGENCY, MASKED, names_of, refusal_of
from audited_stage import Names
from audited_village import REPOSITORY, Audited, Software
from lxml import etree

from conformance.lps.metadata import Visibility
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from dmp.volontes import OpposeFeeding
from registry.metadata import AvailabilityStatus, Code
from registry.scope import INVISIBLE_PATIENT
from tests.journeys.attributes import Desk, remarked
from tests.somebody import Somebody

# --- Documents --------------------------------------------------------------------------------------------------------


def _provided(audited: Audited, somebody: Somebody, by: str = "medecin-traitant", **more: Any) -> Names:
    author = "medecin-traitant" if by == "secretaire" else by
    file = somebody.paper(author, by)
    audited.watch()
    sent = audited.lps(by).provide([file], somebody.patient, **more)
    return names_of(audited, by, somebody, "/ihe/repository", set=sent.submission_set, document=sent.unique_ids[0])


def _document(audited: Audited, somebody: Somebody, **visible: bool) -> str:
    """A document of the médecin traitant."""
    file = somebody.paper("medecin-traitant")
    sent = audited.lps("medecin-traitant").provide([file], somebody.patient, visibility=Visibility(**visible))
    return sent.unique_ids[0]


@CASES("TD2.1")
def _(audited: Audited) -> Names:
    return _provided(audited, audited.somebody())


@CASES("TD2.2")
def _(audited: Audited) -> Names:
    return _provided(audited, audited.somebody(), "secretaire")


def _set_of(software: Software) -> str:
    """The uniqueId of the set that was sent last."""
    found = re.search(rb'registryObject="SubmissionSet[^"]*"[^>]*value="([^"]+)"', software.content)
    return found[1].decode() if found else ""


@CASES("TD2.1, refused")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    somebody.says(OpposeFeeding(True))
    request, _ = audited.lps("medecin-traitant").prepare([somebody.paper("medecin-traitant")], somebody.patient)
    return submit(audited, somebody, request)


def submit(audited: Audited, somebody: Somebody, request: Any) -> Names:
    """A lot that is not taken."""
    body = b"".join(request.body)
    audited.watch()
    answer = audited.lps("medecin-traitant").ask(replace(request, body=[body]))
    assert b"Failure" in etree.tostring(answer)
    (own,) = re.findall(
        rb'identificationScheme="urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"[^>]*value="([^"]+)"', body
    )
    return names_of(audited, "medecin-traitant", somebody, "/ihe/repository", set=own.decode())


@CASES("TD2.1, wrong")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    audited.lps("medecin-traitant").provide([file], somebody.patient)
    request, _ = audited.lps("medecin-traitant").prepare([file], somebody.patient)
    return submit(audited, somebody, request)


def _searched(audited: Audited, somebody: Somebody, by: str = "medecin-traitant", **more: Any) -> Names:
    audited.watch()
    software = audited.lps(by)
    try:
        software.find(somebody.patient, **more)
    except LpsError as error:
        assert error.code == "DMPAccessDeniedByRightsService", error
    return _question(audited, by, somebody)


def _question(audited: Audited, by: str, somebody: Somebody) -> Names:
    query = audited.lps(by).content
    (query_id,) = re.findall(rb'AdhocQuery id="([^"]+)"', query)
    return names_of(audited, by, somebody, "/ihe/registry", query=query.decode(), query_id=query_id.decode())


@CASES("TD3.1")
def _(audited: Audited) -> Names:
    return _searched(audited, audited.somebody())


@CASES("TD3.1 of a reference")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    audited.watch()
    audited.lps("medecin-traitant").find_references(somebody.patient)
    return _question(audited, "medecin-traitant", somebody)


@CASES("TD3.1, not authorised")
def _(audited: Audited) -> Names:
    return _searched(audited, audited.somebody(), "medecin")


@CASES("TD3.1, bris de glace, and told")
def _(audited: Audited) -> Names:
    somebody = audited.reachable(audited.somebody())
    names = _searched(audited, somebody, "medecin", access=EMERGENCY)
    return {**names, "receiver": somebody.identifier.value, "patient_name": "ESSAI Anne"}


@CASES("TD3.1, centre 15")
def _(audited: Audited) -> Names:
    return _searched(audited, audited.somebody(), "medecin", access=CENTRE_15)


@CASES("two patients")
def _(audited: Audited) -> Names:
    somebody, other = audited.somebody(), audited.somebody()
    software = audited.lps("medecin-traitant")
    assertion = software.assertion(other.patient, Access())
    software._assertions[somebody.patient, Access()] = (software._clock(), assertion)
    return _searched(audited, somebody)


@CASES("another's assertion")
def _(audited: Audited) -> Names:
    somebody, software = audited.somebody(), audited.lps("infirmier")
    made = audited.lps("medecin-traitant").assertion(somebody.patient, Access())
    software._assertions[somebody.patient, Access()] = (software._clock(), made)
    audited.watch()
    refusal_of(lambda: software.find(somebody.patient))
    return names_of(audited, "infirmier", None, "/ihe/registry")


def _opened(audited: Audited, somebody: Somebody, document: str, by: str = "medecin-traitant", **more: str) -> Names:
    audited.watch()
    try:
        audited.lps(by).open(document, audited.folder / "opened", somebody.patient, repository=REPOSITORY)
    except LpsError as error:
        assert error.code in ("XDSDocumentUniqueIdError", "DMPAccessDeniedByRightsService"), error
    return names_of(audited, by, somebody, "/ihe/repository", document=document, **more)


@CASES("TD3.2")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _opened(audited, somebody, _document(audited, somebody))


@CASES("TD3.2 of a hidden document")
def _(audited: Audited) -> Names:
    somebody = audited.somebody("infirmier")
    return _opened(audited, somebody, _document(audited, somebody, mask=True), "infirmier")


@CASES("TD3.2, none")
def _(audited: Audited) -> Names:
    return _opened(audited, audited.somebody(), "2.25.999", absent="2.25.999")


@CASES("TD3.2, not authorised")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _opened(audited, somebody, _document(audited, somebody), "medecin")


# --- Attributes -------------------------------------------------------------------------------------------------------


def _desk(audited: Audited, somebody: Somebody, by: str = "medecin-traitant") -> Desk:
    return Desk(audited.village, audited.lps(by), somebody.patient, Access())


def _updated(audited: Audited, somebody: Somebody, sent: Any, document: str, by: str = "medecin-traitant") -> Names:
    audited.watch()
    try:
        _desk(audited, somebody, by).send(sent)
    except LpsError as error:
        assert error.code == "DMPAccessDeniedByRightsService", error
    own = sent.submission_set.unique_id
    return names_of(audited, by, somebody, "/ihe/registry", set=own, document=document)


def _marked(audited: Audited, *, add: tuple[Code, ...] = (), remove: tuple[Code, ...] = (), **visible: bool) -> Names:
    somebody = audited.somebody()
    document = _document(audited, somebody, **visible)
    stands = _desk(audited, somebody).stands(document)
    return _updated(audited, somebody, remarked(stands, add=add, remove=remove), document)


@CASES("TD3.3a, masked")
def _(audited: Audited) -> Names:
    return _marked(audited, add=(MASKED,))


@CASES("TD3.3a, unmasked")
def _(audited: Audited) -> Names:
    return _marked(audited, remove=(MASKED,), mask=True)


@CASES("TD3.3b")
def _(audited: Audited) -> Names:
    return _marked(audited, remove=(Code(*INVISIBLE_PATIENT),), hide_from_patient=True)


def _turned(audited: Audited, new: AvailabilityStatus, before: AvailabilityStatus | None = None, by: str = "") -> Names:
    somebody = audited.somebody()
    document, desk = _document(audited, somebody), _desk(audited, somebody)
    if before is not None:
        desk.change(document, before)
    stands = desk.stands(document)
    sent = desk.restated(stands.entry_uuid, stands.availability_status, new)
    return _updated(audited, somebody, sent, document, by or "medecin-traitant")


@CASES("TD3.3c")
def _(audited: Audited) -> Names:
    return _turned(audited, AvailabilityStatus.DELETED)


@CASES("TD3.3d, archived")
def _(audited: Audited) -> Names:
    return _turned(audited, AvailabilityStatus.ARCHIVED)


@CASES("TD3.3d, unarchived")
def _(audited: Audited) -> Names:
    return _turned(audited, AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED)


@CASES("TD3.3, not authorised")
def _(audited: Audited) -> Names:
    return _turned(audited, AvailabilityStatus.ARCHIVED, by="medecin")
