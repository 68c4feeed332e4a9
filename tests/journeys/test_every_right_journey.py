"""Every cell of the functional rights, through HTTP, for somebody of that column: the outcome and the reason.

The tests are made from the table (tests/rights_village.py reads it by itself). For each cell, the transaction is sent;
what is refused is refused by that row and column, and says so; what is granted is carried out as far as its footnote
lets it, and no further.

Source: GIE SESAM-Vitale, PDT-INF-526 v1.8 and PDT-INF-606 v1.3.
"""

from __future__ import annotations

import ssl
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.event import Outcome
from conformance.lps.candidates import Criteria, read_candidates, write_candidates
from conformance.lps.metadata import Visibility
from conformance.lps.services import LAST_AUTHORISATION, SI_DMP_PATIENTS, AuthorisedDmp, read_dmps
from habilitations.statement import Switches
from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.newcomers import STRANGER, Planted
from tests.rights_village import INS, TYPE, Cell, RightsVillage, cells, refusal, rights_village
from tests.village import Village

CELLS = tuple(cells())
DENIED = "DMPAccessDeniedByRightsService"
MASK = Visibility(mask=True).codes()
APPROVED, ARCHIVED = AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED
CONSULTATION = "consultation_report"
UNKNOWN = ("XDSMetadataUpdateError", "XDSMetadataVersionError")  # what an unknown entryUUID, or logicalID, is told
AS_MEDECIN = ("medecin_traitant_DMP", "medecin_non_MT")
SHOWN_NOTHING = ("CPE_non_PS", "ES_indirect", "PE_non_PS")  # TD3.1, métadonnées: non


@pytest.fixture(scope="module")
def rights(new_village: Callable[[], Village]) -> Iterator[RightsVillage]:
    with rights_village(new_village) as settled:
        yield settled


def test_no_cell_is_left_out() -> None:
    assert len(CELLS) == 26 * 21
    assert sum(cell.text != "-" for cell in CELLS) == 26 * 12 + 25 * 9
    assert {cell.action for cell in CELLS} == set(RUN)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_cell(rights: RightsVillage, tmp_path: Path, cell: Cell) -> None:
    rights.let_everybody_in()
    RUN[cell.action](rights, cell, tmp_path)


# --- How a cell is told -----------------------------------------------------------------------------------------------


def decided(rights: RightsVillage, cell: Cell, attempt: Callable[[], object], *, action: str = "") -> None:
    """The transaction is carried out, or refused by this very cell; the wire and the log say the same."""
    action = action or cell.action
    error = refusal(attempt)
    event = next(each for each in rights.last_events() if each.action == action)
    assert (event.rule, event.rule_table) == ("droit_fonctionnel", f"droits_fonctionnels/{cell.sheet}")
    assert event.rule_row == f"{action} × {cell.heading}"
    assert event.requester_id
    if cell.granted:
        assert error is None
        assert event.outcome is Outcome.SUCCESS
        assert "permet" in event.explanation
    else:
        assert error is not None, "expected a refusal, got an answer"
        assert (error.code, error.context) == (DENIED, event.explanation)
        assert event.outcome is Outcome.MINOR_FAILURE
        assert "ne permet pas" in event.explanation


def hidden(rights: RightsVillage, attempt: Callable[[], object], rule: str, row: str) -> None:
    """One document stays out of reach: the wire says what it says of what does not exist, the log says the row."""
    error = refusal(attempt)
    assert error is not None, "expected nothing to be found, got a document"
    assert error.code != DENIED
    event = rights.last_events(1)[0]
    assert event.outcome is Outcome.MINOR_FAILURE
    assert (event.rule, event.rule_row) == (rule, row)


# --- TD0 and TD1 ------------------------------------------------------------------------------------------------------


