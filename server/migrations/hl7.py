"""The table of HL7 v2 messages that were carried out, as the first revision creates it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def create_receipts() -> None:
    op.create_table(
        "hl7_receipts",
        sa.Column("sender", sa.String(length=512), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("instant", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "control_id"),
    )
    op.create_index(op.f("ix_hl7_receipts_instant"), "hl7_receipts", ["instant"])
