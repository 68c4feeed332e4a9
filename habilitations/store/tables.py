"""The tables of what patients said. Everything about a dossier is in rows that name it: `dossier`, an internal key."""

from __future__ import annotations

import sqlalchemy as sa

from schemas.store import Instant

METADATA = sa.MetaData()

AUTHORISATIONS = sa.Table(
    "authorisations",
    METADATA,
    sa.Column("dossier", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), sa.CheckConstraint("kind IN ('person', 'structure')"), primary_key=True),
    sa.Column("holder", sa.String(64), primary_key=True, index=True),
    sa.Column("starts", Instant, nullable=False),
    sa.Column("ends", Instant, nullable=False),
    sa.Column("secret", sa.Boolean, nullable=False),  # given in a secret connection: not for legal representatives
)
MEDECINS_TRAITANTS = sa.Table(
    "medecins_traitants",
    METADATA,
    sa.Column("dossier", sa.String(64), primary_key=True),
    sa.Column("id_nat", sa.String(64), primary_key=True, index=True),
)
BLOCKINGS = sa.Table(
    "blockings",
    METADATA,
    sa.Column("dossier", sa.String(64), primary_key=True),
    sa.Column(
        "holder", sa.String(64), primary_key=True
    ),  # a person or a structure: an identifier blocks whoever has it
    sa.Column("starts", Instant, nullable=False),
)
OPPOSITIONS = sa.Table(
    "oppositions",
    METADATA,
    sa.Column("dossier", sa.String(64), primary_key=True),
    sa.Column("centre_15", sa.Boolean, nullable=False),
    sa.Column("bris_de_glace", sa.Boolean, nullable=False),
    sa.Column("masques_en_urgence", sa.Boolean, nullable=False),
    sa.Column("feeding", sa.Boolean, nullable=False),
)
CONSENTS = sa.Table(
    "consents",  # what the patient said yes or no to, as it was collected: append only
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("dossier", sa.String(64), nullable=False, index=True),
    sa.Column("code", sa.String(64), nullable=False),  # CONSENTEMENT_OUVERTURE_DMP ...
    sa.Column("given", sa.Boolean, nullable=False),
    sa.Column("instant", Instant, nullable=False),
    sa.Column("collector", sa.String(128), nullable=False),  # who collected it: a PS_IdNat, the patient, an operator
)
RECTIFICATIONS = sa.Table(
    "rectifications",  # what the patient asked the authors of a document to put right: a row for each of them
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("addressee", sa.String(128), primary_key=True),  # a PS_IdNat or Struct_IdNat
    sa.Column("dossier", sa.String(64), nullable=False, index=True),
    sa.Column("document", sa.String(256), nullable=False),  # DocumentEntry.uniqueId
    sa.Column("reason", sa.Text, nullable=False),  # in the patient's own words
    sa.Column("instant", Instant, nullable=False),
    sa.Column("requester", sa.String(64), nullable=False),  # the patient, or a representative
)
