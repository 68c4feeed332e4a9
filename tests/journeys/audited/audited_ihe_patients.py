"""Identities of patients, fed and asked for, performed."""

from __future__ import annotations

import re
import uuid

from audited_ihe_stage import Stage, case
from audited_stage import Names
from cryptography import x509
from lxml import etree

from schemas.xml import parse
from tests.hl7_queries import ask, pdq, pix
from tests.hl7v3 import HL7, PATIENTS_PATH, by_name, cx, name, new_authority
from tests.mllp import Sender, adt


def _fed(stage: Stage, patient: tuple[str, str], **more: str) -> Names:
    return {"patient": cx(patient), "message": stage.message, "endpoint": stage.there(PATIENTS_PATH), **more}


def _told(stage: Stage, sent: bytes, patient: str, **more: str) -> Names:
    """What names a message of HL7 v2, once it is answered."""
    with Sender(stage.node.home, stage.mllp, "hospital") as sender:
        answer = sender.send(sent)
    subject = x509.load_pem_x509_certificate((stage.hospital.folder / "auth.pem").read_bytes()).subject
    return {
        "patient": patient,
        "message": answer.control_id,
        "endpoint": f"mllps://127.0.0.1:{stage.mllp}",
        "certificate": subject.rfc4514_string(),
        **more,
    }


def _asked(stage: Stage, sent: bytes, patient: str = "", **more: str) -> Names:
    """What names a query of HL7 v2, once it is answered. Source: ITI TF-2 3.9.5.1 (the complete query message)."""
    tag = re.findall(r"\r(?:QPD\|[^|]*|QID)\|([^|]*)", sent.decode())[0]
    return _told(stage, sent, patient, query_id=f"{tag}|CLINIC|CONSUMER", query=sent.decode(), **more)


def _new() -> str:
    return cx((uuid.uuid4().hex[:12], new_authority()))


@case("ITI-8, added")
def _(stage: Stage) -> Names:
    patient = _new()
    return _told(stage, adt("A28", [patient], structure="ADT_A05"), patient)


@case("ITI-8, revised")
def _(stage: Stage) -> Names:
    patient = _new()
    _told(stage, adt("A01", [patient]), patient)
    stage.watch()
    return _told(stage, adt("A08", [patient], family="AUTRE"), patient)


@case("ITI-8, merged")
def _(stage: Stage) -> Names:
    surviving = _new()
    subsumed = f"{uuid.uuid4().hex[:12]}^{surviving.partition('^')[2]}"
    for each in (surviving, subsumed):
        _told(stage, adt("A04", [each]), each)
    stage.watch()
    return _told(stage, adt("A40", [surviving], structure="ADT_A39", gone=subsumed), surviving, subsumed=subsumed)


@case("ITI-8, wrong")
def _(stage: Stage) -> Names:
    known = _new()
    _told(stage, adt("A04", [known]), known)
    authority = known.partition("^")[2]
    stage.watch()
    sent = adt("A40", [f"nobody^{authority}"], structure="ADT_A39", gone=f"nobody-either^{authority}")
    return _told(stage, sent, f"nobody^{authority}")


@case("ITI-8, not understood")
def _(stage: Stage) -> Names:
    sent = adt("A04", [_new()]).replace(b"EVN|", b"XYZ|")
    return _told(stage, sent, "")


@case("ITI-44, added")
def _(stage: Stage) -> Names:
    return _fed(stage, stage.fed())


@case("ITI-44, revised, and told")
def _(stage: Stage) -> Names:
    known, new = (uuid.uuid4().hex[:12], "1.2.3.4.5"), (uuid.uuid4().hex[:12], "1.2.3.4.5")
    patient = stage.fed(known)
    stage.consumer.wait()
    stage.watch()
    assert stage.patients.revise([patient, known, new]).acknowledged == "CA"
    notice = parse(stage.consumer.wait()).find(f".//{{{HL7}}}id")
    assert notice is not None
    more = {"receiver": stage.consumer.url, "notice": notice.get("root", "")}
    return _fed(stage, patient, told=cx(known), also_told=cx(new), **more)


@case("ITI-44, merged")
def _(stage: Stage) -> Names:
    surviving = stage.fed()
    subsumed = (uuid.uuid4().hex[:12], surviving[1])
    assert stage.patients.add([subsumed]).acknowledged == "CA"
    stage.watch()
    assert stage.patients.merge(surviving, subsumed).acknowledged == "CA"
    return _fed(stage, surviving, subsumed=cx(subsumed))


@case("ITI-44, wrong")
def _(stage: Stage) -> Names:
    authority = stage.fed()[1]
    unknown = ("nobody", authority)
    stage.watch()
    assert stage.patients.merge(unknown, ("nobody either", authority)).acknowledged == "CE"
    return _fed(stage, unknown)


