"""The DMP's own services: authorisations, list of DMPs, patient's internet account (TD0.3, TD0.4, TD1.5, TD1.6).

Who asks, and for whom, stands in the VIHF; the messages are document-literal, their elements all of the service's
namespace.

Source: GIE SESAM-Vitale, DMP message examples v02.05.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from conformance.lps.connection import HABILITATIONS, Connection
from conformance.lps.hl7v3 import malformed
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from schemas import oids

SI_DMP_HABILITATIONS = "urn:si-dmp-habilitations"
SI_DMP_PATIENTS = "urn:si-dmp-patients"
_ENDPOINTS = {SI_DMP_HABILITATIONS: "HabilitationsEndPoint", SI_DMP_PATIENTS: "PatientSpecificEndPoint"}
DONE = "DMPOk"

ADD, REMOVE, CHANGE = "AJOUT", "SUPPRESSION", "MODIFICATION"
MEDECIN_TRAITANT = "MEDECIN_TRAITANT"
LAST_AUTHORISATION, LAST_DOCUMENT = "LASTAUTORIZATION", "LASTDOC"
ACTIVE, INTERDITE, TOUTE = "ACTIVE", "INTERDITE", "TOUTE"
SMS, EMAIL = "SMS", "EMAIL"

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AuthorisedDmp:
    """A DMP that the sender may enter (TD0.4). `birth_date` is YYYYMMDD; the other dates YYYYMMDDhhmmss, or ''."""

    identifiers: tuple[Patient, ...]
    family: str
    birth_family: str
    given: str
    civility: str
    birth_date: str
    medecin_traitant: bool
    message: bool
    last_access: str
    last_update: str
    last_add: str


@dataclass(frozen=True, slots=True)
class AuthorisedProfessional:
    """A professional, or a structure, authorised or blocked (TD1.6). `mode` is ACTIVE or INTERDITE."""

    id_nat: str
    structure: bool
    family: str
    given: str
    specialties: tuple[str, ...]
    labels: tuple[str, ...]
    since: str
    last_action: str
    mode: str
    specific_rights: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """A patient's internet account, as told when it is created or renewed (TD1.5a, TD1.5d)."""

    login: str
    password: str
    context: str


def write_operation(namespace: str, operation: str, fields: Fields) -> bytes:
    """The request: its fields in their order, those that are '' left out."""
    root = etree.Element(f"{{{namespace}}}{operation}", nsmap={None: namespace})
    for name, value in fields:
        if value:
            etree.SubElement(root, f"{{{namespace}}}{name}").text = value
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


class Output:
    """The `output` of an answer whose status is DMPOk. Raises LpsError for any other answer."""

    def __init__(self, body: etree._Element, namespace: str, operation: str) -> None:
        name = f"{operation}Response"
        if body.tag != f"{{{namespace}}}{name}":
            raise malformed(f"{{{namespace}}}{name}", str(body.tag), "Body")
        output = body.find(f"{{{namespace}}}output")
        if output is None:
            raise malformed("an output", "none", name)
        self._element, self._namespace = output, namespace
        status = self.text("status")
        if status != DONE:
            raise LpsError(status or "none", self.text("context") or "no context was given", name)

    def text(self, name: str, element: etree._Element | None = None) -> str:
        """The text of the first field of that name in an element (the output itself), '' for none."""
        return next(iter(self.texts(name, element)), "")

    def texts(self, name: str, element: etree._Element | None = None) -> tuple[str, ...]:
        """The text of every field of that name."""
        where = self._element if element is None else element
        return tuple((each.text or "").strip() for each in where.iterfind(f"{{{self._namespace}}}{name}"))

    def elements(self, name: str, element: etree._Element | None = None) -> list[etree._Element]:
        """The fields of that name that hold others."""
        return list((self._element if element is None else element).iterfind(f"{{{self._namespace}}}{name}"))

    def flag(self, name: str, element: etree._Element) -> bool:
        """A field that is true or false."""
        value = self.text(name, element)
        if value not in ("true", "false"):
            raise malformed("true or false", value or "none", name)
        return value == "true"


