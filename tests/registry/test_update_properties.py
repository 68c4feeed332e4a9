"""Whatever is registered, updated, linked and deprecated, in whatever order: versions and links stay in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import RegistryError
from registry.metadata import AssociationType
from registry.store import METADATA
from registry.store.tables import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET
from registry.update_operations import RESTRICTED, UPDATE, Rules
from tests.registry.samples import APPROVED, DEPRECATED, HAS_MEMBER, association, document, folder, register, submission
from tests.registry.update_samples import APND, RPLC, carry_out, status_change, submitted, update

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("register", "replace", "append", "file", "update", "restrict", "folder", "status", "submit")),
        st.integers(0, 6),
        st.integers(0, 6),
        st.sampled_from(("", "yes", "no")),
        st.booleans(),
    ),
    min_size=2,
    max_size=14,
)


class House:
    """A registry on which things are done, each by numbers that chance gives; what is refused is refused whole."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection, self.count = connection, 0
        self.done: list[str] = []

    def rows(self, table: sa.Table) -> list[Any]:
        return list(self.connection.execute(sa.select(table).order_by(table.c.id)))

    def pick(self, table: sa.Table, number: int) -> Any:
        rows = self.rows(table)
        return rows[number % len(rows)] if rows else None

    def step(self, act: str, one: int, two: int, propagation: str, flag: bool) -> None:
        self.count += 1
        try:
            with self.connection.begin_nested():
                getattr(self, f"do_{act}")(one, two, propagation, flag)
            self.done.append(act)
        except RegistryError:
            pass

    def do_register(self, _one: int, _two: int, _propagation: str, flag: bool) -> None:
        kept = (folder("F", self.count),) if flag else ()
        relations = (association(HAS_MEMBER, "F", "D"),) if flag else ()
        register(
            self.connection, submission(document("D", self.count), folders=kept, relations=relations, number=self.count)
        )

    def related(self, kind: AssociationType, one: int) -> None:
        target = self.pick(ENTRY, one)
        if target is not None:
            relations = (association(kind, "D", target.entry_uuid),)
            register(self.connection, submission(document("D", self.count), relations=relations, number=self.count))

    def do_replace(self, one: int, _two: int, _propagation: str, _flag: bool) -> None:
        self.related(RPLC, one)

    def do_append(self, one: int, _two: int, _propagation: str, _flag: bool) -> None:
        self.related(APND, one)

    def do_file(self, one: int, _two: int, _propagation: str, _flag: bool) -> None:
        kept = self.pick(FOLDER, one)
        if kept is not None:
            relations = (association(HAS_MEMBER, kept.entry_uuid, "D"),)
            register(self.connection, submission(document("D", self.count), relations=relations, number=self.count))

    def do_update(self, one: int, two: int, propagation: str, flag: bool, *, rules: Rules = UPDATE) -> None:
        row = self.pick(ENTRY, one)
        if row is not None:
            number = int(row.unique_id.rpartition(".")[2])
            new = document("D", number, logical_id=row.logical_id, version=row.version if flag else two)
            extra = (status_change("D"),) if two == 3 and rules is UPDATE else ()
            sent = update(new, *extra, number=1000 + self.count, propagation=propagation)
            carry_out(self.connection, sent, rules=rules)

    def do_restrict(self, one: int, two: int, propagation: str, flag: bool) -> None:
        self.do_update(one, two, propagation, flag, rules=RESTRICTED)

    def do_folder(self, one: int, _two: int, propagation: str, _flag: bool) -> None:
        row = self.pick(FOLDER, one)
        if row is not None:
            number = int(row.unique_id.rpartition(".")[2])
            new = folder("F", number, logical_id=row.logical_id, version=row.version)
            carry_out(self.connection, update(new, number=1000 + self.count, propagation=propagation))

    def do_status(self, one: int, two: int, _propagation: str, flag: bool) -> None:
        row = self.pick((ENTRY, FOLDER, ASSOCIATION)[two % 3], one)
        if row is not None:
            change = (DEPRECATED, APPROVED) if flag else (APPROVED, DEPRECATED)
            carry_out(self.connection, update(status_change(row.entry_uuid, *change), number=1000 + self.count))

    def do_submit(self, one: int, two: int, _propagation: str, flag: bool) -> None:
        source, target = self.pick(FOLDER if flag else ENTRY, one), self.pick(ENTRY, two)
        if source is not None:
            item = association(HAS_MEMBER if flag else (APND, RPLC)[one % 2], source.entry_uuid, target.entry_uuid)
            carry_out(self.connection, update(*submitted(item), number=1000 + self.count))


@contextmanager
def in_memory() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_whatever_is_done_versions_and_links_are_in_order(steps: list[tuple[str, int, int, str, bool]]) -> None:
    with in_memory() as connection:
        house = House(connection)
        house.step("register", 0, 0, "", True)
        for step in steps:
            house.step(*step)
        for table in (ENTRY, FOLDER):
            chains: dict[str, list[Any]] = {}
            for row in house.rows(table):
                chains.setdefault(row.logical_id, []).append(row)
            for lid, chain in chains.items():
                chain.sort(key=lambda row: row.version)
                assert [row.version for row in chain] == list(range(1, len(chain) + 1))
                assert [row.latest for row in chain] == [False] * (len(chain) - 1) + [True]
                assert all(row.availability_status is DEPRECATED for row in chain[:-1])
                assert chain[0].entry_uuid == lid
        ends = {row.entry_uuid for table in (ENTRY, FOLDER, ASSOCIATION, SUBMISSION_SET) for row in house.rows(table)}
        links = house.rows(ASSOCIATION)
        assert all(row.source in ends and row.target in ends for row in links)
        approved = [(row.type, row.source, row.target) for row in links if row.availability_status is APPROVED]
        assert len(approved) == len(set(approved))


def test_the_things_that_chance_does_are_done() -> None:
    """Against a property that holds because everything is refused."""
    with in_memory() as connection:
        house = House(connection)
        for step in (
            ("register", 0, 0, "", True),
            ("update", 0, 0, "yes", True),
            ("folder", 0, 0, "", False),
            ("append", 1, 0, "", False),
            ("file", 1, 0, "", False),
            ("status", 1, 0, "", False),
            ("restrict", 1, 0, "no", True),
            ("register", 0, 0, "", False),
            ("submit", 2, 5, "", False),
            ("replace", 3, 0, "", False),
        ):
            house.step(*step)
        assert set(house.done) == {
            "register",
            "update",
            "folder",
            "append",
            "file",
            "status",
            "restrict",
            "submit",
            "replace",
        }
