"""The main job on screen: a hospital pushes a discharge letter, a practice finds it and opens it, others may not."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from audit.selection import Selection
from audit.verification import verify
from conformance.lps import LpsNotFoundError, people
from conformance.lps.client import Lps
from conformance.lps.metadata import Entry, Visibility
from conformance.lps.soap import LpsError
from dmp.explain import Supposed, explain
from habilitations.action import Action
from identities.requester import Authentication, ModeAcces
from server.commands.audit_line import print_events
from server.commands.audit_selection import about, newest
from server.commands.names import requester_of
from server.demo import paper
from server.demo.people import PATIENTS
from server.demo.seed import OPERATOR, DemoError
from server.home_key import audit_key
from server.house import House
from server.settings import Settings

SIGNATURE = "E1762"  # ASTM, type of the signature document. Source: GIE SESAM-Vitale, TD2.1
CRH = "34112-3"  # LOINC, CR hospitalier (séjour): the type that the matrix keeps from podologues


def provide_papers(folder: Path, done: Callable[[], None]) -> None:
    """Sends every document of the demo through the front door, each by its sender. Raises LpsError."""
    demo, now = people.load(folder), datetime.now(UTC)
    papers = folder / "documents"
    papers.mkdir()
    senders = {name: Lps.from_demo(demo, name, mode=_mode(name)) for name in {each.sender for each in paper.PAPERS}}
    for number, each in enumerate(paper.PAPERS, 1):
        file = paper.write(each, papers, number, now)
        senders[each.sender].provide([file], demo.patient(each.ins), visibility=Visibility(mask=each.masked))
        done()
    for sender in senders.values():
        sender.close()


def walk(console: Console, folder: Path, settings: Settings) -> None:
    """The main job, step by step. Raises DemoError when a step does not give what it should."""
    demo, patient = people.load(folder), PATIENTS[0]
    whose = demo.patient(patient.ins)
    traits = patient.traits
    console.rule(f"Le DMP de {traits.birth_given} {traits.birth_family}, INS {patient.ins}")

    letter = paper.write(paper.LETTER, folder / "documents", len(paper.PAPERS) + 1, datetime.now(UTC))
    unique_id = Lps.from_demo(demo, "hopital").provide([letter], whose).unique_ids[0]
    _step(console, 1, "L'hôpital dépose une lettre de liaison (ITI-41).", f"uniqueId {unique_id}")

    practice = Lps.from_demo(demo, "medecin-traitant")
    found = _documents(practice.find(whose))
    _expect(any(entry.unique_id == unique_id for entry in found), "le médecin traitant trouve la lettre")
    _step(console, 2, f"Le médecin traitant cherche (ITI-18) : {len(found)} documents.")
    _print_entries(console, found)

    received = folder / "documents" / "recu.xml"
    practice.open(unique_id, received, whose)
    _expect(received.read_bytes() == letter.read_bytes(), "le document reçu est celui qui fut déposé")
    digest = hashlib.sha256(received.read_bytes()).hexdigest()
    _step(console, 3, "Il ouvre la lettre (ITI-43) : identique octet pour octet.", f"SHA-256 {digest}")

    podologue, crh = Lps.from_demo(demo, "podologue"), _of_type(found, CRH)
    seen = _documents(podologue.find(whose))
    _expect(all(entry.type_code.code != CRH for entry in seen), "le podologue ne trouve pas le compte rendu")
    refusal = _refused(podologue, crh, folder, whose)
    _step(console, 4, f"La podologue cherche : {len(seen)} documents, sans le compte rendu d'hospitalisation ({CRH}).")
    console.print(f"     Elle en connaîtrait l'identifiant qu'elle ne l'ouvrirait pas : {refusal}")

    nurse, masked = _documents(Lps.from_demo(demo, "infirmier").find(whose)), _masked(found)
    _expect(all(entry.unique_id != masked.unique_id for entry in nurse), "l'infirmier ne trouve pas le document masqué")
    _step(console, 5, f"L'infirmier cherche : {len(nurse)} documents. Le document masqué n'y est pas ;")
    console.print("     son auteur et le médecin traitant le voient.")

    house = House.build(settings, anchors=False)
    try:
        _step(console, 6, "Pourquoi ? La règle, la table et la ligne qui ont décidé :")
        _explain(console, house, folder)
        _step(console, 7, "Tout est dans le journal d'audit, refus compris :")
        print_events(newest(house, Selection(about=about(house, patient.identifier)), limit=9))
        _step(console, 8, "Et rien n'y change sans que cela se voie :")
        _verify(console, house)
    finally:
        house.database.dispose()
    _farewell(console, folder, settings, patient.ins)


def _verify(console: Console, house: House) -> None:
    with house.database.snapshot() as connection:
        found = verify(connection, audit_key(house.settings.home).verifier)
    _expect(found.intact, "le journal d'audit est tel qu'il a été écrit")
    console.print(f"     {found.size} événements relus, {found.sealed} scellés : le journal est intact.")


def _mode(name: str) -> str | None:
    return None if name != "hopital" and name != "laboratoire" else people.INDIRECTE


def _step(console: Console, number: int, text: str, detail: str = "") -> None:
    console.print(f"\n[bold]{number}. [/bold]{text}")
    if detail:
        console.print(f"     {detail}")


def _expect(held: bool, what: str) -> None:
    if not held:
        raise DemoError(f"attendu : {what} ; ce n'est pas le cas.")


def _documents(entries: list[Entry]) -> list[Entry]:
    """What a person reads: without the signature documents of the submissions."""
    return [entry for entry in entries if entry.type_code.code != SIGNATURE]


def _of_type(entries: list[Entry], code: str) -> Entry:
    found = next((entry for entry in entries if entry.type_code.code == code), None)
    if found is None:
        raise DemoError(f"attendu : un document de type {code} ; aucun.")
    return found


def _masked(entries: list[Entry]) -> Entry:
    for entry in entries:
        if any(code.code == "MASQUE_PS" for code in entry.confidentiality_codes):
            return entry
    raise DemoError("attendu : un document masqué ; aucun.")


def _refused(lps: Lps, entry: Entry, folder: Path, patient: people.Patient) -> str:
    """How the server refuses to open `entry`. Raises DemoError when it does not."""
    try:
        lps.open(entry.unique_id, folder / "documents" / "refuse.xml", patient, repository=entry.repository_unique_id)
    except LpsError as error:
        return error.code
    except LpsNotFoundError:
        return "introuvable"
    raise DemoError("attendu : un refus ; le document a été ouvert.")


def _print_entries(console: Console, entries: list[Entry]) -> None:
    table = Table("Date", "Type", "Titre", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for entry in sorted(entries, key=lambda each: each.creation_time, reverse=True):
        masked = any(code.code == "MASQUE_PS" for code in entry.confidentiality_codes)
        day = f"{entry.creation_time[6:8]}/{entry.creation_time[4:6]}/{entry.creation_time[:4]}"
        table.add_row(f"     {day}", entry.type_code.code, entry.title + (" [dim](masqué)[/dim]" if masked else ""))
    console.print(table)


def _explain(console: Console, house: House, folder: Path) -> None:
    for who, supposed in (("podologue", Supposed(CRH)), ("infirmier", Supposed("11488-4", ("MASQUE_PS",)))):
        requester = requester_of(
            house, folder / "people.json", who, mode=Authentication.DIRECTE, access=ModeAcces.NORMAL, motif=""
        )
        explained = explain(
            house.gate, house.tables, OPERATOR, requester, Action.TD3_2, PATIENTS[0].identifier, supposed
        )
        _expect(not explained.granted, f"{who} : refus expliqué")
        step = explained.decisive
        console.print(f"     {who} : {step.sentence}")
        console.print(
            f"       {step.table} ({step.version}), ligne {step.row}", style="dim", markup=False, soft_wrap=True
        )


def _farewell(console: Console, folder: Path, settings: Settings, ins: str) -> None:
    shown = _shown(folder)
    console.rule("Le serveur est en marche")
    console.print(
        f"  https://{settings.https}   TLS mutuel, pour les logiciels (certificats : {shown}/pki/NOM/)", soft_wrap=True
    )
    console.print(
        f"  http://{settings.http}    en clair, sur cette machine seulement ; /healthz, /metrics", soft_wrap=True
    )
    if settings.mllp is not None:
        console.print(f"  mllp://{settings.mllp}    HL7 v2, TLS mutuel : dmp lps hl7 send FICHIER", soft_wrap=True)
    usual = folder == Path("demo").absolute()  # where commands look when nothing is said
    demo = "" if usual else f" --demo {shlex.quote(shown)}"
    home = "" if usual else f" --home {shlex.quote(f'{shown}/home')}"
    for command in (
        f"dmp lps find{demo} --as medecin-traitant --patient {ins}",
        f"dmp audit list{home} --patient {ins}",
        f"dmp audit verify{home}",
        f"dmp habilitations explain{home} --as podologue --patient {ins} --action TD3.2 --type {CRH}",
    ):
        console.print(f"  .venv/bin/{command}", markup=False)
    console.print("  make stop    l'arrête ; make demo recommence.")


def _shown(folder: Path) -> str:
    """The folder as one would type it from here."""
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)