def existence(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    """TD0.1 is no message of its own: who is authenticated is heard, TD0.2 being open to every column."""
    lps = rights.lps(cell.person)
    decided(rights, cell, lambda: lps.existence(rights.patient, access=cell.access), action="TD0.2")


def declare(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    lps = rights.lps(cell.person)
    decided(rights, cell, lambda: lps.authorise(rights.patient, access=cell.access))
    if cell.note == "1":
        assert rights.structure(cell.person) in rights.wishes()[0], "given to the structure"


def withdraw(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    lps, id_nat = rights.lps(cell.person), rights.id_nat(cell.person)
    decided(rights, cell, lambda: lps.authorise(rights.patient, remove=True, access=cell.access))
    assert (id_nat in rights.wishes()[0]) is not cell.granted


def stop_treating(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    lps, id_nat = rights.lps(cell.person), rights.id_nat(cell.person)
    treated = id_nat in rights.wishes()[1]
    decided(rights, cell, lambda: lps.authorise(rights.patient, remove=True, medecin_traitant=True, access=cell.access))
    authorised, treating = rights.wishes()
    assert (id_nat in treating) is (treated and not cell.granted)
    assert id_nat in authorised, "and keeps access"


def authorised_dossiers(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    """A list is about no dossier, so that nobody is its médecin traitant: such a cell is decided, with the same
    outcome, in the column of a médecin."""
    lps, judged = rights.lps(cell.person), replace(cell, heading=cell.heading.replace(*AS_MEDECIN))

    def list_them(*fields: tuple[str, str]) -> list[AuthorisedDmp]:
        return read_dmps(lps.call(SI_DMP_PATIENTS, "patientList", fields, rights.patient, cell.access))

    since = (("startDate", "20200101000000"), ("dateType", LAST_AUTHORISATION)) if cell.note == "3" else ()
    assert judged in CELLS, "the two columns say the same"
    decided(rights, judged, lambda: list_them(*since))
    if cell.note == "3":
        assert refusal(list_them) is not None, "limited by date to new authorisations"


def search_without_ins(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    """The VIHF names the patient, or nobody could tell a médecin traitant from another médecin."""
    lps, criteria = rights.lps(cell.person), Criteria(family=PATIENTS[11].traits.birth_family)
    message = write_candidates(criteria, lps._sender, lps._clock())

    def search() -> None:
        found = read_candidates(lps._interact(message, rights.patient, cell.access), message)
        assert [INS in {ins.ins for ins in each.identifiers} for each in found] == [True]

    decided(rights, cell, search)


def administrative(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    lps = rights.lps(cell.person)
    decided(rights, cell, lambda: lps.administrative(rights.patient, access=cell.access))


def professionals(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    lps = rights.lps(cell.person)
    decided(rights, cell, lambda: lps.professionals(rights.patient, access=cell.access))


def web(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    """TD0.9 by the card of the TLS connection, TD0.10 (a structure's connection) by a VIHF in a form."""
    holder = {"AIR": "clinique"}.get(cell.sheet, cell.person)
    keys = rights.village.demo.keys(rights.village.demo.person(holder))
    context = ssl.create_default_context(cafile=str(rights.village.folder / "ca.pem"))
    context.load_cert_chain(keys.auth_cert, keys.auth_key)
    mode = urllib.parse.urlencode({"mode": cell.access.mode, "motif": cell.access.reason})
    url = f"https://{rights.village.settings.https}/AccesDirect/TableauDeBord/{INS}?{mode}"
    form = None
    if cell.sheet == "AIR" or cell.actor == "ES_indirect":
        assertion = rights.lps(cell.person).assertion(rights.patient, cell.access)
        form = urllib.parse.urlencode({"VIHF": b64encode(assertion).decode()}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, form), context=context) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    events = [each for each in rights.last_events(10) if each.action == "TD0.9"]
    assert events[0].rule_row == f"TD0.9 × {cell.heading}"
    assert (events[0].rule, events[0].rule_table) == ("droit_fonctionnel", f"droits_fonctionnels/{cell.sheet}")
    assert (events[0].outcome is Outcome.SUCCESS) is cell.granted
    assert (status == 200) is cell.granted


# --- TD2 --------------------------------------------------------------------------------------------------------------


def provide(rights: RightsVillage, cell: Cell, tmp_path: Path) -> None:
    """A CPE of a liberal secretariat feeds by TD2.2 and by nothing else; everybody else by TD2.1."""
    own = "TD2.2" if cell.actor == "CPE_non_PS" else "TD2.1"
    paper = Paper(CONSULTATION, "medecin", "medecin", 11, 0)
    file = write(paper, tmp_path, 7000 + CELLS.index(cell), datetime.now(UTC))
    lps = rights.lps(cell.person)

    def send() -> str:
        return lps.provide([file], rights.patient, access=cell.access).unique_ids[0]

    if own != cell.action:  # the other transaction never happens, whatever is sent
        assert not cell.granted
        refusal(send)
        event = rights.last_events(1)[0]
        assert event.action == own
        assert event.rule_row == f"{own} × {cell.heading}"
        return
    decided(rights, cell, send)
    if cell.note == "4":
        sent = rights.last_events(1)[0]
        assert sent.structure_id == rights.structure(cell.person), "imputed to the structure"


# --- TD3.1 and TD3.2 --------------------------------------------------------------------------------------------------


def search_metadata(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    lps = rights.lps(cell.person)
    decided(rights, cell, lambda: lps.find(rights.patient, access=cell.access))


def search_reference(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
    lps = rights.lps(cell.person)
    ours, theirs = rights.plant(Planted(TYPE, custody=rights.of_structure(cell.person)), Planted(TYPE))
    found: list[str] = []
    decided(rights, cell, lambda: found.extend(lps.find_references(rights.patient, access=cell.access)))
    assert ours.entry_uuid in found
    assert (theirs.entry_uuid in found) is (cell.note != "5"), "to delete the structure's own, and no other"


def opens(rights: RightsVillage, cell: Cell, tmp_path: Path, entry: DocumentEntry) -> Callable[[], object]:
    lps = rights.lps(cell.person)
    where, repository = tmp_path / f"{entry.unique_id}.xml", entry.repository_unique_id
    return lambda: lps.open(entry.unique_id, where, rights.patient, repository=repository, access=cell.access)


def consult(
    *, marks: tuple[tuple[str, str], ...] = (), status: AvailabilityStatus = APPROVED
) -> Callable[[RightsVillage, Cell, Path], None]:
    """Opening somebody else's document in that state. The transaction on the wire is TD3.2 whatever the state."""

    def run(rights: RightsVillage, cell: Cell, tmp_path: Path) -> None:
        (entry,) = rights.plant(Planted(TYPE, marks=marks, status=status))
        decided(rights, cell, opens(rights, cell, tmp_path, entry), action="TD3.2")

    return run


def consult_masked(rights: RightsVillage, cell: Cell, tmp_path: Path) -> None:
    mine, theirs = rights.plant(
        Planted(TYPE, marks=(MASQUE_PS,), custody=rights.own(cell.person)), Planted(TYPE, marks=(MASQUE_PS,))
    )
    row = f"TD3.2/masque × {cell.heading}"
    if cell.note == "6":
        decided(rights, cell, opens(rights, cell, tmp_path, mine), action="TD3.2")
        hidden(rights, opens(rights, cell, tmp_path, theirs), "document_masque", row)
    elif cell.note == "7":
        decided(rights, cell, opens(rights, cell, tmp_path, theirs), action="TD3.2")
        rights.let_everybody_in(switches=Switches(True, True, False))
        hidden(rights, opens(rights, cell, tmp_path, theirs), "document_masque_en_urgence", row)
    else:
        decided(rights, cell, opens(rights, cell, tmp_path, theirs), action="TD3.2")


# --- TD3.3 ------------------------------------------------------------------------------------------------------------


def attribute(
    change: Callable[[RightsVillage, Cell, DocumentEntry], None],
    *,
    presumed: str = "",
    marks: tuple[tuple[str, str], ...] = (),
    status: AvailabilityStatus = APPROVED,
) -> Callable[[RightsVillage, Cell, Path], None]:
    """A change of a document in that state: one's own, the structure's, anybody's, by the footnote.

    To whom no metadata are shown, the server cannot say what a message changes: it refuses what the message by itself
    looks like, `presumed`.
    """

    def run(rights: RightsVillage, cell: Cell, _tmp_path: Path) -> None:
        own = rights.own(cell.person) if cell.note != "9" else rights.of_structure(cell.person)
        custody = own if cell.note else STRANGER
        within, without = rights.plant(
            Planted(TYPE, marks=marks, status=status, custody=custody), Planted(TYPE, marks=marks, status=status)
        )
        action = presumed if cell.actor in SHOWN_NOTHING else ""
        decided(rights, cell, lambda: change(rights, cell, within), action=action)
        if cell.note:
            error = refusal(lambda: change(rights, cell, without))
            assert error is not None
            assert error.code in UNKNOWN
            event = rights.last_events(1)[0]
            assert event.outcome is Outcome.MINOR_FAILURE
            assert event.rule in ("document_d_autrui", "document_masque")

    return run


def mask(rights: RightsVillage, cell: Cell, entry: DocumentEntry) -> None:
    rights.mark(cell, entry, add=MASK)


def unmask(rights: RightsVillage, cell: Cell, entry: DocumentEntry) -> None:
    rights.mark(cell, entry, remove=["MASQUE_PS"])


def reveal(rights: RightsVillage, cell: Cell, entry: DocumentEntry) -> None:
    rights.mark(cell, entry, remove=["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"])


def turns(status: AvailabilityStatus) -> Callable[[RightsVillage, Cell, DocumentEntry], None]:
    return lambda rights, cell, entry: rights.turn(cell, entry, status.value)


HIDDEN = (INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX)
RUN: dict[str, Callable[[RightsVillage, Cell, Path], None]] = {
    "TD0.1": existence,
    "TD0.2": existence,
    "TD0.3/ajout": declare,
    "TD0.3/suppression": withdraw,
    "TD0.3/fin-medecin-traitant": stop_treating,
    "TD0.4": authorised_dossiers,
    "TD0.5": search_without_ins,
    "TD0.9": web,
    "TD1.3a": administrative,
    "TD1.6": professionals,
    "TD2.1": provide,
    "TD2.2": provide,
    "TD3.1": search_metadata,
    "TD3.1/reference": search_reference,
    "TD3.2": consult(),
    "TD3.2/masque": consult_masked,
    "TD3.2/invisible": consult(marks=HIDDEN),
    "TD3.2/archive": consult(status=ARCHIVED),
    "TD3.2/obsolete": consult(status=AvailabilityStatus.DEPRECATED),
    "TD3.2/supprime": consult(status=AvailabilityStatus.DELETED),
    "TD3.3a/masquer": attribute(mask),
    "TD3.3a/demasquer": attribute(unmask, marks=(MASQUE_PS,)),
    "TD3.3b": attribute(reveal, presumed="TD3.3a/demasquer", marks=HIDDEN),
    "TD3.3c": attribute(turns(AvailabilityStatus.DELETED)),
    "TD3.3d/archiver": attribute(turns(ARCHIVED)),
    "TD3.3d/desarchiver": attribute(turns(APPROVED), status=ARCHIVED),
}
