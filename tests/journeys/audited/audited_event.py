"""Audit events as data: what the tables expect, what a message says, and how the two are held together.

Texts of the tables may have names in braces, `{patient}`: the journey that performs a row says what they stand for.

Source: DICOM PS3.15 A.5.1 (names and codes of the message).
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from schemas.xml import parse

Code = tuple[str, str, str]  # csd-code, codeSystemName, originalText
PROCESS = "<process>"  # AlternativeUserID of a server: the number of one of its processes
MESSAGE_ID = "<MessageID>"  # of WS-Addressing or MSH-10, by whoever sent it
ASSERTION = "<assertion>"  # id of one


def dcm(code: str, text: str) -> Code:
    return (code, "DCM", text)


def ihe(code: str, text: str) -> Code:
    return (code, "IHE Transactions", text)


def dmp(code: str, text: str = "") -> Code:
    return (code, "DMP", text or code)


@dataclass(frozen=True)
class Party:
    """An ActiveParticipant. `access` is (NetworkAccessPointTypeCode, NetworkAccessPointID)."""

    user: str
    requestor: bool
    roles: tuple[Code, ...] = ()
    alternative: str = ""
    name: str = ""
    access: tuple[str, str] = ("", "")
    medium: tuple[Code, ...] = ()


@dataclass(frozen=True)
class Thing:
    """A ParticipantObjectIdentification. `details` are decoded, and so is `query`."""

    kind: tuple[str, str]  # ParticipantObjectTypeCode, ParticipantObjectTypeCodeRole
    id_type: Code
    id: str
    name: str = ""
    query: str = ""
    details: tuple[tuple[str, str], ...] = ()
    life_cycle: str = ""


@dataclass(frozen=True)
class Said:
    """A whole message, but for its instant and its sentence."""

    event: Code
    action: str
    outcome: str
    types: tuple[Code, ...]
    purpose: tuple[Code, ...]
    parties: tuple[Party, ...]
    things: tuple[Thing, ...]
    source: tuple[str, str]  # AuditSourceID, its type code


@dataclass(frozen=True)
class Person:
    """Somebody of the tables: as participant, and as what the assertion says of them."""

    user: str
    name: str  # UserName
    display: str  # ParticipantObjectName
    roles: tuple[Code, ...]
    claims: tuple[tuple[str, str], ...]
    purpose: tuple[Code, ...]
    assertion: str = ASSERTION


@dataclass(frozen=True)
class Row:
    """One event of the tables. `rule` is (rule, table, row) of the decision; `told` the sentence, None for any.

    `wire` is whether a message asked that has an id of its own, by SOAP or HL7 v2.
    """

    event: Code
    action: str
    types: tuple[Code, ...]
    parties: tuple[Party, ...]
    things: tuple[Thing, ...] = ()
    who: Person | None = None
    outcome: int = 0
    rule: tuple[str, str, str] = ("", "", "")
    told: str | None = None
    wire: bool = False
    mode: str = "normal"
    human: bool = True  # whether `who` takes part, and does not only stand behind it


# CID 400, 401, 402; ParticipantObjectIDTypeCode
SECURITY_ALERT, USER_AUTHENTICATION = dcm("110113", "Security Alert"), dcm("110114", "User Authentication")
AUDIT_LOG_USED = dcm("110101", "Audit Log Used")
DECISION, EMERGENCY = dcm("110147", "Access Control Decision"), dcm("110127", "Emergency Override Started")
USER_ID, URI = ("11", "RFC-3881", "User Identifier"), ("12", "RFC-3881", "URI")
MODE_ACCES = "1.2.250.1.213.1.1.4.248"  # TRE_R248
REASON = "patient inconscient"  # why the glass is broken
HOST = socket.gethostname()


def read(message: bytes) -> Said:
    """What a message says."""
    root = parse(message)
    identification, source = root.find("EventIdentification"), root.find("AuditSourceIdentification")
    assert identification is not None and source is not None
    return Said(
        event=_codes(identification, "EventID")[0],
        action=identification.get("EventActionCode", ""),
        outcome=identification.get("EventOutcomeIndicator", ""),
        types=_codes(identification, "EventTypeCode"),
        purpose=_codes(identification, "PurposeOfUse"),
        parties=tuple(map(_party, root.findall("ActiveParticipant"))),
        things=tuple(map(_thing, root.findall("ParticipantObjectIdentification"))),
        source=(source.get("AuditSourceID", ""), _codes(source, "AuditSourceTypeCode")[0][0]),
    )


def sentence(message: bytes) -> str:
    """EventOutcomeDescription."""
    return parse(message).findtext("EventIdentification/EventOutcomeDescription", "")


def expected(row: Row, names: Mapping[str, str]) -> Said:
    """The whole message of a row."""
    alert = row.event == SECURITY_ALERT
    types, parties, things = [*row.types], [*row.parties], [*row.things]
    rule, table, line = row.rule
    if table:
        types.append(DECISION)
    if row.mode != "normal":
        types.append(EMERGENCY)
    purpose: tuple[Code, ...] = ()
    if row.who is not None:
        who = row.who
        purpose = tuple((row.mode, each[1], row.mode) if each[1] == MODE_ACCES else each for each in who.purpose)
        if row.human:
            parties.append(Party(who.user, not alert, who.roles, name=who.name))
        claims = tuple((name, row.mode if name == "Mode_Acces" else value) for name, value in who.claims)
        claims += (("Mode_Acces_Raison", REASON),) if row.mode == "bris_de_glace" else ()
        things.append(Thing(("2", "11"), USER_ID, who.assertion, name=who.display, details=claims))
    if row.event == AUDIT_LOG_USED:
        things.append(Thing(("2", "13"), URI, f"audit://{HOST}/open-dmp", name="Security Audit Log"))
    if alert:
        told = {0: "SUCCESS", 4: "MINOR_FAILURE", 8: "SERIOUS_FAILURE", 12: "MAJOR_FAILURE"}[row.outcome]
        described = (("Alert Description", "{sentence}" if row.told != "" else told),)
        things.append(Thing(("2", "13"), URI, "{endpoint}", details=described))
    if rule:
        decided = (("table", table), ("version", "{version}"), ("row", line))
        kept = tuple(each for each in decided if each[1] and table)
        things.append(Thing(("2", "13"), dmp("habilitation", "Règle d'habilitation"), rule, details=kept))
    ids = (("MessageID", MESSAGE_ID),) if row.wire else ()
    things.append(
        Thing(("4", "26"), dmp("request", "Request identifier"), "{request}", details=(*ids, ("event", "{event}")))
    )
    said = Said(
        row.event,
        row.action,
        str(row.outcome),
        tuple(types),
        purpose,
        tuple(parties),
        tuple(things),
        ("open-dmp", "4"),
    )
    return _filled(said, names)


def settled(said: Said) -> Said:
    """`said` with what no table can know under names, and everything in one order."""
    parties = [replace(each, alternative=PROCESS) if each.alternative.isdigit() else each for each in said.parties]
    things = [_without_chance(each) for each in said.things]
    return replace(said, parties=tuple(sorted(parties, key=repr)), things=tuple(sorted(things, key=repr)))


def differences(told: Said, wanted: Said) -> list[str]:
    """Where a message is not what was expected of it, in words; nothing where it is."""
    found = []
    for name, got in vars(told).items():
        want = vars(wanted)[name]
        if got != want and name in ("parties", "things"):
            found += [f"{name}: {len(got)} for {len(want)}"]
            found += [f"  not expected: {each}" for each in got if each not in want]
            found += [f"  missing: {each}" for each in want if each not in got]
        elif got != want:
            found.append(f"{name}: expected {want}, got {got}")
    return found


def _without_chance(thing: Thing) -> Thing:
    details = tuple(
        sorted(
            (name, MESSAGE_ID if name == "MessageID" and value.startswith("urn:uuid:") else value)
            for name, value in thing.details
        )
    )
    known = thing.kind == ("2", "11") and thing.id.startswith("_")
    return replace(thing, id=ASSERTION if known else thing.id, details=details, query=_canonical(thing.query))


def _canonical(query: str) -> str:
    """A query that is XML, whatever namespaces stood around it. Source: Exclusive XML Canonicalization 1.0."""
    if not query.startswith("<"):
        return query
    return etree.tostring(parse(query.encode()), method="c14n", exclusive=True).decode()


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """`value` with its names replaced."""
    if isinstance(value, str):
        return value.format_map(names) if "{" in value else value
    if isinstance(value, tuple):
        return tuple(_filled(each, names) for each in value)
    if isinstance(value, Party | Thing | Said):
        return replace(value, **{name: _filled(each, names) for name, each in vars(value).items()})
    return value


def _codes(parent: etree._Element, path: str) -> tuple[Code, ...]:
    return tuple(
        (each.get("csd-code", ""), each.get("codeSystemName", ""), each.get("originalText", ""))
        for each in parent.findall(path)
    )


def _party(element: etree._Element) -> Party:
    return Party(
        user=element.get("UserID", ""),
        requestor=element.get("UserIsRequestor") == "true",
        roles=_codes(element, "RoleIDCode"),
        alternative=element.get("AlternativeUserID", ""),
        name=element.get("UserName", ""),
        access=(element.get("NetworkAccessPointTypeCode", ""), element.get("NetworkAccessPointID", "")),
        medium=_codes(element, "MediaIdentifier/MediaType"),
    )


def _thing(element: etree._Element) -> Thing:
    return Thing(
        kind=(element.get("ParticipantObjectTypeCode", ""), element.get("ParticipantObjectTypeCodeRole", "")),
        id_type=_codes(element, "ParticipantObjectIDTypeCode")[0],
        id=element.get("ParticipantObjectID", ""),
        name=element.findtext("ParticipantObjectName", ""),
        query=base64.b64decode(element.findtext("ParticipantObjectQuery", "")).decode(),
        details=tuple(
            (each.get("type", ""), base64.b64decode(each.get("value", "")).decode())
            for each in element.findall("ParticipantObjectDetail")
        ),
        life_cycle=element.get("ParticipantObjectDataLifeCycle", ""),
    )
