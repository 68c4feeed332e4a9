"""The house, put together: what the doors and the command line stand on."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from audit.event import AuditObject, Call, Event, Outcome
from audit.message import AuditSource
from audit.reading import AuditReader
from audit.store import AuditStore
from audit.trail import AuditTrail
from dmp.gate import Gate
from dmp.ports import Rooms
from habilitations.decision import Tables
from habilitations.store import HabilitationsStore
from habilitations.table_file import MatriceError
from identities.store import IdentitiesStore
from identities.store.accounts import AccountsStore
from identities.store.alerts import AlertsStore
from identities.store.subscriptions import SubscriptionsStore
from ihe.certificates import TrustStore, TrustStoreError
from registry.errors import ErrorCode, Finding, RegistryError
from registry.store import RegistryStore
from registry.stored_query import ReturnType
from repository.errors import RepositoryError
from repository.files import LocalFiles
from repository.store import RepositoryStore
from schemas.domain import Domain
from server.database import BusyError, Database, connect
from server.notices import OutboxNotices
from server.outbox import Outbox
from server.settings import Settings, SettingsError

SOURCE_ID = "open-dmp"
BUSY = Finding(ErrorCode.XDSRegistryBusy, "registry: expected no other change at the same moment, got one: try again")


@dataclass(frozen=True, slots=True)
class BoundRooms:
    """The rooms in one database transaction. Implements `dmp.ports.Rooms`."""

    registry: RegistryStore
    documents: RepositoryStore
    identities: IdentitiesStore
    accounts: AccountsStore
    rights: HabilitationsStore
    alerts: AlertsStore
    subscriptions: SubscriptionsStore
    trail: AuditTrail
    traces: AuditReader
    notices: OutboxNotices


@dataclass(frozen=True, slots=True)
class House:
    """Everything that is made once for a process. `trust` is None where nothing has to be verified."""

    settings: Settings
    database: Database
    files: LocalFiles
    tables: Tables
    trust: TrustStore | None
    source: AuditSource

    @classmethod
    def build(cls, settings: Settings, *, anchors: bool = True, tables: Tables | None = None) -> House:
        """The house of these settings; opens no database connection. Raises SettingsError.

        Without `anchors` it serves an operator, whom nobody has to authenticate. `tables` that were read already are
        taken as they are: a server reads them once for all its workers.
        """
        try:
            return cls(
                settings=settings,
                database=connect(settings.database_url, threads=settings.threads),
                files=LocalFiles(settings.documents, max_bytes=settings.domain.max_document_bytes),
                tables=tables or tables_of(settings),
                trust=TrustStore.load(settings.ca, settings.crl) if anchors and settings.needs_anchors else None,
                source=AuditSource(source_id=SOURCE_ID, host=socket.gethostname(), process_id=str(os.getpid())),
            )
        except (TrustStoreError, RepositoryError) as error:
            raise SettingsError([str(error)]) from error

    @property
    def domain(self) -> Domain:
        """The affinity domain."""
        return self.settings.domain

    @property
    def _most(self) -> Mapping[ReturnType, int]:
        limits = self.domain.queries
        return {ReturnType.LEAF_CLASS: limits.most_objects, ReturnType.OBJECT_REF: limits.most_references}

    @property
    def gate(self) -> Gate:
        """The one way into the rooms."""
        return Gate(self.unit_of_work, self.files, self.tables, now, self.settings.portal_address)

    @contextmanager
    def rooms(self) -> Iterator[BoundRooms]:
        """The rooms, bound to one database transaction: leaving the block commits, an exception rolls back.

        Raises BusyError when the database gave the transaction up for another one.
        """
        with self.connected() as (_, rooms):
            yield rooms

    @contextmanager
    def connected(self) -> Iterator[tuple[sa.Connection, BoundRooms]]:
        """The same, with the connection, for what this server keeps of its own beside them."""
        settings = self.settings
        outbox = Outbox.of(settings, self.database)
        with self.database.transaction() as connection:
            rooms = BoundRooms(
                registry=RegistryStore(connection, self._most),
                documents=RepositoryStore(connection),
                identities=IdentitiesStore(connection),
                accounts=AccountsStore(connection),
                rights=HabilitationsStore(connection),
                alerts=AlertsStore(connection),
                subscriptions=SubscriptionsStore(connection),
                trail=AuditTrail(AuditStore(connection), self.source),
                traces=AuditReader(connection),
                notices=OutboxNotices(connection, outbox, settings.smtp, settings.sms_gateway),
            )
            yield connection, rooms
        if rooms.notices.hooked or rooms.subscriptions.fresh:
            with suppress(FileNotFoundError):  # of a home that sends nothing, beside one that does
                outbox.ring()

    @contextmanager
    def unit_of_work(self) -> Iterator[Rooms]:
        """The same, as the hall knows them: a transaction that gave way to another is XDSRegistryBusy."""
        try:
            with self.rooms() as rooms:
                yield rooms
        except BusyError:
            raise RegistryError([BUSY]) from None

    def record(
        self,
        transaction: str,
        action: str,
        operator: str,
        *,
        explanation: str = "",
        objects: tuple[AuditObject, ...] = (),
    ) -> None:
        """Notes an event of the server itself, such as its start. Raises AuditUnavailable."""
        self.append(replace(own_event(transaction, action, operator), explanation=explanation, objects=objects))

    def append(self, event: Event) -> None:
        """Records an event that no passage records. Raises AuditUnavailable, BusyError."""
        with self.rooms() as rooms:
            rooms.trail.append(event)


def tables_of(settings: Settings) -> Tables:
    """The tables of rights of these settings, every version of them. Raises SettingsError."""
    try:
        return Tables.load(settings.matrice, folder=settings.habilitations)
    except MatriceError as error:
        raise SettingsError([str(error)]) from error


def own_event(transaction: str, action: str, operator: str) -> Event:
    """The audit event of something that concerns no patient, done here and now."""
    call = Call(transaction=transaction, request_id=uuid.uuid4().hex)
    return Event(str(uuid.uuid4()), now(), call, Outcome.SUCCESS, action=action, operator=operator)


def now() -> datetime:
    """The present instant, aware, UTC."""
    return datetime.now(UTC)