def _pix(stage: Stage, patient: tuple[str, str], **more: str) -> Names:
    sent = parse(stage.patients.sent[-1].encode())
    (query,) = [each for tag in ("queryByParameter", "queryContinuation") for each in sent.iter(f"{{{HL7}}}{tag}")]
    query_id = query.find(f"{{{HL7}}}queryId")
    assert query_id is not None
    text = etree.tostring(query, with_tail=False).decode()
    named = f"{query_id.get('extension')}@{query_id.get('root')}"
    return {**_fed(stage, patient, **more), "query": text, "query_id": named}


@case("ITI-45")
def _(stage: Stage) -> Names:
    alias = (uuid.uuid4().hex[:12], new_authority())
    patient = stage.fed(alias)
    stage.watch()
    assert stage.patients.identifiers_of(patient).answered == "OK"
    return _pix(stage, patient, alias=cx(alias))


@case("ITI-45, unknown")
def _(stage: Stage) -> Names:
    unknown = ("nobody", stage.fed()[1])
    stage.watch()
    assert stage.patients.identifiers_of(unknown).answered == "AE"
    return _pix(stage, unknown)


def _two_of(stage: Stage, family: str) -> list[tuple[str, str]]:
    pair = [(uuid.uuid4().hex[:12], new_authority()) for _ in range(2)]
    for each in pair:
        assert stage.patients.add([each], name(family, "Maja")).acknowledged == "CA"
    return pair


@case("ITI-9")
def _(stage: Stage) -> Names:
    patient, alias = _new(), _new()
    _told(stage, adt("A04", [patient, alias]), patient)
    stage.watch()
    return _asked(stage, pix(patient), patient, alias=alias)


@case("ITI-9, unknown")
def _(stage: Stage) -> Names:
    known = _new()
    _told(stage, adt("A04", [known]), known)
    stage.watch()
    unknown = f"nobody^{known.partition('^')[2]}"
    return _asked(stage, pix(unknown), unknown)


@case("ITI-9, not understood")
def _(stage: Stage) -> Names:
    return _asked(stage, pix(""))


@case("ITI-21")
def _(stage: Stage) -> Names:
    family, patient = f"Z{uuid.uuid4().hex}", _new()
    _told(stage, adt("A04", [patient], family=family), patient)
    stage.watch()
    return _asked(stage, pdq(f"@PID.5.1.1^{family}"), found=patient)


@case("ITI-21, continued")
def _(stage: Stage) -> Names:
    family, tag, pair = f"Z{uuid.uuid4().hex}", uuid.uuid4().hex, [_new(), _new()]
    for each in pair:
        _told(stage, adt("A04", [each], family=family), each)
    with Sender(stage.node.home, stage.mllp, "hospital") as sender:
        first = ask(sender, pdq(f"@PID.5.1.1^{family}", "", "RCP|I|1^RD", tag=tag))
    stage.watch()
    rest = pdq(f"@PID.5.1.1^{family}", "", "RCP|I|1^RD", f"DSC|{first.pointer}|I", tag=tag)
    return _asked(stage, rest, found=next(each for each in pair if each[:12] != first.patients[0][0][0]))


@case("ITI-21, cancelled")
def _(stage: Stage) -> Names:
    sent = f"MSH|^~\\&|CONSUMER|CLINIC|MANAGER|HIE|20260301||QCN^J01^QCN_J01|{uuid.uuid4().urn}|P|2.5\rQID|T|X\r"
    return _asked(stage, sent.encode())


@case("ITI-47")
def _(stage: Stage) -> Names:
    family, patient = f"Z{uuid.uuid4().hex}", (uuid.uuid4().hex[:12], new_authority())
    assert stage.patients.add([patient], name(family, "Maja")).acknowledged == "CA"
    stage.watch()
    assert len(stage.patients.find(by_name(family)).patients) == 1
    return _pix(stage, patient, found=cx(patient))


@case("ITI-47, continued")
def _(stage: Stage) -> Names:
    family, query_id = f"Z{uuid.uuid4().hex}", uuid.uuid4().hex
    pair = _two_of(stage, family)
    first = stage.patients.find(by_name(family), quantity=1, query_id=query_id).identifiers[0][0]
    stage.watch()
    assert len(stage.patients.proceed(query_id, quantity=1).patients) == 1
    (second,) = [each for each in pair if each != first]
    return _pix(stage, second, found=cx(second))


@case("ITI-47, cancelled")
def _(stage: Stage) -> Names:
    family, query_id = f"Z{uuid.uuid4().hex}", uuid.uuid4().hex
    pair = _two_of(stage, family)
    stage.patients.find(by_name(family), quantity=1, query_id=query_id)
    stage.watch()
    assert stage.patients.proceed(query_id, cancel=True).acknowledged == "CA"
    return _pix(stage, pair[0])


@case("ITI-47, wrong")
def _(stage: Stage) -> Names:
    assert stage.patients.find("<livingSubjectName><value/></livingSubjectName>").answered == "AE"
    return _pix(stage, ("", ""))
