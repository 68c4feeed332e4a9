"""What all commands of `dmp lps` share: who acts, on whom, how, and where the answer goes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import Annotated, Any

import typer

from conformance.lps import LpsUsageError, people
from conformance.lps.client import Lps
from conformance.lps.output import answering, print_result
from conformance.lps.people import Demo, Patient
from conformance.lps.vihf import Access


class Mode(StrEnum):
    """Authentification_mode of the VIHF."""

    DIRECTE = people.DIRECTE
    INDIRECTE = people.INDIRECTE
    INDIRECTE_RENFORCEE = people.INDIRECTE_RENFORCEE


class AccessMode(StrEnum):
    """TRE_R248-ModeAcces."""

    normal = "normal"
    bris_de_glace = "bris_de_glace"
    centre_15 = "centre_15"


class Whose(Enum):
    """Whether a command is about a patient."""

    NOBODY = auto()
    ANYBODY = auto()
    SOMEBODY = auto()


_As = Annotated[str, typer.Option("--as", help="Who acts: a name of people.json.", metavar="NAME")]
_Ins = Annotated[str, typer.Option("--patient", help="INS of the patient, alone or as INS^^^&OID&ISO.", metavar="INS")]
_InsIfAny = Annotated[
    str | None, typer.Option("--patient", help="INS of the patient, alone or as INS^^^&OID&ISO.", metavar="INS")
]
_InsOid = Annotated[
    str | None,
    typer.Option(
        "--ins-oid",
        help="OID of the INS. Default: that of patients.json, else of the CDA header, else the last one used "
        f"({people.REMEMBERED}), else that of test NIRs (…4.10).",
        metavar="OID",
    ),
]
_HOW = "How, and where"  # the panel of the help that has the options of all commands
_Mode = Annotated[
    Mode | None,
    typer.Option(help="Authentication mode. Default: the first of the person's modes.", rich_help_panel=_HOW),
]
_User = Annotated[
    str | None,
    typer.Option(
        "--person",
        help="Professional at the keyboard of a structure, in an indirect mode.",
        metavar="NAME",
        rich_help_panel=_HOW,
    ),
]
_AccessMode = Annotated[AccessMode, typer.Option("--access", help="Access mode claimed.", rich_help_panel=_HOW)]
_Reason = Annotated[str, typer.Option(help="Reason given for bris de glace.", rich_help_panel=_HOW)]
_Secret = Annotated[
    bool, typer.Option("--secret", help="Secret connection: hidden from legal representatives.", rich_help_panel=_HOW)
]
_Json = Annotated[
    bool, typer.Option("--json", help="One JSON value on standard output, errors included.", rich_help_panel=_HOW)
]
_DemoFolder = Annotated[
    Path | None,
    typer.Option(
        "--demo",
        envvar="DMP_DEMO",
        help="Folder of people, patients and keys. Default: ./demo.",
        rich_help_panel=_HOW,
    ),
]
_Server = Annotated[
    str | None, typer.Option(help="Base address of the server. Default: that of server.json.", rich_help_panel=_HOW)
]

Identifier = Annotated[str, typer.Argument(help="entryUUID or uniqueId of the document.", metavar="ID")]

_COMMON: dict[str, tuple[Any, Any]] = {
    "mode": (_Mode, None),
    "user": (_User, None),
    "access": (_AccessMode, AccessMode.normal),
    "reason": (_Reason, ""),
    "secret": (_Secret, False),
    "as_json": (_Json, False),
    "demo_folder": (_DemoFolder, None),
    "server": (_Server, None),
}
_WHOSE: dict[Whose, dict[str, tuple[Any, Any]]] = {
    Whose.NOBODY: {},
    Whose.ANYBODY: {"patient": (_InsIfAny, None), "ins_oid": (_InsOid, None)},
    Whose.SOMEBODY: {"patient": (_Ins, inspect.Parameter.empty), "ins_oid": (_InsOid, None)},
}


@dataclass(frozen=True, slots=True)
class Session:
    """What was said of a command beside its own arguments. `ins` is what --patient said."""

    demo: Demo
    lps: Lps
    access: Access
    as_json: bool
    ins: str | None = None
    ins_oid: str | None = None

    def patient(self, *, header: Sequence[Patient] = ()) -> Patient:
        """The patient that --patient names. Raises LpsUsageError when it names nobody."""
        if self.ins is None:
            raise LpsUsageError("patient: expected --patient INS, got none")
        return self.demo.patient(self.ins, self.ins_oid, header=header)

    def show(self, value: object, otherwise: Callable[[], None]) -> None:
        """Prints the value as JSON when asked to, else what people read."""
        print_result(self.as_json, value, otherwise)


def command(
    app: typer.Typer,
    name: str,
    *transactions: str,
    whose: Whose = Whose.SOMEBODY,
    access: AccessMode = AccessMode.normal,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a command of a function of a Session and its own parameters, with the options that all commands have.

    It answers to the names of its `transactions`, too. A parameter whose type is a dataclass stands for an option for
    each of its fields; one of the name of a common option takes its place.
    """

    def register(act: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(act, eval_str=True).parameters.values())[1:]
        groups: dict[str, Any] = {each.name: each.annotation for each in own if is_dataclass(each.annotation)}
        mine = [option for each in own for option in (_fields(groups[each.name]) if each.name in groups else [each])]
        names = {option.name for option in mine}
        who = _parameters({"name": (_As, inspect.Parameter.empty), **_WHOSE[whose]})
        how = [
            option for option in _parameters(_COMMON | {"access": (_AccessMode, access)}) if option.name not in names
        ]

        def run(**given: Any) -> None:
            said = {name: given.pop(name) for name in names}
            for group, kind in groups.items():
                said[group] = kind(**{field.name: said.pop(field.name) for field in fields(kind)})
            with answering(given["as_json"]):
                act(_session(**given), **said)

        run.__doc__ = act.__doc__
        run.__dict__["__signature__"] = inspect.Signature(
            [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in (*who, *mine, *how)]
        )
        app.command(name)(run)
        for transaction in transactions:
            app.command(transaction, hidden=True)(run)
        return act

    return register


