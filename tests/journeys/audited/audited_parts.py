"""What the rows of the tables are made of, by the names of the standards.

Source: DICOM PS3.15 A.5.1 and A.5.3, PS3.16 CID 400 to 402; ITI TF-2, audit considerations of each transaction.
"""

from __future__ import annotations

from audited_event import HOST, PROCESS, Code, Party, Thing, dcm, dmp

QUERY, IMPORT, EXPORT = dcm("110112", "Query"), dcm("110107", "Import"), dcm("110106", "Export")
PATIENT_RECORD, APPLICATION_ACTIVITY = dcm("110110", "Patient Record"), dcm("110100", "Application Activity")
NODE_AUTHENTICATION, RESTRICTED = dcm("110126", "Node Authentication"), dcm("110132", "Use of Restricted Function")
LOGIN, LOGOUT = dcm("110122", "Login"), dcm("110123", "Logout")
ATTRIBUTES_CHANGED = dcm("110137", "User Security Attributes Changed")
SOURCE, DESTINATION = dcm("110153", "Source Role ID"), dcm("110152", "Destination Role ID")

ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"  # wsa:ReplyTo of who waits on the connection
LOOPBACK, THIS_MACHINE = ("2", "127.0.0.1"), ("1", HOST)

PATIENT_NUMBER, REPORT_NUMBER = ("2", "RFC-3881", "Patient Number"), ("9", "RFC-3881", "Report Number")
USER_IDENTIFIER = ("11", "RFC-3881", "User Identifier")
SUBMISSION_SET = (
    "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
    "IHE XDS Metadata",
    "submission set classificationNode",
)
OBJECT_REFERENCE = ("urn:ihe:iti:2017:ObjectRef", "IHE XDS Metadata", "registry object reference")


def _ends(client: Code, server: Code, user: str, certificate: str) -> tuple[Party, ...]:
    return (
        Party(user, True, (client,), certificate, access=LOOPBACK),
        Party("{endpoint}", False, (server,), PROCESS, access=THIS_MACHINE),
    )


# What flows comes from the client (a query, a submission), or goes to it (documents). By SOAP on this machine:
SUBMITTED = _ends(SOURCE, DESTINATION, ANONYMOUS, "")
RETRIEVED = _ends(DESTINATION, SOURCE, ANONYMOUS, "")
# by SOAP over mutual TLS:
SUBMITTED_BY_TLS = _ends(SOURCE, DESTINATION, ANONYMOUS, "{certificate}")
RETRIEVED_BY_TLS = _ends(DESTINATION, SOURCE, ANONYMOUS, "{certificate}")
# by a browser with a card, and without one:
ASKED_WITH_CARD = _ends(SOURCE, DESTINATION, "{certificate}", "")
GIVEN_TO_CARD = _ends(DESTINATION, SOURCE, "{certificate}", "")
ASKED = _ends(SOURCE, DESTINATION, "127.0.0.1", "")
GIVEN = _ends(DESTINATION, SOURCE, "127.0.0.1", "")
# what this server tells somebody:
TOLD = (
    Party("open-dmp", True, (SOURCE,), PROCESS, access=THIS_MACHINE),
    Party("{receiver}", False, (DESTINATION,), access=("2", "127.0.0.1")),
)
TOLD_IN_PERSON = (TOLD[0], Party("{receiver}", False, (DESTINATION,)))
# what its operator does:
OPERATED = (Party("open-dmp", False, (DESTINATION,), PROCESS, access=THIS_MACHINE), Party("{operator}", True))
OPERATED_OUT = (Party("open-dmp", False, (SOURCE,), PROCESS, access=THIS_MACHINE), Party("{operator}", True))


def reported(parties: tuple[Party, ...]) -> tuple[Party, ...]:
    """The same of a security alert: this server reports, all others are whom it is about. Source: A.5.3.11."""
    return tuple(
        Party(each.user, each.alternative == PROCESS, each.roles, each.alternative, each.name, each.access)
        for each in parties
    )


def patient(identifier: str = "{patient}", message: str = "", kind: str = "II") -> Thing:
    """Source: ITI TF-2 3.18.5.1.2; of a feed with the message that told it, 3.44.5.1.2, 3.8.5.1 (MSH-10)."""
    return Thing(("1", "1"), PATIENT_NUMBER, identifier, details=((kind, message),) if message else ())


def submission_set(identifier: str = "{set}") -> Thing:
    """Source: ITI TF-2 3.41.5.1.2, 3.42.6.1.2."""
    return Thing(("2", "20"), SUBMISSION_SET, identifier)


def subscription() -> Thing:
    """Source: IHE DSUBm 1.0, audit profiles of ITI-110 and ITI-112 (object-role 20, Job)."""
    return Thing(("2", "20"), dmp("subscription", "Subscription"), "{subscription}")


def document(
    identifier: str = "{document}", *, repository: str = "{repository}", home: str = "", erased: bool = False
) -> Thing:
    """Source: ITI TF-2 3.43.6.1.2; 3.86.5.1 (life cycle)."""
    details = [("Repository Unique Id", repository)]
    details += [("ihe:homeCommunityID", home)] if home else []
    return Thing(("2", "3"), REPORT_NUMBER, identifier, details=tuple(details), life_cycle="15" if erased else "")


def removed(identifier: str) -> Thing:
    """Source: ITI TF-2 3.62.5.1."""
    return Thing(("2", "3"), OBJECT_REFERENCE, identifier, life_cycle="15")


def query(
    kind: Code,
    identifier: str = "{query_id}",
    text: str = "{query}",
    *,
    home: str = "",
    message: str = "",
    named: str = "II",
) -> Thing:
    """Source: ITI TF-2 3.18.5.1.2, 3.45.5.1.2, 3.47.5.1.2; by HL7 v2 3.9.5.1, 3.21.5.1 (MSH-10)."""
    details = [("QueryEncoding", "UTF-8")] if text else []
    details += [("urn:ihe:iti:xca:2010:homeCommunityId", home)] if home else []
    details += [(named, message)] if message else []
    return Thing(("2", "24"), kind, identifier, query=text, details=tuple(details))


def user(identifier: str) -> Thing:
    """Whose rights were changed. Source: DICOM PS3.15 A.5.1 (role 11, Security User Entity)."""
    return Thing(("2", "11"), USER_IDENTIFIER, identifier)
