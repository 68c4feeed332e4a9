"""The tables of identities: dossiers and what they are found by, accounts, the feed's, professionals and structures."""

from __future__ import annotations

import sqlalchemy as sa

from schemas.store import Instant


class TermText(sa.types.TypeDecorator[str]):
    """Text in UTF-8: compared byte by byte whatever the collation, so that a beginning is a range."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: sa.Dialect) -> bytes | None:
        return None if value is None else value.encode()

    def process_result_value(self, value: bytes | None, _dialect: sa.Dialect) -> str | None:
        return None if value is None else bytes(value).decode()


METADATA = sa.MetaData()
DOSSIERS = sa.Table(
    "dossiers",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("birth_family", sa.String, nullable=False),
    sa.Column("birth_given", sa.String, nullable=False),
    sa.Column("birth_date", sa.Date),
    sa.Column("sex", sa.String(1), nullable=False),
    sa.Column("birth_place", sa.String, nullable=False),
    sa.Column("used_family", sa.String, nullable=False),
    sa.Column("used_given", sa.String, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("opened", Instant, nullable=False),
    sa.Column("closed", Instant),
    sa.Column("closing_code", sa.String(64), nullable=False),
    sa.Column("closing_reason", sa.String, nullable=False),
    sa.Column("birth_time", sa.String(24), nullable=False, index=True),  # a DTM of any precision, '' when unknown
    sa.Column("demographics", sa.Text, nullable=False),  # names, addresses ... as JSON: identities.demographics
    sa.Column("attached_to_mes", sa.Boolean, nullable=False),  # the patient manages it in Mon espace santé
    sa.Column("deceased", sa.Boolean, nullable=False),
    sa.Column("emancipated", sa.Boolean, nullable=False),  # a minor who counts as an adult
    sa.Column("destruction_requested", Instant),
    sa.Column("merged_into", sa.String(64), sa.ForeignKey("dossiers.key"), index=True),  # the last survivor
)
IDENTIFIERS = sa.Table(
    "dossier_identifiers",
    METADATA,
    sa.Column("value", sa.String(256), primary_key=True),
    sa.Column("authority", sa.String(64), primary_key=True, index=True),
    sa.Column("dossier", sa.String(64), sa.ForeignKey("dossiers.key"), nullable=False, index=True),
    sa.Column("rank", sa.Integer, nullable=False),  # the highest is the current one
    sa.Column("subsumed", sa.Boolean, nullable=False, default=False),  # merged into another one: names nobody now
)
REPRESENTATIVES = sa.Table(
    "representatives",
    METADATA,
    sa.Column("dossier", sa.String(64), sa.ForeignKey("dossiers.key"), primary_key=True),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("family", sa.String, nullable=False),
    sa.Column("given", sa.String, nullable=False),
    sa.Column("relationship", sa.String(16), nullable=False),  # PersonalRelationshipRoleType
    sa.Column("capacity", sa.String(16), nullable=False),  # identities.representation.Capacity
    sa.Column("contacts", sa.Text, nullable=False),  # addresses and telecoms as JSON: identities.demographics
    sa.Column("since", Instant),
    sa.Column("ended", Instant),
    sa.Column("told", Instant),  # when they learnt that their access ends
)
ACCOUNTS = sa.Table(
    "accounts",  # of patients and legal representatives: identities.account
    METADATA,
    sa.Column("login", sa.String(16), primary_key=True),
    sa.Column("dossier", sa.String(64), sa.ForeignKey("dossiers.key"), nullable=False),
    sa.Column("representative", sa.String(64), nullable=False),  # '' where the account is the patient's
    sa.Column("password", sa.String(128), nullable=False),  # an Argon2id hash
    sa.Column("provisional", sa.Boolean, nullable=False),
    sa.Column("sms", sa.String(16), nullable=False),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("locked_until", Instant),
    sa.Column("challenge", sa.String(64), unique=True),
    sa.Column("challenge_nonce", sa.LargeBinary),
    sa.Column("challenge_digest", sa.LargeBinary),
    sa.Column("challenge_expires", Instant),
    sa.Column("challenge_attempts", sa.Integer, nullable=False),
    sa.UniqueConstraint("dossier", "representative"),
)
CREATION_CODES = sa.Table(
    "account_creation_codes",
    METADATA,
    sa.Column("dossier", sa.String(64), sa.ForeignKey("dossiers.key"), primary_key=True),
    sa.Column("nonce", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("expires", Instant, nullable=False),
)
ALERTS = sa.Table(
    "alerts",  # what people want to be told of a dossier: identities.alerts
    METADATA,
    sa.Column("dossier", sa.String(64), sa.ForeignKey("dossiers.key"), primary_key=True),
    sa.Column("party", sa.String(16), primary_key=True),
    sa.Column("holder", sa.String(128), primary_key=True),
    sa.Column("documents", sa.Boolean, nullable=False),
    sa.Column("types", sa.Text, nullable=False),  # typeCodes, separated by spaces; '' for every type
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("sms", sa.String(16), nullable=False),
    sa.Column("structure_id", sa.String(64), nullable=False),
    sa.Column("authentication", sa.String(32), nullable=False),
)
SESSIONS = sa.Table(
    "account_sessions",  # at the portal: identities.session
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("login", sa.String(16), nullable=False, index=True),
    sa.Column("opened", Instant, nullable=False),
    sa.Column("seen", Instant, nullable=False, index=True),
)
FED_AUTHORITIES = sa.Table(
    "fed_authorities",  # issuing authorities whose patients an identity source tells us: others of theirs are unknown
    METADATA,
    sa.Column("authority", sa.String(64), primary_key=True),
)
TERMS = sa.Table(
    "dossier_terms",  # what patients are searched by: identities.demographics.Term
    METADATA,
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("part", sa.String(32), primary_key=True),
    sa.Column("text", TermText, primary_key=True),
    sa.Column("dossier", sa.String(64), sa.ForeignKey("dossiers.key"), primary_key=True, index=True),
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
)
CONTINUATIONS = sa.Table(
    "patient_continuations",  # answers to ITI-47 that are given a part at a time
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),  # of the query and of who asked it
    sa.Column("query", sa.LargeBinary, nullable=False),  # the QueryByParameter as received
    sa.Column("found", sa.Text, nullable=False),  # dossier keys with their degrees, in order, as JSON
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),  # how many were given
    sa.Column("expires", Instant, nullable=False, index=True),
)
STRUCTURES = sa.Table(
    "structures",
    METADATA,
    sa.Column("structure_id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("sector", sa.String(32), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("modes", sa.String, nullable=False),  # values of Authentication, separated by spaces
    sa.Column("origin", sa.String(16), nullable=False),  # who wrote the row last: identities.professional.Origin
)
PROFESSIONALS = sa.Table(
    "professionals",
    METADATA,
    sa.Column("id_nat", sa.String(64), primary_key=True),
    sa.Column("family", sa.String, nullable=False),
    sa.Column("given", sa.String, nullable=False),
    sa.Column("profession", sa.String(32), nullable=False),
    sa.Column("profession_system", sa.String(64), nullable=False),
    sa.Column("specialty", sa.String(32), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
)
EXERCICES = sa.Table(
    "professional_exercices",  # every profession and savoir-faire, where the directory has more than one to tell
    METADATA,
    sa.Column("id_nat", sa.String(64), sa.ForeignKey("professionals.id_nat"), primary_key=True),
    sa.Column("profession", sa.String(32), primary_key=True),
    sa.Column("savoir_faire", sa.String(32), primary_key=True),
)
MEMBERSHIPS = sa.Table(
    "professional_structures",
    METADATA,
    sa.Column("id_nat", sa.String(64), sa.ForeignKey("professionals.id_nat"), primary_key=True),
    sa.Column("structure_id", sa.String(64), primary_key=True, index=True),
    sa.Column("sectors", sa.String, nullable=False),  # codes of TRE_R02, separated by spaces
    sa.Column("modes", sa.String, nullable=False),  # codes of TRE_R23, separated by spaces
    sa.Column("ended", Instant),  # when the directory learnt that it is over, which it stays until listed again
    sa.Column("origin", sa.String(16), nullable=False),
)
SUBSCRIPTIONS = sa.Table(
    "subscriptions",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, index=True),  # identities.subscription.owner_key
    sa.Column("requester", sa.Text, nullable=False),  # who is decided about, as JSON
    sa.Column("patient", sa.Text, nullable=False, index=True),  # a CX; '' for every patient
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("criteria", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("payload", sa.String(16), nullable=False),
    sa.Column("base", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("end", Instant),
    sa.Column("heartbeat", sa.Integer, nullable=False),  # seconds
    sa.Column("beat", Instant),
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("rest", sa.Text, nullable=False),
)
EVENTS = sa.Table(
    "subscription_events",
    METADATA,
    sa.Column("subscription", sa.String(36), sa.ForeignKey("subscriptions.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("instant", Instant, nullable=False),
    sa.Column("uuid", sa.String(45), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("created", sa.Boolean, nullable=False),
)
CHANGES = sa.Table(
    "subscription_changes",  # what nobody was told of yet: registry.changes
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("instant", Instant, nullable=False),
    sa.Column("uuid", sa.String(45), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("change", sa.String(16), nullable=False),
)