def _fields(group: type) -> list[inspect.Parameter]:
    return list(inspect.signature(group, eval_str=True).parameters.values())


def _parameters(declared: dict[str, tuple[Any, Any]]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in declared.items()
    ]


def _session(
    *,
    name: str,
    mode: Mode | None,
    user: str | None,
    access: AccessMode,
    secret: bool,
    as_json: bool,
    demo_folder: Path | None,
    server: str | None,
    reason: str = "",
    patient: str | None = None,
    ins_oid: str | None = None,
) -> Session:
    """Raises LpsUsageError when the demo folder does not know who that is."""
    demo = people.load(demo_folder)
    lps = Lps.from_demo(demo, name, mode=mode.value if mode else None, user=user, server=server)
    return Session(demo, lps, Access(access.value, reason, secret), as_json, patient, ins_oid)


def dtm(given: str) -> str:
    """`2024-01-31T10:00` or `202401311000` as a DTM, with its own precision. Raises LpsUsageError for no time."""
    digits = "".join(char for char in given if char.isdigit())
    if given and (set(given) - set("0123456789-T: ") or len(digits) not in (4, 6, 8, 10, 12, 14)):
        raise LpsUsageError(f"time: expected YYYY[-MM[-DD[Thh[:mm[:ss]]]]] in UTC, got {given}")
    return digits


def day(given: str) -> str:
    """`1979-03-28` as YYYYMMDD; '' for ''. Raises LpsUsageError for no day."""
    try:
        return date.fromisoformat(given).strftime("%Y%m%d") if given else ""
    except ValueError:
        raise LpsUsageError(f"day: expected YYYY-MM-DD, got {given}") from None
