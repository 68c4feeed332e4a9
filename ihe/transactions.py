"""What the IHE door serves, and at which endpoint.

Source: ITI TF-1 10.1 (XDS.b actors and transactions); the message semantics of each transaction for its actions; GIE
SESAM-Vitale, DMP-Compatibilité (TD).
"""

from __future__ import annotations

from enum import Enum

from ihe import identifiers


class Transaction(Enum):
    """A transaction: its number, the action of its request, and that of its answer where it is not the usual one."""

    ITI_18 = ("ITI-18", identifiers.REGISTRY_STORED_QUERY, "")
    ITI_41 = ("ITI-41", identifiers.PROVIDE_AND_REGISTER, "")
    ITI_42 = ("ITI-42", identifiers.REGISTER_DOCUMENT_SET, "")
    ITI_43 = ("ITI-43", identifiers.RETRIEVE_DOCUMENT_SET, "")
    ITI_44_ADD = ("ITI-44", identifiers.PATIENT_ADDED, identifiers.PATIENT_ACKNOWLEDGED)
    ITI_44_REVISE = ("ITI-44", identifiers.PATIENT_REVISED, identifiers.PATIENT_ACKNOWLEDGED)
    ITI_44_MERGE = ("ITI-44", identifiers.PATIENTS_MERGED, identifiers.PATIENT_ACKNOWLEDGED)
    ITI_45 = ("ITI-45", identifiers.IDENTIFIERS_QUERY, identifiers.IDENTIFIERS_RESPONSE)
    ITI_47 = ("ITI-47", identifiers.PATIENTS_QUERY, identifiers.PATIENTS_RESPONSE)
    ITI_47_CONTINUE = ("ITI-47", identifiers.PATIENTS_CONTINUED, identifiers.PATIENTS_RESPONSE)
    ITI_47_CANCEL = ("ITI-47", identifiers.PATIENTS_CANCELLED, identifiers.PATIENT_ACKNOWLEDGED)
    ITI_51 = ("ITI-51", identifiers.MULTI_PATIENT_STORED_QUERY, "")
    ITI_57 = ("ITI-57", identifiers.UPDATE_DOCUMENT_SET, "")
    ITI_61 = ("ITI-61", identifiers.REGISTER_ON_DEMAND_ENTRY, identifiers.REGISTER_ON_DEMAND_RESPONSE)
    ITI_62 = ("ITI-62", identifiers.REMOVE_METADATA, "")
    ITI_86 = ("ITI-86", identifiers.REMOVE_DOCUMENTS, "")
    ITI_92 = ("ITI-92", identifiers.RESTRICTED_UPDATE, "")
    TD0_2 = ("TD0.2", identifiers.DOSSIER_QUERY, identifiers.DOSSIER_RESPONSE)
    TD0_5 = ("TD0.5", identifiers.PATIENTS_QUERY, identifiers.PATIENTS_RESPONSE)
    TD1_1 = ("TD1.1", identifiers.DOSSIER_CREATED, identifiers.DOSSIER_CREATED_RESPONSE)
    TD1_2 = ("TD1.2", identifiers.DOSSIER_REVISED, identifiers.DOSSIER_REVISED_RESPONSE)
    TD1_3A = ("TD1.3a", identifiers.DOSSIER_QUERY, identifiers.DOSSIER_RESPONSE)
    TD1_3B = ("TD1.3b", identifiers.DOSSIER_REVISED, identifiers.DOSSIER_REVISED_RESPONSE)
    TD1_4 = ("TD1.4", identifiers.DOSSIER_REVISED, identifiers.DOSSIER_REVISED_RESPONSE)
    TD0_3 = ("TD0.3", identifiers.SET_AUTHORIZATION, "")
    TD0_4 = ("TD0.4", identifiers.PATIENT_LIST, "")
    TD1_5A = ("TD1.5a", identifiers.CREATE_PATIENT_ACCESS, "")
    TD1_5B = ("TD1.5b", identifiers.PATIENT_OTP_UPDATE, "")
    TD1_5D = ("TD1.5d", identifiers.UPDATE_PATIENT_ACCESS, "")
    TD1_6 = ("TD1.6", identifiers.LIST_AUTHORIZATION, "")

    @property
    def number(self) -> str:
        return self.value[0]

    @property
    def action(self) -> str:
        return self.value[1]

    @property
    def response_action(self) -> str:
        return self.value[2] or f"{self.value[1]}Response"


class Actor(Enum):
    """Who answers at an endpoint. The value is the name as its WSDL has it."""

    DOCUMENT_REGISTRY = "DocumentRegistry"
    DOCUMENT_REPOSITORY = "DocumentRepository"
    PIX_MANAGER = "PIXManager"  # and Patient Demographics Supplier
    DMP_PATIENTS = "DMPPatients"  # the life of a DMP: TD0.2, TD0.5, TD1.1 to TD1.4
    DMP_HABILITATIONS = "DMPHabilitations"  # authorisations and internet accounts: TD0.3, TD0.4, TD1.5, TD1.6

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        return _SERVED[self]


_FEED = (Transaction.ITI_44_ADD, Transaction.ITI_44_REVISE, Transaction.ITI_44_MERGE)
_SERVED: dict[Actor, tuple[Transaction, ...]] = {
    Actor.DOCUMENT_REGISTRY: (
        Transaction.ITI_18,
        Transaction.ITI_42,
        *_FEED,
        Transaction.ITI_51,
        Transaction.ITI_57,
        Transaction.ITI_61,
        Transaction.ITI_62,
        Transaction.ITI_92,
    ),
    Actor.DOCUMENT_REPOSITORY: (Transaction.ITI_41, Transaction.ITI_43, Transaction.ITI_86),
    Actor.PIX_MANAGER: (
        *_FEED,
        Transaction.ITI_45,
        Transaction.ITI_47,
        Transaction.ITI_47_CONTINUE,
        Transaction.ITI_47_CANCEL,
    ),
    Actor.DMP_PATIENTS: (  # of those that share an action, the first is what a request is until its body tells
        Transaction.TD0_2,
        Transaction.TD1_3A,
        Transaction.TD0_5,
        Transaction.TD1_1,
        Transaction.TD1_3B,
        Transaction.TD1_2,
        Transaction.TD1_4,
    ),
    Actor.DMP_HABILITATIONS: (
        Transaction.TD0_3,
        Transaction.TD0_4,
        Transaction.TD1_5A,
        Transaction.TD1_5B,
        Transaction.TD1_5D,
        Transaction.TD1_6,
    ),
}
