"""Which attributes a submission must have, may have, must not have.

Named as printed, with their object: `DocumentEntry.classCode`. What the repository adds in ITI-41 is asked of its
result.

Source: ITI TF-3 Table 4.3.1-3 (sending actor metadata attribute optionality).
"""

from __future__ import annotations

from schemas.domain import MetadataRules

# Column XDR MS, R; and what column XDS DR requires that the repository itself knows.
_OF_LIMITED = frozenset(
    {
        "DocumentEntry.hash",
        "DocumentEntry.mimeType",
        "DocumentEntry.repositoryUniqueId",
        "DocumentEntry.size",
        "DocumentEntry.uniqueId",
        "SubmissionSet.sourceId",
        "SubmissionSet.submissionTime",
        "SubmissionSet.uniqueId",
        "Folder.uniqueId",
    }
)

# Column XDS DR, R.
_OF_ALL = _OF_LIMITED | {
    "DocumentEntry.classCode",
    "DocumentEntry.confidentialityCode",
    "DocumentEntry.creationTime",
    "DocumentEntry.formatCode",
    "DocumentEntry.healthcareFacilityTypeCode",
    "DocumentEntry.languageCode",
    "DocumentEntry.patientId",
    "DocumentEntry.practiceSettingCode",
    "DocumentEntry.sourcePatientId",
    "DocumentEntry.typeCode",
    "SubmissionSet.contentTypeCode",
    "SubmissionSet.patientId",
    "Folder.codeList",
    "Folder.patientId",
    "Folder.title",
}

# Column XDS OD, X. Source: ITI TF-2 3.61.4.1.2.
NOT_OF_ON_DEMAND = frozenset({"DocumentEntry.creationTime", "DocumentEntry.hash", "DocumentEntry.size"})


def required(rules: MetadataRules, *, limited: bool, on_demand: bool = False) -> frozenset[str]:
    """What an object must have; `limited` when it is accepted as limited metadata."""
    names = _OF_LIMITED if limited else _OF_ALL | rules.required
    return names - NOT_OF_ON_DEMAND if on_demand else names