def read_dmps(output: Output) -> list[AuthorisedDmp]:
    """What patientList gave, in its order."""
    return [
        AuthorisedDmp(
            identifiers=tuple(
                Patient(output.text("nationalId", each), output.text("nationalIdType", each))
                for each in output.elements("patientIdentifier", line)
            ),
            family=output.text("lastName", line),
            birth_family=output.text("patronymicalName", line),
            given=output.text("firstName", line),
            civility=output.text("civility", line),
            birth_date=output.text("dateOfBirth", line),
            medecin_traitant=output.flag("MT", line),
            message=output.flag("message", line),
            last_access=output.text("lastAccessDate", line),
            last_update=output.text("lastUpdateDate", line),
            last_add=output.text("lastAddDate", line),
        )
        for line in output.elements("patientlistData")
    ]


def read_professionals(output: Output) -> list[AuthorisedProfessional]:
    """What listAuthorizationByPatient gave, in its order."""
    return [
        AuthorisedProfessional(
            id_nat=output.text("nationalId", line),
            structure=output.text("nationalIdType", line) == oids.STRUCT_ID_NAT,
            family=output.text("lastName", line),
            given=output.text("firstName", line),
            specialties=output.texts("codeSpeciality", line),
            labels=output.texts("libSpeciality", line),
            since=output.text("startOfAuthorization", line),
            last_action=output.text("lastActionDate", line),
            mode=output.text("mode", line),
            specific_rights=output.texts("specificRight", line),
        )
        for line in output.elements("listOfAuthorizationByPatient")
    ]


class Services(Connection):
    """Every method raises LpsError with the status when it is not DMPOk."""

    def call(
        self, namespace: str, operation: str, fields: Fields, patient: Patient | None, access: Access | None
    ) -> Output:
        """Any operation of these services, for the patient that the VIHF names."""
        action = f"{namespace}:{_ENDPOINTS[namespace]}:{operation}"
        content = write_operation(namespace, operation, fields)
        body = self.ask(self.message(HABILITATIONS, action, content, patient, access=access))
        return Output(body, namespace, operation)

    def authorise(
        self,
        patient: Patient,
        *,
        remove: bool = False,
        medecin_traitant: bool = False,
        access: Access | None = None,
    ) -> str:
        """Declares or removes the sender's authorisation, or that of médecin traitant (TD0.3); what the DMP says.

        Whoever stops being médecin traitant stays authorised.
        """
        fields = (("action", REMOVE if remove else ADD), ("role", MEDECIN_TRAITANT if medecin_traitant else ""))
        return self.call(SI_DMP_HABILITATIONS, "setAuthorization", fields, patient, access).text("context")

    def authorised(
        self, *, since: str = "", by: str = "", owner: str = "", access: Access | None = None
    ) -> list[AuthorisedDmp]:
        """The DMPs that the sender may enter (TD0.4). The VIHF names no patient.

        `since` is YYYYMMDDhhmmss, `by` what it is compared with (`LAST_AUTHORISATION`, `LAST_DOCUMENT`), `owner` a
        PS_IdNat whose DMPs are asked for.
        """
        fields = (("startDate", since), ("dateType", by), ("psOwnerId", owner))
        return read_dmps(self.call(SI_DMP_PATIENTS, "patientList", fields, None, access))

    def professionals(
        self, patient: Patient, *, which: str = "", access: Access | None = None
    ) -> list[AuthorisedProfessional]:
        """Who is authorised or blocked (TD1.6): `which` is ACTIVE, INTERDITE, TOUTE, or '' for the server's own."""
        fields = (("mode", which),)
        return read_professionals(
            self.call(SI_DMP_HABILITATIONS, "listAuthorizationByPatient", fields, patient, access)
        )

    def create_account(self, patient: Patient, kind: str, channel: str, *, access: Access | None = None) -> Account:
        """Creates the patient's internet account (TD1.5a); one-time passwords go by `SMS` or `EMAIL` to `channel`."""
        fields = (("type", kind), ("canal", channel))
        return _account(self.call(SI_DMP_PATIENTS, "createPatientAccess", fields, patient, access))

    def update_otp(
        self, patient: Patient, kind: str, channel: str, *, action: str = ADD, access: Access | None = None
    ) -> str:
        """Adds, changes or removes a channel of one-time passwords (TD1.5b); what the DMP says."""
        fields = (("type", kind), ("canal", channel), ("action", action))
        return self.call(SI_DMP_PATIENTS, "patientOTPUpdate", fields, patient, access).text("context")

    def renew_account(self, patient: Patient, *, access: Access | None = None) -> Account:
        """A new temporary password for the patient's internet account (TD1.5d)."""
        return _account(self.call(SI_DMP_PATIENTS, "updatePatientAccess", (), patient, access))


def _account(output: Output) -> Account:
    return Account(output.text("login"), output.text("password"), output.text("context"))
