"""Each command of the operator that touches the log, and the server's own events, against the table."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from audited_operator_table import ROWS
from audited_stage import Names
from audited_village import Audited, Cases
from typer.testing import CliRunner

from dmp.volontes import Block, Close, RequestDestruction
from identities.demographics import Telecom
from identities.representation import Representative
from schemas import oids
from server.cli import build
from server.commands import operator
from server.demo.people import invented_nir
from tests.somebody import Somebody, number

CASES = Cases()
SERVER_ROWS = [title for title in ROWS if title.startswith(("start", "stop", "TLS", "migrate", "log "))]
RUNNER = CliRunner()


@pytest.mark.parametrize("title", [title for title in ROWS if title not in SERVER_ROWS])
def test_each_row_is_what_its_command_leaves(audited: Audited, title: str) -> None:
    audited.log.names["operator"] = operator()
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert {*CASES, *SERVER_ROWS} == ROWS.keys()


def _type(audited: Audited, *words: str, code: int = 0) -> str:
    """A command, as the operator types it."""
    audited.watch()
    home = str(audited.village.settings.home)
    done = RUNNER.invoke(build(words[0]), [*words, "--home", home])
    assert done.exit_code == code, (words, done.output, done.exception)
    return done.output


def _names(somebody: Somebody | None, **more: str) -> Names:
    return {"patient": str(somebody.identifier), "holder": number("infirmier"), **more} if somebody else more


def _newcomer(audited: Audited, birth: date = date(1979, 3, 28)) -> str:
    audited.newcomers += 1
    return invented_nir("F", birth, "97413", audited.newcomers)


def _opening(ins: str, birth: date = date(1979, 3, 28)) -> list[str]:
    return [
        "patients",
        "open",
        "--ins",
        ins,
        "--family",
        "ESSAI",
        "--given",
        "Anne",
        "--birth-date",
        str(birth),
        "--sex",
        "F",
    ]


@CASES("patients open")
def _(audited: Audited) -> Names:
    ins = _newcomer(audited)
    _type(audited, *_opening(ins), "--authorise", number("infirmier"))
    return {"patient": f"{ins}^^^&{oids.INS_NIR_TEST}&ISO"}


@CASES("patients show, no DMP")
def _(audited: Audited) -> Names:
    ins = f"{_newcomer(audited)}^^^&{oids.INS_NIR_TEST}&ISO"
    _type(audited, "patients", "show", "--patient", ins, code=3)
    return {"patient": ins}


def _on(audited: Audited, act: str, *words: str, somebody: Somebody | None = None, code: int = 0) -> Names:
    somebody = somebody or audited.somebody()
    _type(audited, "patients", *act.split(), "--patient", somebody.patient.ins, *words, code=code)
    return _names(somebody)


_SAID: dict[str, tuple[str, ...]] = {
    "patients show": ("show",),
    "patients close": ("close", "--reason", "à sa demande"),
    "patients authorise": ("authorise", number("infirmier")),
    "patients account": ("account", "--mail", "a@exemple.fr"),
    "patients account --creation-code": ("account", "--creation-code"),
    "patients block": ("block", number("infirmier")),
    "patients switches": ("switches", "--no-centre-15"),
    "patients oppose": ("oppose",),
    "patients alerts": ("alerts",),
    "patients alerts, set": ("alerts", "--documents"),
    "patients situation": ("situation", "--deceased", "--proof", "acte de décès"),
    "patients representatives list": ("representative list",),
    "patients history": ("history",),
}
for _title, _words in _SAID.items():
    CASES[_title] = lambda audited, words=_words: _on(audited, *words)


@CASES("patients account --renew")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    _on(audited, "account", "--mail", "a@exemple.fr", somebody=somebody)
    return _on(audited, "account", "--renew", somebody=somebody)


@CASES("patients unblock")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    somebody.says(Block(number("infirmier")))
    return _on(audited, "unblock", number("infirmier"), somebody=somebody)


@CASES("patients revoke")
def _(audited: Audited) -> Names:
    return _on(audited, "revoke", number("infirmier"), somebody=audited.somebody("infirmier"))


@CASES("patients medecin-traitant")
def _(audited: Audited) -> Names:
    somebody = audited.somebody("medecin", treating="")
    names = _on(audited, "medecin-traitant", number("medecin"), somebody=somebody)
    return {**names, "holder": number("medecin")}


def _closed(audited: Audited, *then: object) -> Somebody:
    somebody = audited.somebody()
    somebody.says(Close(), *then)  # type: ignore[arg-type]
    return somebody


@CASES("patients destroy-request")
def _(audited: Audited) -> Names:
    return _on(audited, "destroy-request", somebody=_closed(audited))


@CASES("patients merge")
def _(audited: Audited) -> Names:
    into, gone = audited.somebody(), audited.somebody()
    _type(audited, "patients", "merge", "--into", into.patient.ins, "--subsumed", gone.patient.ins)
    return _names(into, subsumed=str(gone.identifier))


@CASES("patients ins")
def _(audited: Audited) -> Names:
    somebody, new = audited.somebody(), _newcomer(audited)
    _type(audited, "patients", "ins", "--patient", somebody.patient.ins, "--new", f"{new}^^^&{oids.INS_NIR_TEST}&ISO")
    return _names(somebody, new=f"{new}^^^&{oids.INS_NIR_TEST}&ISO")


def _child(audited: Audited, birth: date) -> Somebody:
    ins = _newcomer(audited, birth)
    _type(audited, *_opening(ins, birth))
    return Somebody(audited.village, audited.folder, type(audited.somebody().patient)(ins, oids.INS_NIR_TEST))


@CASES("patients representatives add")
def _(audited: Audited) -> Names:
    child = _child(audited, date(2015, 5, 30))
    said = ("--family", "PARENT", "--given", "Camille", "--relationship", "MTH", "--proof", "livret de famille")
    return _on(audited, "representative add", *said, somebody=child)


@CASES("patients due")
def _(audited: Audited) -> Names:
    _type(audited, "patients", "due")
    return {}


@CASES("patients due --tell")
def _(audited: Audited) -> Names:
    soon = datetime.now(UTC).date() + timedelta(days=10)
    child = _child(audited, soon.replace(year=soon.year - 18))
    with audited.log.house.rooms() as rooms:
        dossier = rooms.identities.dossier(child.identifier)
        assert dossier is not None
        mail = (Telecom("mailto:camille@exemple.fr"),)
        parent = Representative(uuid.uuid4().hex, "PARENT", "Camille", "MTH", telecoms=mail)
        rooms.identities.save_representative(dossier.key, parent)
    _type(audited, "patients", "due", "--tell")
    return _names(child)


@CASES("patients due --do")
def _(audited: Audited) -> Names:
    _type(audited, "patients", "due", "--do")
    somebody = _closed(audited, RequestDestruction())
    _type(audited, "patients", "due", "--do")
    return _names(somebody)


@CASES("habilitations explain")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    asked = ("--as", number("medecin"), "--patient", somebody.patient.ins, "--action", "TD3.1")
    _type(audited, "habilitations", "explain", *asked)
    return _names(somebody, endpoint="unknown")


@CASES("audit list")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    _type(audited, "audit", "list", "--patient", somebody.patient.ins)
    return _names(somebody)


@CASES("audit show")
def _(audited: Audited) -> Names:
    _type(audited, "audit", "show", audited.village.audit(1)[0].id)
    return {}


@CASES("audit verify")
def _(audited: Audited) -> Names:
    _type(audited, "audit", "verify")
    return {}


@CASES("directory import")
def _(audited: Audited) -> Names:
    _type(audited, "directory", "import", str(audited.village.folder / "people.json"))
    return {"endpoint": "unknown"}


@CASES("xdm export")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    document = audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0]
    medium = audited.folder / f"{uuid.uuid4()}.zip"
    _type(audited, "xdm", "export", "--patient", somebody.patient.ins, "--output", str(medium))
    (event,) = audited.log.new()
    return _names(somebody, document=document, set=event.submission_sets[0])


def _exported(audited: Audited, somebody: Somebody, *more: str) -> Path:
    medium = audited.folder / f"{uuid.uuid4()}.zip"
    _type(audited, "xdm", "export", "--patient", somebody.patient.ins, "--output", str(medium), *more)
    return medium


@CASES("xdm export, for a professional")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    document = audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0]
    _exported(audited, somebody, "--as", number("medecin-traitant"))
    (event,) = audited.log.new()
    return _names(somebody, document=document, set=event.submission_sets[0])


@CASES("xdm import")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    audited.lps("medecin-traitant").provide([somebody.paper("medecin-traitant")], somebody.patient)
    medium = _exported(audited, somebody, "--for", "exploitant", "--apart")
    somebody.says(Close(), RequestDestruction())
    _type(audited, "patients", "due", "--do")
    _type(audited, *_opening(somebody.patient.ins))
    _type(audited, "xdm", "import", str(medium), "--as", number("medecin-traitant"))
    (event,) = audited.log.new()
    return _names(somebody, document=event.documents[0], set=event.submission_sets[0])
