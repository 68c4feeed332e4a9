"""What the cases of patients' pages share."""

from __future__ import annotations

from collections.abc import Mapping

from audited_stage import Names
from audited_village import Audited, Cases, found_by

from tests.browser import Page
from tests.journeys.patients import Someone
from tests.somebody import Somebody, number

CASES = Cases()
GET = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
SAID = {"titre": "Analyse de 2019", "type": "DOCPAT05", "date": "2019-06-05", "commentaire": ""}
HOLDER = "infirmier"


def names_of(audited: Audited, someone: Someone | None, path: str, **more: str) -> Names:
    names = {"endpoint": audited.at(f"/patient{path}"), **more}
    if someone is not None:
        own = {"patient": str(someone.patient), "ins": someone.patient.value, "patient_name": "ESSAI Anne"}
        names = {**found_by(someone.patient), **own, "holder": number(HOLDER), **names}
    return names


def new_account(audited: Audited, somebody: Somebody | None = None) -> Someone:
    """Somebody with an account that was never used."""
    return Someone.of(audited.village, audited.box, (somebody or audited.somebody()).patient.ins)


def settled_in(audited: Audited, somebody: Somebody | None = None) -> Someone:
    someone = new_account(audited, somebody)
    someone.settle_in()
    return someone


def connected(audited: Audited) -> tuple[Somebody, Someone]:
    """A patient who is connected, the same for all that leaves them so."""
    if not audited.at_home:
        somebody = audited.somebody()
        audited.at_home.append((somebody, settled_in(audited, somebody)))
    return audited.at_home[0]


def submit(
    audited: Audited,
    someone: Someone,
    path: str,
    fields: Mapping[str, str],
    *,
    form: str | None = None,
    status: int = 303,
) -> Page:
    """A form filled in and sent, nothing followed."""
    _, held = someone.ask(path if form is None else form).form()
    audited.watch()
    answer = someone.browser.post(f"/patient{path}", {"cle": held["cle"], **fields})
    assert answer.status == status, answer.text
    return answer


def ask_page(audited: Audited, path: str, someone: Someone | None = None, status: int = 200, **more: str) -> Names:
    someone = someone or connected(audited)[1]
    audited.watch()
    answer = someone.browser.get(f"/patient{path}")
    assert answer.status == status, answer.text
    return names_of(audited, someone, path, **more)
