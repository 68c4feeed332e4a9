"""First revision: the tables of every room."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER


def upgrade() -> None:
    """Creates every table."""
    _registry()
    _repository()
    _identities()
    _habilitations()
    _audit()
    _server()


def downgrade() -> None:
    """Not offered: restore a backup."""
    raise NotImplementedError("restore a backup")


def _registry() -> None:
    op.create_table(
        "registry_association",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry_uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("source", sa.LargeBinary(16), nullable=False),
        sa.Column("target", sa.LargeBinary(16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_association")),
        sa.UniqueConstraint("entry_uuid", name=op.f("uq_registry_association_entry_uuid")),
    )
    op.create_index(op.f("ix_registry_association_patient_source"), "registry_association", ["patient", "source"])
    op.create_index(op.f("ix_registry_association_patient_target"), "registry_association", ["patient", "target"])
    op.create_table(
        "registry_entry",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry_uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("availability_status", sa.String(16), nullable=False),
        sa.Column("object_type", sa.String(16), nullable=False),
        sa.Column("creation_time", sa.String(length=14), nullable=True),
        sa.Column("service_start_time", sa.String(length=14), nullable=True),
        sa.Column("service_stop_time", sa.String(length=14), nullable=True),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("format_code", sa.Text(), nullable=False),
        sa.Column("healthcare_facility_type_code", sa.Text(), nullable=False),
        sa.Column("practice_setting_code", sa.Text(), nullable=False),
        sa.Column("masked", sa.Boolean(), nullable=False),
        sa.Column("invisible_patient", sa.Boolean(), nullable=False),
        sa.Column("invisible_representatives", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_entry")),
        sa.UniqueConstraint("entry_uuid", name=op.f("uq_registry_entry_entry_uuid")),
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
    op.create_table(
        "registry_folder",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry_uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("availability_status", sa.String(16), nullable=False),
        sa.Column("last_update_time", sa.String(length=14), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_folder")),
        sa.UniqueConstraint("entry_uuid", name=op.f("uq_registry_folder_entry_uuid")),
    )
    op.create_index(op.f("ix_registry_folder_patient_entry_uuid"), "registry_folder", ["patient", "entry_uuid"])
    op.create_table(
        "registry_submission_set",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry_uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("received", sa.String(length=14), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_submission_set")),
        sa.UniqueConstraint("entry_uuid", name=op.f("uq_registry_submission_set_entry_uuid")),
    )
    op.create_index(
        op.f("ix_registry_submission_set_patient_entry_uuid"), "registry_submission_set", ["patient", "entry_uuid"]
    )
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
        sa.ForeignKeyConstraint(["entry"], ["registry_entry.id"], name=op.f("fk_registry_author_entry")),
        sa.PrimaryKeyConstraint("patient", "entry", "ordinal", name=op.f("pk_registry_author")),
    )
    op.create_table(
        "registry_code",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("entry", KEY, nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["registry_entry.id"], name=op.f("fk_registry_code_entry")),
        sa.PrimaryKeyConstraint("patient", "attribute", "code", "entry", name=op.f("pk_registry_code")),
    )
    op.create_table(
        "registry_custody",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("entry", KEY, nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["registry_entry.id"], name=op.f("fk_registry_custody_entry")),
        sa.PrimaryKeyConstraint("patient", "kind", "identifier", "entry", name=op.f("pk_registry_custody")),
    )
    op.create_table(
        "registry_version",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("set_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entry", KEY, nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["registry_entry.id"], name=op.f("fk_registry_version_entry")),
        sa.PrimaryKeyConstraint("patient", "set_id", "number", name=op.f("pk_registry_version")),
    )


def _repository() -> None:
    op.create_table(
        "repository_document",
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("unique_id", sa.String(length=256), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sha1", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mime_type", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("patient", "unique_id"),
    )


def _identities() -> None:
    op.create_table(
        "dossiers",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("birth_family", sa.String(), nullable=False),
        sa.Column("birth_given", sa.String(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.String(length=1), nullable=False),
        sa.Column("birth_place", sa.String(), nullable=False),
        sa.Column("used_family", sa.String(), nullable=False),
        sa.Column("used_given", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closing_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "professionals",
        sa.Column("id_nat", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("profession", sa.String(length=32), nullable=False),
        sa.Column("profession_system", sa.String(length=64), nullable=False),
        sa.Column("specialty", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id_nat"),
    )
    op.create_table(
        "structures",
        sa.Column("structure_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sector", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("modes", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("structure_id"),
    )
    op.create_table(
        "fed_authorities",
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("authority"),
    )
    op.create_table(
        "dossier_identifiers",
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("subsumed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dossier"],
            ["dossiers.key"],
        ),
        sa.PrimaryKeyConstraint("value", "authority"),
    )
    op.create_index(op.f("ix_dossier_identifiers_dossier"), "dossier_identifiers", ["dossier"])
    op.create_table(
        "professional_structures",
        sa.Column("id_nat", sa.String(length=64), nullable=False),
        sa.Column("structure_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["id_nat"],
            ["professionals.id_nat"],
        ),
        sa.PrimaryKeyConstraint("id_nat", "structure_id"),
    )


def _habilitations() -> None:
    op.create_table(
        "authorisations",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.CheckConstraint("kind IN ('person', 'structure')"),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "kind", "holder"),
    )
    op.create_table(
        "blockings",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "holder"),
    )
    op.create_table(
        "medecins_traitants",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("id_nat", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "id_nat"),
    )
    op.create_table(
        "oppositions",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("centre_15", sa.Boolean(), nullable=False),
        sa.Column("bris_de_glace", sa.Boolean(), nullable=False),
        sa.Column("masques_en_urgence", sa.Boolean(), nullable=False),
        sa.Column("feeding", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("dossier"),
    )


def _audit() -> None:
    op.create_table(
        "audit_event",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("instant", sa.String(length=27), nullable=False),
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
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("audit_event_dossier", "audit_event", ["dossier", "sequence"])
    op.create_index("audit_event_patient", "audit_event", ["patient_value", "patient_authority", "sequence"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
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
