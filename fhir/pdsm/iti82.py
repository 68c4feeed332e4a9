"""ITI-82, Retrieve Syslog Event: the search that a URL asks for, and the array of syslog messages that answers it.

Names of fields are those of the answer, whatever their case. A parameter that stands several times is an alternative,
but for dates, which narrow as every other name does.

Source: RESTful ATNA 3.82.4; ANS, volet Traçabilité d'évènements, solution 2, flux 4 and 5; RFC 5424 §6.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from audit.errors import AuditMessageError
from audit.markup import document, element, printable, text
from audit.message_reading import AuditMessage, Participant, read_message
from audit.selection import Selection
from audit.syslog import SyslogMessage
from audit.transactions import CodedValue
from dmp.syslog_query import SyslogQuestion
from pdsm.errors import ParameterError
from pdsm.search import read_period

COUNT, MOST = 200, 1000
CURSOR = "_cursor"
JSON, XML = "application/json", "application/xml"
FORMATS = {"json": JSON, JSON: JSON, "application/fhir+json": JSON, "xml": XML, XML: XML, "text/xml": XML}
VERSION = "1"  # RFC 5424 §6.2.2

Pairs = Sequence[tuple[str, str]]
"""Parameters in their order, as they came."""
Test = Callable[[SyslogMessage, str], bool]


def fields_of(message: SyslogMessage) -> dict[str, str]:
    """A syslog message, field by field, under the names of the volet; "-" is what the header has for nothing.

    What is no UTF-8 is told byte by byte, as ISO 8859-1.
    """
    return {
        "Pri": str(message.priority),
        "Version": VERSION,
        "Timestamp": message.header.split(b" ", 2)[1].decode("ascii"),
        "Hostname": message.host,
        "App-name": message.app,
        "Procid": message.process,
        "Msg-id": message.msgid,
        "Structured-data": message.structured_data.decode(),
        "Msg": _text(message.message),
    }


def _text(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        return message.decode("latin-1")


def _is(name: str) -> Test:
    return lambda message, value: fields_of(message)[name] == value


def _has(name: str) -> Test:
    return lambda message, value: value in fields_of(message)[name]


def _event(test: Callable[[AuditMessage, str], bool]) -> Test:
    """Tests of the audit message inside: what is none does not belong."""

    def held(message: SyslogMessage, value: str) -> bool:
        try:
            return test(read_message(message.message), value)
        except AuditMessageError:
            return False

    return held


def _named(codes: Iterable[CodedValue], value: str) -> bool:
    return any(value in (each.code, each.text) for each in codes)


def _takes_part(parties: Iterable[Participant], value: str, *, requestor: bool) -> bool:
    return any(each.requestor is requestor and each.user_id == value for each in parties)


# Name, and whether a message holds a value of it. Those of the audit message: volet, Paramètres de recherche.
PARAMETERS: Mapping[str, Test] = {
    "pri": _is("Pri"),
    "version": _is("Version"),
    "hostname": lambda message, value: message.host.lower() == value.lower(),  # RFC 1034 §3.1
    "app-name": _is("App-name"),
    "procid": _is("Procid"),
    "msg-id": _is("Msg-id"),
    "structured-data": _has("Structured-data"),
    "msg": _has("Msg"),
    "eventid": _event(lambda message, value: _named([message.event_id], value)),
    "eventtypecode": _event(lambda message, value: _named(message.types, value)),
    "requestor": _event(lambda message, value: _takes_part(message.participants, value, requestor=True)),
    "receiver": _event(lambda message, value: _takes_part(message.participants, value, requestor=False)),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a URL asks: the question, the parameters that it stands in, and the media type of the answer, '' for any."""

    question: SyslogQuestion
    used: Pairs
    media_type: str = ""
    cursor: str = ""


def read_search(parameters: Pairs, raw: bytes) -> Asked:
    """The search of these parameters; `raw` is the request as it came. Raises ParameterError.

    A parameter that is not known is an error: without it more would be told than was asked for.
    """
    selection, count, media_type, cursor = Selection(), COUNT, "", ""
    values: dict[str, list[str]] = {}
    for written, value in parameters:
        name = written.lower()
        if value != printable(value):
            raise ParameterError(written, "printable text", "other characters")
        match name:
            case "date":
                selection = replace(selection, happened=(*selection.happened, read_period(name, value)))
            case "recorded":
                selection = replace(selection, recorded=(*selection.recorded, read_period(name, value)))
            case "_sort" if value in ("date", "-date"):
                selection = replace(selection, newest_first=value == "-date")
            case "_count" if value.isascii() and value.isdecimal() and len(value) < 10:
                count = max(1, min(int(value), MOST))
            case "_format" if value in FORMATS:
                media_type = FORMATS[value]
            case "_cursor":
                cursor = value
            case _ if name in PARAMETERS and value:
                values.setdefault(name, []).append(value)
            case _:
                raise ParameterError(written, "a parameter of ITI-82 with a value", "another")
    if not selection.happened:
        raise ParameterError("date", "at least one", "none")
    used = [(name, value) for name, value in parameters if name.lower() != CURSOR]
    return Asked(SyslogQuestion(selection, raw, _holds(values), count), used, media_type, cursor)


def _holds(asked: Mapping[str, Sequence[str]]) -> Callable[[SyslogMessage], bool]:
    return lambda message: all(
        any(PARAMETERS[name](message, value) for value in values) for name, values in asked.items()
    )


def write_messages(messages: Iterable[SyslogMessage], media_type: str) -> bytes:
    """The array of these messages."""
    told = map(fields_of, messages)
    if media_type == XML:
        return document(element("SyslogMessages", {}, *map(_written, told)))
    return json.dumps([*told], ensure_ascii=False, separators=(",", ":")).encode()


def _written(fields: Mapping[str, str]) -> str:
    return element("SyslogMessage", {}, *(element(name, {}, text(value)) for name, value in fields.items()))
