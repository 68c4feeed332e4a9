"""The identifiers of XDS.b on the wire: namespaces, actions, ebRIM schemes. Each block says where it is printed."""

from __future__ import annotations

# --- Namespaces. Source: ITI TF-2 Appendix V, Table V.2.4-1; W3C recommendations; OASIS WSS 1.1.
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XOP = "http://www.w3.org/2004/08/xop/include"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
XDS = "urn:ihe:iti:xds-b:2007"
RMD = "urn:ihe:iti:rmd:2017"

# --- WS-Addressing. Source: Web Services Addressing 1.0, Core §2.1 and SOAP Binding §6.
WSA_ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
WSA_NONE = "http://www.w3.org/2005/08/addressing/none"
WSA_FAULT_ACTION = "http://www.w3.org/2005/08/addressing/fault"
SOAP_FAULT_ACTION = "http://www.w3.org/2005/08/addressing/soap/fault"

# --- Actions. Source: ITI TF-2 3.18.4.1, 3.41.4.1, 3.43.4.1 (message semantics, wsa:Action).
REGISTRY_STORED_QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"  # ITI-18
PROVIDE_AND_REGISTER = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"  # ITI-41
RETRIEVE_DOCUMENT_SET = "urn:ihe:iti:2007:RetrieveDocumentSet"  # ITI-43
REGISTER_DOCUMENT_SET = "urn:ihe:iti:2007:RegisterDocumentSet-b"  # ITI-42
MULTI_PATIENT_STORED_QUERY = "urn:ihe:iti:2009:MultiPatientStoredQuery"  # ITI-51
UPDATE_DOCUMENT_SET = "urn:ihe:iti:2010:UpdateDocumentSet"  # ITI-57
REGISTER_ON_DEMAND_ENTRY = "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry"  # ITI-61
REGISTER_ON_DEMAND_RESPONSE = "urn:ihe:iti:2010:RegisterOnDemandDocumentResponse"  # ITI-61: not the usual suffix
REMOVE_METADATA = "urn:ihe:iti:2010:DeleteDocumentSet"  # ITI-62, under its old name
REMOVE_DOCUMENTS = "urn:ihe:iti:2017:RemoveDocuments"  # ITI-86
RESTRICTED_UPDATE = "urn:ihe:iti:2018:RestrictedUpdateDocumentSet"  # ITI-92
# ITI TF-2 3.44.4.1.3.1, 3.45.4.1.3.1, 3.47.4.2.3.1: the interaction's name in a namespace
PATIENT_ADDED = "urn:hl7-org:v3:PRPA_IN201301UV02"  # ITI-44
PATIENT_REVISED = "urn:hl7-org:v3:PRPA_IN201302UV02"  # ITI-44
PATIENTS_MERGED = "urn:hl7-org:v3:PRPA_IN201304UV02"  # ITI-44
PATIENT_ACKNOWLEDGED = "urn:hl7-org:v3:MCCI_IN000002UV01"
IDENTIFIERS_QUERY = "urn:hl7-org:v3:PRPA_IN201309UV02"  # ITI-45
IDENTIFIERS_RESPONSE = "urn:hl7-org:v3:PRPA_IN201310UV02"
PATIENTS_QUERY = "urn:hl7-org:v3:PRPA_IN201305UV02"  # ITI-47
PATIENTS_RESPONSE = "urn:hl7-org:v3:PRPA_IN201306UV02"
PATIENTS_CONTINUED = "urn:hl7-org:v3:QUQI_IN000003UV01_Continue"
PATIENTS_CANCELLED = "urn:hl7-org:v3:QUQI_IN000003UV01_Cancel"
# GIE SESAM-Vitale, DMP WSDL v2.01.04 and message examples v02.05; TD0.5 has the actions of ITI-47
GDP = "asip:ci-sis:gdp:2010"
DOSSIER_QUERY = "urn:hl7-org:v3:PRPA_IN201307UV02"  # TD0.2, TD1.3a
DOSSIER_RESPONSE = "urn:hl7-org:v3:PRPA_IN201308UV02"
DOSSIER_CREATED = "urn:hl7-org:v3:PRPA_IN201311UV02"  # TD1.1
DOSSIER_CREATED_RESPONSE = "urn:hl7-org:v3:PRPA_IN201311ResponseUV02"
DOSSIER_REVISED = "urn:hl7-org:v3:PRPA_IN201314UV02"  # TD1.2, TD1.3b, TD1.4
DOSSIER_REVISED_RESPONSE = "urn:hl7-org:v3:PRPA_IN201314ResponseUV02"

