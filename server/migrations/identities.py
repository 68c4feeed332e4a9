"""The tables of identities, as the first revision creates them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER


def create_identities() -> None:
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
        sa.Column("closing_code", sa.String(length=64), nullable=False),
        sa.Column("closing_reason", sa.String(), nullable=False),
        sa.Column("birth_time", sa.String(length=24), nullable=False),
        sa.Column("demographics", sa.Text(), nullable=False),
        sa.Column("attached_to_mes", sa.Boolean(), nullable=False),
        sa.Column("deceased", sa.Boolean(), nullable=False),
        sa.Column("emancipated", sa.Boolean(), nullable=False),
        sa.Column("destruction_requested", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["merged_into"], ["dossiers.key"]),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_dossiers_birth_time"), "dossiers", ["birth_time"])
    op.create_index(op.f("ix_dossiers_merged_into"), "dossiers", ["merged_into"])
    op.create_table(
        "representatives",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("relationship", sa.String(length=16), nullable=False),
        sa.Column("capacity", sa.String(length=16), nullable=False),
        sa.Column("contacts", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.key"]),
        sa.PrimaryKeyConstraint("dossier", "id"),
    )
    op.create_table(
        "accounts",
        sa.Column("login", sa.String(length=16), nullable=False),
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("representative", sa.String(length=64), nullable=False),
        sa.Column("password", sa.String(length=128), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("sms", sa.String(length=16), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("challenge", sa.String(length=64), nullable=True),
        sa.Column("challenge_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("challenge_digest", sa.LargeBinary(), nullable=True),
        sa.Column("challenge_expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("challenge_attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.key"]),
        sa.PrimaryKeyConstraint("login"),
        sa.UniqueConstraint("challenge"),
        sa.UniqueConstraint("dossier", "representative"),
    )
    op.create_table(
        "account_creation_codes",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.key"]),
        sa.PrimaryKeyConstraint("dossier"),
    )
    op.create_table(
        "alerts",
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("party", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("documents", sa.Boolean(), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("sms", sa.String(length=16), nullable=False),
        sa.Column("structure_id", sa.String(length=64), nullable=False),
        sa.Column("authentication", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.key"]),
        sa.PrimaryKeyConstraint("dossier", "party", "holder"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("payload", sa.String(length=16), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat", sa.Integer(), nullable=False),
        sa.Column("beat", sa.DateTime(timezone=True), nullable=True),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_subscriptions_owner"), "subscriptions", ["owner"])
    op.create_index(op.f("ix_subscriptions_patient"), "subscriptions", ["patient"])
    op.create_table(
        "subscription_events",
        sa.Column("subscription", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("instant", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uuid", sa.String(length=45), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["subscription"], ["subscriptions.id"]),
        sa.PrimaryKeyConstraint("subscription", "number"),
    )
    op.create_table(
        "subscription_changes",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("instant", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uuid", sa.String(length=45), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("change", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "account_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("login", sa.String(length=16), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_account_sessions_login"), "account_sessions", ["login"])
    op.create_index(op.f("ix_account_sessions_seen"), "account_sessions", ["seen"])
    op.create_table(
        "patient_continuations",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("query", sa.LargeBinary(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_patient_continuations_expires"), "patient_continuations", ["expires"])
    op.create_table(
        "professionals",
        sa.Column("id_nat", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("profession", sa.String(length=32), nullable=False),
        sa.Column("profession_system", sa.String(length=64), nullable=False),
        sa.Column("specialty", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id_nat"),
    )
    op.create_table(
        "structures",
        sa.Column("structure_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sector", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("modes", sa.String(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("structure_id"),
    )
    op.create_table(
        "fed_authorities",
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("authority"),
    )
    op.create_table(
        "dossier_identifiers",
        sa.Column("value", sa.String(length=256), nullable=False),
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
    op.create_index(op.f("ix_dossier_identifiers_authority"), "dossier_identifiers", ["authority"])
    op.create_table(
        "dossier_terms",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("part", sa.String(length=32), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("dossier", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.key"]),
        sa.PrimaryKeyConstraint("kind", "part", "text", "dossier", "ordinal"),
    )
    op.create_index(op.f("ix_dossier_terms_dossier"), "dossier_terms", ["dossier"])
    op.create_table(
        "professional_exercices",
        sa.Column("id_nat", sa.String(length=64), nullable=False),
        sa.Column("profession", sa.String(length=32), nullable=False),
        sa.Column("savoir_faire", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["id_nat"], ["professionals.id_nat"]),
        sa.PrimaryKeyConstraint("id_nat", "profession", "savoir_faire"),
    )
    op.create_table(
        "professional_structures",
        sa.Column("id_nat", sa.String(length=64), nullable=False),
        sa.Column("structure_id", sa.String(length=64), nullable=False),
        sa.Column("sectors", sa.String(), nullable=False),
        sa.Column("modes", sa.String(), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["id_nat"],
            ["professionals.id_nat"],
        ),
        sa.PrimaryKeyConstraint("id_nat", "structure_id"),
    )
    op.create_index(op.f("ix_professional_structures_structure_id"), "professional_structures", ["structure_id"])
