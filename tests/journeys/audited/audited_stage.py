"""Where rows of the tables are performed: a server's own log, read between one request and the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from audited_event import Row, differences, expected, read, sentence, settled
from lxml import etree

from audit.listing import AuditListings
from audit.selection import Selection
from audit.store import AuditRecord
from server.house import House
from server.settings import Settings

Names = Mapping[str, str]


@dataclass
class Log:
    """The audit log of a running server. `watch` forgets what there was so far; then all of `watched` are called."""

    house: House
    schema: etree.XMLSchema | None
    seen: int = 0
    names: dict[str, str] = field(default_factory=dict)
    watched: list[Callable[[], None]] = field(default_factory=list)

    def watch(self) -> None:
        self.seen = max((each.sequence for each in self._last(1)), default=0)
        for called in self.watched:
            called()

    def new(self) -> list[AuditRecord]:
        """What was recorded since `watch`, oldest first."""
        return [each for each in reversed(self._last(40)) if each.sequence > self.seen]

    def holds(self, rows: Sequence[Row], names: Names) -> None:
        """Raises AssertionError unless the new events are those of `rows`, whole, and no other."""
        events = self.new()
        told = [
            f"{each.transaction} {each.action} {each.outcome.value} {each.rule} {each.explanation}" for each in events
        ]
        assert len(events) == len(rows), told
        for event, row in zip(events, rows, strict=True):
            if self.schema is not None:
                self.schema.assertValid(etree.fromstring(event.message))
            said = sentence(event.message)
            assert row.told is None or said == row.told, said
            assert row.told is not None or said or not row.rule[1]
            known = {
                **self.names,
                **names,
                "request": event.request_id,
                "event": event.id,
                "version": event.rule_version,
                "sentence": said,
            }
            wrong = differences(settled(read(event.message)), settled(expected(row, known)))
            assert not wrong, "\n".join(wrong)

    def _last(self, limit: int) -> tuple[AuditRecord, ...]:
        with self.house.database.transaction() as connection:
            return AuditListings(connection).newest(Selection(), limit=limit)


@contextmanager
def log_of(settings: Settings, reference: Path | None) -> Iterator[Log]:
    """The log of the server of these settings; messages are held to the official schema where that is at hand."""
    schema = None
    if reference is not None:
        schema = etree.XMLSchema(file=str(reference / "security" / "atna" / "ipf_dicom2017c.xsd"))
    house = House.build(settings, anchors=False)
    try:
        log = Log(house, schema)
        log.watch()
        yield log
    finally:
        house.database.dispose()
