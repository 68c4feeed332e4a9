"""Nothing is forgotten: whatever can be recorded stands in one of the tables."""

from __future__ import annotations

from itertools import chain

import audited_dmp_table
import audited_fhir_table
import audited_hl7_table
import audited_ihe_table
import audited_operator_table
import audited_pages_table
import audited_patient_table
from audited_event import Row

from audit.event import Outcome
from audit.transactions import OPERATOR_ACTS, TRANSACTIONS, Transaction
from habilitations.action import Action

TABLES = (
    audited_ihe_table,
    audited_dmp_table,
    audited_fhir_table,
    audited_hl7_table,
    audited_pages_table,
    audited_patient_table,
    audited_operator_table,
)
ROWS: list[Row] = [row for table in TABLES for row in chain.from_iterable(table.ROWS.values())]
SAID = {(row.event[0], kind[0]) for row in ROWS for kind in row.types}
# What the sheets of the DMP have a row for, and nobody asks for by itself: it decides about a document, or a header.
NEVER_ASKED = {
    Action.TD0_1,
    Action.TD3_2_MASQUE,
    Action.TD3_2_INVISIBLE,
    Action.TD3_2_ARCHIVE,
    Action.TD3_2_OBSOLETE,
    Action.TD3_2_SUPPRIME,
}


def _pair(row: Transaction) -> tuple[str, str]:
    return (row.event_id.code, row.type.code)


def test_every_transaction_of_the_log_is_performed() -> None:
    assert {name for name, row in TRANSACTIONS.items() if _pair(row) not in SAID} == set()


def test_every_act_of_the_operator_is_performed() -> None:
    rows = chain.from_iterable(audited_operator_table.ROWS.values())
    said = {kind[0] for row in rows for kind in row.types}
    assert set(OPERATOR_ACTS) - said == {"VD/rectification"}  # patients ask it themselves: no command does


def test_every_action_is_performed() -> None:
    said = {kind for _, kind in SAID}
    assert {action for action in Action if action.value not in said} == NEVER_ASKED


def test_success_refusal_and_failure_are_all_there() -> None:
    assert {row.outcome for row in ROWS} == {outcome.value for outcome in Outcome}
