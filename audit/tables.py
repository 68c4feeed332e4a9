"""The audit log's tables.

`audit_event` has the records, each with its leaf; `audit_head` the frontier of the tree over all of them;
`audit_node` the roots of complete subtrees of 2^8, 2^16 and 2^24 leaves, so that a proof reads few rows.
`audit_tree_head` has the signed heads. Of records that retention took away, `audit_segment` says what was sealed, and
`audit_pruned` keeps the leaves, so that what stays can be proved as before.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

LEVELS = (8, 16, 24)
RUN = 1 << LEVELS[0]  # leaves below a node of the lowest level

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite keeps rows in the order of an INTEGER key only

EVENT = sa.Table(
    "audit_event",
    METADATA,
    sa.Column("sequence", KEY, primary_key=True, autoincrement=False),  # index of the leaf, plus one
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("instant", sa.String(27), nullable=False),  # ISO 8601, UTC, microseconds: sorts as text
    sa.Column("recorded", sa.String(27), nullable=False),  # when this server wrote it
    sa.Column("origin", sa.Text, nullable=False),  # who sent it; '' for this server's own
    sa.Column("format", sa.Text, nullable=False),  # of the message: dicom, rfc3881, fhir, other
    sa.Column("source_id", sa.Text, nullable=False),  # AuditSourceID
    sa.Column("event_code", sa.Text, nullable=False),  # EventID
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("transaction", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("outcome", sa.Integer, nullable=False),
    sa.Column("dossier", sa.String(64), nullable=False),
    sa.Column("patient_value", sa.Text, nullable=False),
    sa.Column("patient_authority", sa.Text, nullable=False),
    sa.Column("requester_id", sa.Text, nullable=False),
    sa.Column("requester_name", sa.Text, nullable=False),
    sa.Column("profession", sa.Text, nullable=False),
    sa.Column("specialty", sa.Text, nullable=False),
    sa.Column("structure_id", sa.Text, nullable=False),
    sa.Column("authentication", sa.Text, nullable=False),
    sa.Column("mode_acces", sa.Text, nullable=False),
    sa.Column("motif", sa.Text, nullable=False),
    sa.Column("secret_connection", sa.Boolean, nullable=False),
    sa.Column("operator", sa.Text, nullable=False),
    sa.Column("client_address", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("rule_table", sa.Text, nullable=False),
    sa.Column("rule_version", sa.Text, nullable=False),
    sa.Column("rule_row", sa.Text, nullable=False),
    sa.Column("explanation", sa.Text, nullable=False),
    sa.Column("documents", sa.Text, nullable=False),  # JSON list of uniqueIds
    sa.Column("submission_sets", sa.Text, nullable=False),  # JSON list of uniqueIds
    sa.Column("syslog", sa.Text, nullable=False),  # HEADER and STRUCTURED-DATA that brought it; '' where none did
    sa.Column("stamped", sa.String(27), nullable=False),  # and their TIMESTAMP; when it came, without one
    sa.Column("message", sa.LargeBinary, nullable=False),  # the audit message, exactly
    sa.Column("leaf", sa.LargeBinary(32), nullable=False),
    sa.Index("audit_event_dossier", "dossier", "instant", "sequence"),
    sa.Index("audit_event_patient", "patient_value", "patient_authority", "dossier", "instant", "sequence"),
    sa.Index("audit_event_requester", "requester_id", "dossier", "instant"),
    sa.Index("audit_event_instant", "instant", "sequence"),
)
BROUGHT = EVENT.c.syslog != sa.literal_column("''")
sa.Index("audit_event_stamped", EVENT.c.stamped, EVENT.c.sequence, sqlite_where=BROUGHT, postgresql_where=BROUGHT)

HEAD = sa.Table(
    "audit_head",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("frontier", sa.LargeBinary, nullable=False),  # the hashes of audit.merkle.Frontier
)

NODE = sa.Table(
    "audit_node",
    METADATA,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)

TREE_HEAD = sa.Table(
    "audit_tree_head",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=False),  # audit.heads, signed
)

SEGMENT = sa.Table(
    "audit_segment",
    METADATA,
    sa.Column("last", sa.BigInteger, primary_key=True, autoincrement=False),  # sequence number
    sa.Column("note", sa.LargeBinary, nullable=False),  # audit.segment, signed
)

PRUNED = sa.Table(
    "audit_pruned",
    METADATA,
    sa.Column("run", sa.BigInteger, primary_key=True, autoincrement=False),  # index of its node
    sa.Column("leaves", sa.LargeBinary, nullable=False),  # one behind another
)
