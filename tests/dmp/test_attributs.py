"""TD3.3 against its own rules, said over: which change of marks is which action, and what a hidden document tells.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD3.3a, TD3.3b; PDT-INF-526 v1.8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.event import Call
from audit.listing import AuditListings
from audit.selection import Selection
from dmp.attributs import Attributs
from dmp.gestion import Consents, open_dossier, record_consents
from habilitations.action import Action
from identities.dossier import Traits
from identities.ins import key_of
from identities.requester import Authentication, PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError
from registry.metadata import AvailabilityStatus, Code, DocumentEntry, Submission
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, Custody
from registry.store import RegistryStore
from registry.stored_query import GetDocuments, ReturnType
from schemas import oids
from server.house import House
from server.migrations import upgrade
from server.settings import load
from tests.registry.samples import EVERYTHING, NORMAL, document, register, submission, uuid
from tests.registry.update_samples import status_change, update

PATIENT = PatientId("2790375056101" + key_of("2790375056101"), oids.INS_NIR_TEST)
CX = f"{PATIENT}^NH"
MASKED, UNSEEN, UNSEEN_BY_PARENTS = (
    Code(*mark) for mark in (MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX)
)
MARKS = [set(chosen) for size in range(4) for chosen in combinations((MASKED, UNSEEN, UNSEEN_BY_PARENTS), size)]
UNMODIFIABLE, OPERATION = ErrorCode.UnmodifiableMetadataError, ErrorCode.XDSMetadataUpdateOperationError
MEDECIN_TRAITANT = Requester(
    id_nat="899970000019",
    name="MARCHAND Claire",
    profession="10",
    profession_system=oids.PROFESSION,
    specialty="SM26",
    structure_id="",
    sector="SA07",
    authentication=Authentication.DIRECTE,
    patient=PATIENT,
)
DOCTOR = replace(MEDECIN_TRAITANT, id_nat="899970000027", name="LEROUX Paul")
NOBODY_S = uuid(404)


@dataclass
class Registry:
    """A house of the DMP, the dossier of one patient, and two doctors who are let in."""

    house: House
    key: str
    count: int = 0

    def __post_init__(self) -> None:
        self.use_case = Attributs(self.house.gate, self.house.domain, lambda _attribute, _code: True)

    def put(self, marks: Collection[Code]) -> DocumentEntry:
        """A document of somebody else, as it stands."""
        self.count += 1
        entry = document(number=self.count, patient_id=CX, confidentiality_codes=(NORMAL, *marks))
        with self.house.database.transaction() as connection:
            sent = submission(entry, number=self.count, patient_id=CX)
            effects = register(connection, sent, patient=self.key, custody={"Document01": Custody()})
        return effects.submission.entries[0]

    def stands(self, lid: str) -> DocumentEntry:
        query = GetDocuments(return_type=ReturnType.LEAF_CLASS, logical_ids=(lid,))
        with self.house.database.transaction() as connection:
            (found,) = RegistryStore(connection).find(query, replace(EVERYTHING, patient=self.key))
        assert isinstance(found, DocumentEntry)
        return found

    def send(self, requester: Requester, sent: Submission) -> tuple[Finding, ...]:
        """The findings of the refusal; () when there is none."""
        try:
            self.use_case.update(requester, Call("ITI-57", "r1"), sent, ())
        except RegistryError as error:
            return error.findings
        return ()

    def recorded(self) -> str:
        """The action of the newest event."""
        with self.house.database.transaction() as connection:
            return AuditListings(connection).newest(Selection(), limit=1)[0].action

    def next(self, entry: DocumentEntry, marks: Collection[Code], **changes: Any) -> Submission:
        """The version after `entry`, with these marks."""
        self.count += 1
        codes = (NORMAL, *sorted(marks, key=str))
        new = replace(entry, entry_uuid="Document01", confidentiality_codes=codes)
        return update(replace(new, **changes), number=10_000 + self.count, patient_id=CX)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    loaded = load({"home": tmp_path_factory.mktemp("home")}, {})
    upgrade(loaded)
    house = House.build(loaded, anchors=False)
    traits = Traits("ESSAI", "ANNE", date(1979, 3, 28), "F")
    dossier = open_dossier(house.gate, "test", (PATIENT,), traits, domain=house.domain)
    said = Consents(medecins_traitants=(MEDECIN_TRAITANT.id_nat,), authorised_persons=(DOCTOR.id_nat,))
    record_consents(house.gate, "test", PATIENT, said)
    yield Registry(house, dossier.key)
    house.database.dispose()


@pytest.mark.parametrize(("before", "after"), list(product(MARKS, repeat=2)))
def test_each_change_of_marks(registry: Registry, before: set[Code], after: set[Code]) -> None:
    """All 64: one action, or none of TD3.3; what stands has the marks of the message, or those it had."""
    entry = registry.put(before)
    told = {found.code for found in registry.send(MEDECIN_TRAITANT, registry.next(entry, after))}
    actions = [Action.TD3_3A_MASQUER] * (MASKED in after - before)
    actions += [Action.TD3_3A_DEMASQUER] * (MASKED in before - after)
    actions += [Action.TD3_3B] * bool(before - after - {MASKED})
    if after - before - {MASKED}:
        assert told == {UNMODIFIABLE}
    elif len(actions) != 1:
        assert told == {OPERATION}
    else:
        assert told == set()
        assert registry.recorded() == actions[0].value
    stands = registry.stands(entry.logical_id)
    assert set(stands.confidentiality_codes) == {NORMAL, *(before if told else after)}
    assert stands.version == (1 if told else 2)
    unchanged = replace(stands, entry_uuid=entry.entry_uuid, version=1, confidentiality_codes=())
    assert unchanged == replace(entry, confidentiality_codes=())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.sampled_from([marks for marks in MARKS if MASKED in marks]),
    after=st.sampled_from(MARKS),
    version=st.integers(1, 3),
    title=st.sampled_from(("Lettre de sortie", "Autre")),
    status=st.none() | st.tuples(st.sampled_from(AvailabilityStatus), st.sampled_from(AvailabilityStatus)),
)
def test_what_is_hidden_answers_as_what_is_not_there(
    registry: Registry,
    before: set[Code],
    after: set[Code],
    version: int,
    title: str,
    status: tuple[AvailabilityStatus, AvailabilityStatus] | None,
) -> None:
    """Whatever is sent about a masked document of somebody else."""
    hidden = registry.put(before)
    answers = []
    for name in (hidden.entry_uuid, NOBODY_S):
        if status is None:
            entry = replace(hidden, logical_id=name)
            sent = registry.next(entry, after, version=version, title=title)
        elif AvailabilityStatus.DEPRECATED is status[1]:
            return  # nobody may, whatever is named
        else:
            registry.count += 1
            change = replace(status_change(name, *status), entry_uuid="Change")
            sent = update(change, number=10_000 + registry.count, patient_id=CX)
        answers.append([(each.code, each.context.replace(name, "ID")) for each in registry.send(DOCTOR, sent)])
    assert answers[0] == answers[1] != []
    assert registry.stands(hidden.logical_id) == hidden
