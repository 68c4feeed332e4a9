"""First revision: the tables of every room."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from server.migrations.hl7 import create_receipts
from server.migrations.identities import create_identities

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER


def upgrade() -> None:
    """Creates every table."""
    _registry()
    _repository()
    create_identities()
    _habilitations()
    _audit()
    _server()
    create_receipts()


def downgrade() -> None:
    """Not offered: restore a backup."""
    raise NotImplementedError("restore a backup")


def _registry() -> None:
    op.create_table(
        "registry_association",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry_uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("availability_status", sa.String(16), nullable=False),
        sa.Column("source", sa.LargeBinary(16), nullable=False),
        sa.Column("target", sa.LargeBinary(16), nullable=False),
        sa.Column("received", sa.String(length=14), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_association")),
        sa.UniqueConstraint("entry_uuid", name=op.f("uq_registry_association_entry_uuid")),
    )
    op.create_index(op.f("ix_registry_association_patient_source"), "registry_association", ["patient", "source"])
    op.create_index(op.f("ix_registry_association_target_patient"), "registry_association", ["target", "patient"])
    op.create_table(
        "registry_entry",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry_uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("availability_status", sa.String(16), nullable=False),
        sa.Column("object_type", sa.String(16), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("logical_id", sa.LargeBinary(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("received", sa.String(length=14), nullable=False),
        sa.Column("creation_time", sa.String(length=14), nullable=True),
        sa.Column("service_start_time", sa.String(length=14), nullable=True),
        sa.Column("service_stop_time", sa.String(length=14), nullable=True),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("format_code", sa.Text(), nullable=False),
        sa.Column("healthcare_facility_type_code", sa.Text(), nullable=False),
        sa.Column("practice_setting_code", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), nullable=True),
        sa.Column("masked", sa.Boolean(), nullable=False),
        sa.Column("invisible_patient", sa.Boolean(), nullable=False),
        sa.Column("invisible_representatives", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_entry")),
        sa.UniqueConstraint("entry_uuid", name=op.f("uq_registry_entry_entry_uuid")),
        sa.UniqueConstraint("logical_id", "version", name=op.f("uq_registry_entry_logical_id_version")),
    )
    op.create_index(
        "ix_registry_entry_find",
        "registry_entry",
        [
            "patient",
            "availability_status",
            "creation_time",
            "type_code",
            "document_type",
            "masked",
            "invisible_patient",
            "invisible_representatives",
        ],
    )
    op.create_index(op.f("ix_registry_entry_patient_unique_id"), "registry_entry", ["patient", "unique_id"])
    op.create_index(op.f("ix_registry_entry_unique_id"), "registry_entry", ["unique_id"])
    op.create_index(op.f("ix_registry_entry_class_code_patient"), "registry_entry", ["class_code", "patient"])
    op.create_index(
        op.f("ix_registry_entry_healthcare_facility_type_code_patient"),
        "registry_entry",
        ["healthcare_facility_type_code", "patient"],
    )
    op.create_table(
        "registry_folder",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry_uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("availability_status", sa.String(16), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("logical_id", sa.LargeBinary(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_update_time", sa.String(length=14), nullable=False),
        sa.Column("home", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_folder")),
        sa.UniqueConstraint("entry_uuid", name=op.f("uq_registry_folder_entry_uuid")),
        sa.UniqueConstraint("logical_id", "version", name=op.f("uq_registry_folder_logical_id_version")),
    )
    op.create_index(op.f("ix_registry_folder_patient_entry_uuid"), "registry_folder", ["patient", "entry_uuid"])
    op.create_index(op.f("ix_registry_folder_unique_id"), "registry_folder", ["unique_id"])
    op.create_table(
        "registry_folder_code",
        sa.Column("folder", KEY, autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["folder"], ["registry_folder.id"], name=op.f("fk_registry_folder_code_folder"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("folder", "code", name=op.f("pk_registry_folder_code")),
    )
    op.create_index(op.f("ix_registry_folder_code_code"), "registry_folder_code", ["code"])
    op.create_table(
        "registry_submission_set",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry_uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("availability_status", sa.String(16), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("submission_time", sa.String(length=14), nullable=False),
        sa.Column("content_type_code", sa.Text(), nullable=False),
        sa.Column("author_persons", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), nullable=True),
        sa.Column("received", sa.String(length=14), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_submission_set")),
        sa.UniqueConstraint("entry_uuid", name=op.f("uq_registry_submission_set_entry_uuid")),
    )
    op.create_index(
        op.f("ix_registry_submission_set_patient_entry_uuid"), "registry_submission_set", ["patient", "entry_uuid"]
    )
    op.create_index(
        op.f("ix_registry_submission_set_patient_submission_time"),
        "registry_submission_set",
        ["patient", "submission_time"],
    )
    op.create_index(op.f("ix_registry_submission_set_unique_id"), "registry_submission_set", ["unique_id"])
    op.create_table(
        "registry_unique_id",
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("package", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("unique_id", name=op.f("pk_registry_unique_id")),
    )
    op.create_table(
        "registry_author",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry", KEY, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("patient", "entry", "ordinal", name=op.f("pk_registry_author")),
    )
    op.create_table(
        "registry_code",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("entry", KEY, nullable=False),
        sa.PrimaryKeyConstraint("patient", "attribute", "code", "entry", name=op.f("pk_registry_code")),
    )
    op.create_index(op.f("ix_registry_code_attribute_code_patient"), "registry_code", ["attribute", "code", "patient"])
    op.create_table(
        "registry_custody",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("entry", KEY, nullable=False),
        sa.PrimaryKeyConstraint("patient", "kind", "identifier", "entry", name=op.f("pk_registry_custody")),
    )
    op.create_table(
        "registry_version",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("set_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entry", KEY, nullable=False),
        sa.PrimaryKeyConstraint("patient", "set_id", "number", name=op.f("pk_registry_version")),
    )


def _repository() -> None:
    op.create_table(
        "repository_document",
        sa.Column("unique_id", sa.String(length=256), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sha1", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mime_type", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("unique_id", "patient"),
    )
    op.create_index(op.f("ix_repository_document_sha256"), "repository_document", ["sha256"])


def _habilitations() -> None:
    op.create_table(
        "authorisations",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.CheckConstraint("kind IN ('person', 'structure')"),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "kind", "holder"),
    )
    op.create_index(op.f("ix_authorisations_holder"), "authorisations", ["holder"])
    op.create_table(
        "blockings",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "holder"),
    )
    op.create_table(
        "consents",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("instant", sa.DateTime(timezone=True), nullable=False),
        sa.Column("collector", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_consents_dossier"), "consents", ["dossier"])
    op.create_table(
        "medecins_traitants",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("id_nat", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "id_nat"),
    )
    op.create_index(op.f("ix_medecins_traitants_id_nat"), "medecins_traitants", ["id_nat"])
    op.create_table(
        "oppositions",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("centre_15", sa.Boolean(), nullable=False),
        sa.Column("bris_de_glace", sa.Boolean(), nullable=False),
        sa.Column("masques_en_urgence", sa.Boolean(), nullable=False),
        sa.Column("feeding", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("dossier"),
    )
    op.create_table(
        "rectifications",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("addressee", sa.String(length=128), nullable=False),
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("document", sa.String(length=256), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("instant", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requester", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", "addressee"),
    )
    op.create_index(op.f("ix_rectifications_dossier"), "rectifications", ["dossier"])


def _audit() -> None:
    op.create_table(
        "audit_event",
        sa.Column("sequence", KEY, autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("instant", sa.String(length=27), nullable=False),
        sa.Column("recorded", sa.String(length=27), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("event_code", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("transaction", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=False),
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("patient_value", sa.Text(), nullable=False),
        sa.Column("patient_authority", sa.Text(), nullable=False),
        sa.Column("requester_id", sa.Text(), nullable=False),
        sa.Column("requester_name", sa.Text(), nullable=False),
        sa.Column("profession", sa.Text(), nullable=False),
        sa.Column("specialty", sa.Text(), nullable=False),
        sa.Column("structure_id", sa.Text(), nullable=False),
        sa.Column("authentication", sa.Text(), nullable=False),
        sa.Column("mode_acces", sa.Text(), nullable=False),
        sa.Column("motif", sa.Text(), nullable=False),
        sa.Column("secret_connection", sa.Boolean(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("client_address", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_table", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Text(), nullable=False),
        sa.Column("rule_row", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("documents", sa.Text(), nullable=False),
        sa.Column("submission_sets", sa.Text(), nullable=False),
        sa.Column("syslog", sa.Text(), nullable=False),
        sa.Column("stamped", sa.String(length=27), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("audit_event_dossier", "audit_event", ["dossier", "instant", "sequence"])
    op.create_index(
        "audit_event_patient",
        "audit_event",
        ["patient_value", "patient_authority", "dossier", "instant", "sequence"],
    )
    op.create_index("audit_event_requester", "audit_event", ["requester_id", "dossier", "instant"])
    op.create_index("audit_event_instant", "audit_event", ["instant", "sequence"])
    some: dict[str, Any] = {f"{dialect}_where": sa.text("syslog != ''") for dialect in ("sqlite", "postgresql")}
    op.create_index("audit_event_stamped", "audit_event", ["stamped", "sequence"], **some)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit_node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("level", "index"),
    )
    op.create_table(
        "audit_tree_head",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "audit_segment",
        sa.Column("last", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("last"),
    )
    op.create_table(
        "audit_pruned",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run"),
    )


def _server() -> None:
    op.create_table(
        "assertion_uses",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_assertion_uses_expires"), "assertion_uses", ["expires"])
    op.create_table(
        "health_checked", sa.Column("instant", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("instant")
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index(op.f("ix_outbox_due"), "outbox", ["due"])
    op.create_table(
        "audit_outlet",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("tried", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("destination"),
    )