# --- The DMP's document-literal services. Source: GIE SESAM-Vitale, DMP WSDL v2.01.04 and message examples v02.05.
SI_DMP_HABILITATIONS = "urn:si-dmp-habilitations"
SI_DMP_PATIENTS = "urn:si-dmp-patients"
SET_AUTHORIZATION = f"{SI_DMP_HABILITATIONS}:HabilitationsEndPoint:setAuthorization"  # TD0.3
LIST_AUTHORIZATION = f"{SI_DMP_HABILITATIONS}:HabilitationsEndPoint:listAuthorizationByPatient"  # TD1.6
PATIENT_LIST = f"{SI_DMP_PATIENTS}:PatientSpecificEndPoint:patientList"  # TD0.4
CREATE_PATIENT_ACCESS = f"{SI_DMP_PATIENTS}:PatientSpecificEndPoint:createPatientAccess"  # TD1.5a
PATIENT_OTP_UPDATE = f"{SI_DMP_PATIENTS}:PatientSpecificEndPoint:patientOTPUpdate"  # TD1.5b
UPDATE_PATIENT_ACCESS = f"{SI_DMP_PATIENTS}:PatientSpecificEndPoint:updatePatientAccess"  # TD1.5d

# --- Response status. Source: ITI TF-3 4.2.4.2.
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
PARTIAL_SUCCESS = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"

# --- Types of ebRIM objects. Source: ebRIM 3.0 §10 canonical ObjectType scheme; ITI TF-3 4.2.3.1.
CLASSIFICATION_TYPE = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification"
EXTERNAL_IDENTIFIER_TYPE = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier"
REGISTRY_PACKAGE_TYPE = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage"
ASSOCIATION_TYPE = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association"

# --- DocumentEntry. Source: ITI TF-3 4.2.5.2 and Table 4.2.3.2-1.
DOCUMENT_ENTRY_AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
DOCUMENT_ENTRY_CLASS_CODE = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
DOCUMENT_ENTRY_TYPE_CODE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
DOCUMENT_ENTRY_FORMAT_CODE = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
DOCUMENT_ENTRY_HEALTHCARE_FACILITY_TYPE_CODE = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
DOCUMENT_ENTRY_PRACTICE_SETTING_CODE = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
DOCUMENT_ENTRY_CONFIDENTIALITY_CODE = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
DOCUMENT_ENTRY_EVENT_CODE = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
DOCUMENT_ENTRY_PATIENT_ID = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
DOCUMENT_ENTRY_UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"

# --- SubmissionSet. Source: ITI TF-3 4.2.5.2 and Table 4.2.3.3-1.
SUBMISSION_SET_NODE = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
SUBMISSION_SET_AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
SUBMISSION_SET_CONTENT_TYPE_CODE = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
SUBMISSION_SET_PATIENT_ID = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SUBMISSION_SET_SOURCE_ID = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
SUBMISSION_SET_UNIQUE_ID = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"

# --- Folder. Source: ITI TF-3 4.2.5.2 and Table 4.2.3.4-1.
FOLDER_NODE = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
FOLDER_CODE = "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5"
FOLDER_PATIENT_ID = "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a"
FOLDER_UNIQUE_ID = "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a"

# --- limitedMetadata, as a classificationNode. Source: ITI TF-3 4.2.3.2.29, 4.2.3.3.13, 4.2.3.4.10.
LIMITED_NODES = frozenset(
    {
        "urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85",  # DocumentEntry
        "urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707",  # SubmissionSet
        "urn:uuid:2c144a76-29a9-4b7c-af54-b25409fe7d03",  # Folder
    }
)

# --- Association. Source: ITI TF-3 4.2.2.2.7.
ASSOCIATION_DOCUMENTATION = "urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3"

# --- Slots whose name is not the attribute's. Source: ITI TF-3 4.2.3.2.28.
REFERENCE_ID_LIST = "urn:ihe:iti:xds:2013:referenceIdList"
