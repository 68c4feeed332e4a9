"""The registry's tables. Every index is led by `patient` (a dossier key), but for the lookups by global identifier.

Rows keep what queries filter by; the object itself is in `body` (`registry.body`), written once. Only
`availability_status` and a folder's `last_update_time` change afterwards, and they are read from their columns.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from registry.existing import URN_UUID
from registry.metadata import AssociationType, AvailabilityStatus, ObjectType

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


class UrnUuid(sa.types.TypeDecorator[str]):
    """`urn:uuid:...` in 16 bytes."""

    impl = sa.LargeBinary(16)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:  # noqa: ARG002
        return None if value is None else bytes.fromhex(value.removeprefix(URN_UUID).replace("-", ""))

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        text = bytes(value).hex()
        return f"{URN_UUID}{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


ABOUT = "about"  # in the `info` of a column: the table whose `id` it is

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER
_DTM = sa.String(14)  # a DTM's first second, so that texts compare as times do
_STATUS = sa.Enum(AvailabilityStatus, native_enum=False, create_constraint=False, length=16)
_OBJECT_TYPE = sa.Enum(ObjectType, native_enum=False, create_constraint=False, length=16)
_ASSOCIATION_TYPE = sa.Enum(AssociationType, native_enum=False, create_constraint=False, length=32)


def _key() -> sa.Column[int]:
    return sa.Column("id", _KEY, primary_key=True, autoincrement=True)


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def _uuid(name: str, *, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, UrnUuid, nullable=False, unique=unique)


def _latest() -> sa.Column[bool]:
    """Whether no newer version of the logical object is there. Source: XDS Metadata Update, TF-3 4.2.1.5."""
    return sa.Column("latest", sa.Boolean, nullable=False, default=True)


def _version() -> sa.Column[int]:
    return sa.Column("version", sa.Integer, nullable=False)  # VersionInfo, from 1; one of each for a logical_id


def _received() -> sa.Column[str]:
    return sa.Column("received", _DTM, nullable=False)  # when the registry accepted it


def _entry(*, primary_key: bool = False) -> sa.Column[int]:
    """The entry that a row is about. No foreign key: a database would read the whole table for each entry removed."""
    return sa.Column("entry", _KEY, nullable=False, primary_key=primary_key, info={ABOUT: "registry_entry"})


ENTRY = sa.Table(
    "registry_entry",
    METADATA,
    _key(),
    _text("patient"),
    _uuid("entry_uuid", unique=True),
    _text("unique_id"),
    sa.Column("availability_status", _STATUS, nullable=False),
    sa.Column("object_type", _OBJECT_TYPE, nullable=False),
    _latest(),
    _uuid("logical_id"),
    _version(),
    _received(),
    sa.Column("creation_time", _DTM),
    sa.Column("service_start_time", _DTM),
    sa.Column("service_stop_time", _DTM),
    _text("document_type"),  # typeCode.code, what a TypeRule speaks of
    _text("type_code"),  # this and the codes below: code^^scheme
    _text("class_code"),
    _text("format_code"),
    _text("healthcare_facility_type_code"),
    _text("practice_setting_code"),
    _text("home", nullable=True),  # homeCommunityId, so that references are answered without a body
    sa.Column("masked", sa.Boolean, nullable=False),
    sa.Column("invisible_patient", sa.Boolean, nullable=False),
    sa.Column("invisible_representatives", sa.Boolean, nullable=False),
    _text("body"),
    sa.UniqueConstraint("logical_id", "version"),
    sa.Index(None, "patient", "unique_id"),
    sa.Index(None, "unique_id"),
    # ITI-51 may name no patient, and then one of these (or an eventCode): the dossiers that have it.
    sa.Index(None, "class_code", "patient"),
    sa.Index(None, "healthcare_facility_type_code", "patient"),
    # FindDocuments decides by this index alone which rows it reads.
    sa.Index(
        "ix_registry_entry_find",
        "patient",
        "availability_status",
        "creation_time",
        "type_code",
        "document_type",
        "masked",
        "invisible_patient",
        "invisible_representatives",
    ),
)

CODE = sa.Table(
    "registry_code",  # the multi-valued coded attributes of an entry that queries filter by
    METADATA,
    _text("patient", primary_key=True),
    _text("attribute", primary_key=True),
    _text("code", primary_key=True),  # code^^scheme
    _entry(primary_key=True),
    sa.Index(None, "attribute", "code", "patient"),  # of ITI-51, as above
)

AUTHOR = sa.Table(
    "registry_author",
    METADATA,
    _text("patient", primary_key=True),
    _entry(primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    _text("person"),  # authorPerson, an XCN
)

CUSTODY = sa.Table(
    "registry_custody",
    METADATA,
    _text("patient", primary_key=True),
    sa.Column("kind", sa.String(9), primary_key=True),  # PERSON or STRUCTURE
    _text("identifier", primary_key=True),
    _entry(primary_key=True),
)
PERSON = "person"
STRUCTURE = "structure"

VERSION = sa.Table(
    "registry_version",  # one document for each setId and versionNumber of a patient
    METADATA,
    _text("patient", primary_key=True),
    _text("set_id", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    _entry(),
)

UNIQUE_ID = sa.Table(
    "registry_unique_id",  # a uniqueId, and the dossier where it was registered first
    METADATA,
    _text("unique_id", primary_key=True),
    _text("patient"),
    sa.Column("package", sa.Boolean, nullable=False),  # that of a SubmissionSet or Folder
)

SUBMISSION_SET = sa.Table(
    "registry_submission_set",
    METADATA,
    _key(),
    _text("patient"),
    _uuid("entry_uuid", unique=True),
    _text("unique_id"),
    sa.Column("availability_status", _STATUS, nullable=False, default=AvailabilityStatus.APPROVED),
    _text("source_id"),
    sa.Column("submission_time", _DTM, nullable=False),
    _text("content_type_code"),
    _text("author_persons"),  # as a JSON list: patterns are matched outside of the database
    _text("home", nullable=True),
    _received(),
    _text("body"),
    sa.Index(None, "patient", "entry_uuid"),
    sa.Index(None, "patient", "submission_time"),
    sa.Index(None, "unique_id"),
)

FOLDER = sa.Table(
    "registry_folder",
    METADATA,
    _key(),
    _text("patient"),
    _uuid("entry_uuid", unique=True),
    _text("unique_id"),
    sa.Column("availability_status", _STATUS, nullable=False),
    _latest(),
    _uuid("logical_id"),
    _version(),
    sa.Column("last_update_time", _DTM, nullable=False),
    _text("home", nullable=True),
    _text("body"),
    sa.UniqueConstraint("logical_id", "version"),
    sa.Index(None, "patient", "entry_uuid"),
    sa.Index(None, "unique_id"),
)

FOLDER_CODE = sa.Table(
    "registry_folder_code",  # codeList; goes with its folder
    METADATA,
    sa.Column(
        "folder",
        _KEY,
        sa.ForeignKey("registry_folder.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    _text("code", primary_key=True),  # code^^scheme
    sa.Index(None, "code"),
)

ASSOCIATION = sa.Table(
    "registry_association",
    METADATA,
    _key(),
    _text("patient"),
    _uuid("entry_uuid", unique=True),
    sa.Column("type", _ASSOCIATION_TYPE, nullable=False),
    sa.Column("availability_status", _STATUS, nullable=False, default=AvailabilityStatus.APPROVED),
    _uuid("source"),
    _uuid("target"),
    _received(),
    _text("body"),
    sa.Index(None, "patient", "source"),
    sa.Index(None, "target", "patient"),  # a SubmissionSet of another patient may hold the target
)
