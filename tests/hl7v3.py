"""HL7 V3 messages of a node: an identity source, a PIX consumer, a demographics consumer. Written without our writers.

answer = Patients(node).add([patient], name("Muster", "Maja"))
assert answer.acknowledged == "CA"
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from tests.connectathon import SOAP_12, Node

HL7 = "urn:hl7-org:v3"
NS = {"h": HL7}
PATIENTS_PATH, REGISTRY_PATH = "/ihe/patients", "/ihe/registry"
SENDER, RECEIVER = "1.2.840.114350.1.13.99998.8734", "1.2.840.114350.1.13.99999.4567"


def new_authority() -> str:
    """An issuing authority that nobody knows."""
    return f"2.25.{uuid.uuid4().int}"


def cx(patient: tuple[str, str]) -> str:
    return f"{patient[0]}^^^&{patient[1]}&ISO"


def ii(patient: tuple[str, str], element: str = "id") -> str:
    return f"<{element} root={quoteattr(patient[1])} extension={quoteattr(patient[0])}/>"


def name(
    family: str = "", given: str | Sequence[str] = (), *, use: str = "", qualifier: str = "", tag: str = "name"
) -> str:
    """A PN."""
    givens = [given] if isinstance(given, str) else list(given)
    qualified = f" qualifier={quoteattr(qualifier)}" if qualifier else ""
    parts = f"<family{qualified}>{escape(family)}</family>" if family else ""
    parts += "".join(f"<given>{escape(each)}</given>" for each in givens)
    return f"<{tag}{f' use={quoteattr(use)}' if use else ''}>{parts}</{tag}>"


def message(interaction: str, control_act: str, *, root: str = "", identifier: str = "", extra: str = "") -> str:
    """An interaction with its transmission wrapper."""
    return (
        f'<{root or interaction} xmlns="{HL7}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'ITSVersion="XML_1.0"><id root="{identifier or uuid.uuid4()}"/><creationTime value="20260102030405"/>'
        f'<interactionId root="2.16.840.1.113883.1.6" extension="{interaction}"/><processingCode code="T"/>'
        f'<processingModeCode code="T"/><acceptAckCode code="AL"/>{_device("receiver", "RCV", RECEIVER)}'
        f"{_device('sender', 'SND', SENDER)}{extra}{control_act}</{root or interaction}>"
    )


def _device(role: str, code: str, root: str) -> str:
    return (
        f'<{role} typeCode="{code}"><device classCode="DEV" determinerCode="INSTANCE"><id root="{root}"/>'
        f'<asAgent classCode="AGNT"><representedOrganization classCode="ORG" determinerCode="INSTANCE">'
        f'<id root="{root}.1"/></representedOrganization></asAgent></device></{role}>'
    )


def registration(identifiers: str, person: str, trigger: str, replaced: str = "") -> str:
    """The control act of an Add, a Revise or a Merge."""
    return (
        f'<controlActProcess classCode="CACT" moodCode="EVN"><code code="{trigger}" '
        'codeSystem="2.16.840.1.113883.1.6"/><subject typeCode="SUBJ"><registrationEvent classCode="REG" '
        f'moodCode="EVN"><statusCode code="active"/><subject1 typeCode="SBJ"><patient classCode="PAT">{identifiers}'
        f'<statusCode code="active"/><patientPerson classCode="PSN" determinerCode="INSTANCE">{person}</patientPerson>'
        '<providerOrganization classCode="ORG" determinerCode="INSTANCE"><id root="1.2.3.4"/>'
        '<contactParty classCode="CON"/></providerOrganization></patient></subject1><custodian typeCode="CST">'
        f'<assignedEntity classCode="ASSIGNED"><id root="1.2.3.4"/></assignedEntity></custodian>{replaced}'
        "</registrationEvent></subject></controlActProcess>"
    )


def replacement(*subsumed: tuple[str, str]) -> str:
    ids = "".join(map(ii, subsumed))
    return (
        '<replacementOf typeCode="RPLC"><priorRegistration classCode="REG" moodCode="EVN"><statusCode '
        'code="obsolete"/><subject1 typeCode="SBJ"><priorRegisteredRole classCode="PAT">'
        f"{ids}</priorRegisteredRole></subject1></priorRegistration></replacementOf>"
    )


def query_act(trigger: str, parameters: str, query_id: str, before: str = "") -> str:
    return (
        f'<controlActProcess classCode="CACT" moodCode="EVN"><code code="{trigger}" '
        'codeSystem="2.16.840.1.113883.1.6"/><authorOrPerformer typeCode="AUT"><assignedPerson classCode="ASSIGNED">'
        f'<id root="1.2.3.4"/></assignedPerson></authorOrPerformer><queryByParameter><queryId root="1.2.3.4.5" '
        f'extension="{query_id}"/><statusCode code="new"/>{before}<parameterList>{parameters}</parameterList>'
        "</queryByParameter></controlActProcess>"
    )


def parameter(element: str, *values: str, text: str = "x") -> str:
    """A query parameter whose values are elements named `value`."""
    return f"<{element}>{''.join(values)}<semanticsText>{text}</semanticsText></{element}>"


def by_name(family: str = "", given: str | Sequence[str] = (), *, use: str = "") -> str:
    return parameter("livingSubjectName", name(family, given, use=use, tag="value"), text="LivingSubject.name")


def by_birth(value: str = "", *, low: str = "", high: str = "") -> str:
    bounds = (f'<low value="{low}"/>' if low else "") + (f'<high value="{high}"/>' if high else "")
    given = f'<value value="{value}"/>' if value else f"<value>{bounds}</value>"
    return parameter("livingSubjectBirthTime", given, text="LivingSubject.birthTime")


def by_id(*patients: tuple[str, str]) -> str:
    return "".join(parameter("livingSubjectId", ii(each, "value"), text="LivingSubject.id") for each in patients)


def by_gender(code: str) -> str:
    return parameter("livingSubjectAdministrativeGender", f'<value code="{code}"/>')


def of_domain(*authorities: str) -> str:
    return "".join(
        parameter("otherIDsScopingOrganization", f'<value root="{each}"/>', text="OtherIDs.scopingOrganization.id")
        for each in authorities
    )


@dataclass(frozen=True, slots=True)
class V3Answer:
    """The answer to an interaction, or a fault."""

    http_status: int
    root: etree._Element

    @property
    def body(self) -> etree._Element:
        found = self.root.find(f"{{{SOAP_12}}}Body")
        assert found is not None
        return found[0]

    @property
    def interaction(self) -> str:
        return etree.QName(self.body).localname

    @property
    def fault(self) -> str:
        return str(self.root.findtext(f".//{{{SOAP_12}}}Fault/{{{SOAP_12}}}Reason/{{{SOAP_12}}}Text") or "")

    @property
    def acknowledged(self) -> str:
        """Acknowledgement.typeCode."""
        return self._code("h:acknowledgement/h:typeCode")

    @property
    def answered(self) -> str:
        """QueryAck.queryResponseCode."""
        return self._code("h:controlActProcess/h:queryAck/h:queryResponseCode")

    @property
    def details(self) -> list[tuple[str, str, str, str]]:
        """(typeCode, code, text, location) of each acknowledgementDetail."""
        return [
            (
                each.get("typeCode", ""),
                each.find("h:code", NS).get("code"),  # type: ignore[union-attr]
                each.findtext("h:text", "", NS),
                each.findtext("h:location", "", NS),
            )
            for each in self.body.findall("h:acknowledgement/h:acknowledgementDetail", NS)
        ]

    @property
    def patients(self) -> list[etree._Element]:
        path = "h:controlActProcess/h:subject/h:registrationEvent/h:subject1/h:patient"
        return self.body.findall(path, NS)

    @property
    def identifiers(self) -> list[list[tuple[str, str]]]:
        """(extension, root) of each Patient.id of each patient."""
        return [[(i.get("extension", ""), i.get("root", "")) for i in p.findall("h:id", NS)] for p in self.patients]

    @property
    def quantities(self) -> tuple[int, int, int]:
        """Total, current, remaining."""
        ack = self.body.find("h:controlActProcess/h:queryAck", NS)
        assert ack is not None
        names = ("resultTotalQuantity", "resultCurrentQuantity", "resultRemainingQuantity")
        total, current, remaining = (int(ack.find(f"h:{each}", NS).get("value")) for each in names)  # type: ignore
        return total, current, remaining

    def _code(self, path: str) -> str:
        found = self.body.find(path, NS)
        return "" if found is None else found.get("code", "")


@dataclass
class Patients:
    """The node as an identity source and as a consumer."""

    node: Node
    path: str = PATIENTS_PATH
    sent: list[str] = field(default_factory=list)

    def send(self, interaction: str, body: str, *, action: str = "") -> V3Answer:
        self.sent.append(body)
        answer = self.node.soap(self.path, f"urn:hl7-org:v3:{action or interaction}", body)
        return V3Answer(answer.http_status, answer.root)

    def add(self, identifiers: Sequence[tuple[str, str]], person: str = "", *, revise: bool = False) -> V3Answer:
        number = "201302" if revise else "201301"
        ids = "".join(map(ii, identifiers))
        act = registration(ids, person or name("Muster", "Maja", use="L"), f"PRPA_TE{number}UV02")
        return self.send(f"PRPA_IN{number}UV02", message(f"PRPA_IN{number}UV02", act))

    def revise(self, identifiers: Sequence[tuple[str, str]], person: str = "") -> V3Answer:
        return self.add(identifiers, person, revise=True)

    def merge(self, surviving: tuple[str, str], subsumed: tuple[str, str]) -> V3Answer:
        person = '<name nullFlavor="NA"/>'
        act = registration(ii(surviving), person, "PRPA_TE201304UV02", replacement(subsumed))
        return self.send("PRPA_IN201304UV02", message("PRPA_IN201304UV02", act))

    def identifiers_of(self, patient: tuple[str, str], *authorities: str) -> V3Answer:
        sources = "".join(
            parameter("dataSource", f'<value root="{each}"/>', text="DataSource.id") for each in authorities
        )
        wanted = sources + parameter("patientIdentifier", ii(patient, "value"), text="Patient.id")
        act = query_act("PRPA_TE201309UV02", wanted, "33500", '<responsePriorityCode code="I"/>')
        return self.send("PRPA_IN201309UV02", message("PRPA_IN201309UV02", act))

    def find(
        self, parameters: str, *, quantity: int | None = None, degree: int | None = None, query_id: str = ""
    ) -> V3Answer:
        before = '<responseModalityCode code="R"/><responsePriorityCode code="I"/>'
        before += f'<initialQuantity value="{quantity}"/>' if quantity is not None else ""
        if degree is not None:
            before += (
                f'<matchCriterionList><minimumDegreeMatch><value xsi:type="INT" value="{degree}"/>'
                "<semanticsText>MinimumDegreeMatch</semanticsText></minimumDegreeMatch></matchCriterionList>"
            )
        act = query_act("PRPA_TE201305UV02", parameters, query_id or uuid.uuid4().hex, before)
        return self.send("PRPA_IN201305UV02", message("PRPA_IN201305UV02", act))

    def proceed(
        self, query_id: str, *, start: int | None = None, quantity: int | None = None, cancel: bool = False
    ) -> V3Answer:
        more = f'<startResultNumber value="{start}"/>' if start is not None else ""
        more += f'<continuationQuantity value="{0 if cancel else quantity}"/>' if cancel or quantity is not None else ""
        status = "aborted" if cancel else "waitContinuedQueryResponse"
        act = (
            '<controlActProcess classCode="CACT" moodCode="EVN"><code code="PRPA_TE000003UV01" '
            'codeSystem="2.16.840.1.113883.1.6"/><queryContinuation><queryId root="1.2.3.4.5" '
            f'extension="{query_id}"/>{more}<statusCode code="{status}"/></queryContinuation></controlActProcess>'
        )
        target = f'<targetMessage><id root="{uuid.uuid4()}"/></targetMessage>'
        ack = f'<acknowledgement><typeCode code="AA"/>{target}</acknowledgement>'
        kind = "QUQI_IN000003UV01_Cancel" if cancel else "QUQI_IN000003UV01_Continue"
        root = "QUQI_IN000003UV01_Cancel" if cancel else "QUQI_IN000003UV01"
        return self.send(kind, message("QUQI_IN000003UV01", act, root=root, extra=ack))
