"""The rules of the header that every document shared in France obeys, beyond what the schema says.

Source: CI-SIS, volet Structuration minimale de documents de santé v1.16, element by element; HL7 CDA R2 §4.2.
"""

from __future__ import annotations

from cda.validation.rule import Rule, at_most_once, attributes, once
from schemas import oids

_INS = " or ".join(f"@root = '{root}'" for root in (oids.INS_NIR, oids.INS_NIA, oids.INS_NIR_TEST, oids.INS_NIR_DEMO))
_OTHERS = f"c:templateId[not(@root = '{oids.TEMPLATE_HL7_FRANCE}') and not(@root = '{oids.TEMPLATE_CISIS}')]"
_XDS_SD = f"c:templateId[@root = '{oids.TEMPLATE_XDS_SD}']"
_PATIENT = "c:recordTarget/c:patientRole/c:patient"
_EVENT = "c:documentationOf/c:serviceEvent"
_ENCOUNTER = "c:componentOf/c:encompassingEncounter"

DOCUMENT = (
    Rule(
        "SM-realmCode",
        "Structuration minimale, realmCode",
        ".",
        "count(c:realmCode[@code = 'FR']) = 1",
        "un realmCode FR",
        'Écrire une fois <realmCode code="FR"/>.',
        "string(c:realmCode/@code)",
    ),
    Rule(
        "SM-templateId-1",
        "Structuration minimale, templateId",
        ".",
        f"count(c:templateId[@root = '{oids.TEMPLATE_HL7_FRANCE}']) = 1",
        f"une fois le templateId {oids.TEMPLATE_HL7_FRANCE} (HL7 France)",
        "Déclarer la conformité aux spécifications de HL7 France.",
        f"string(count(c:templateId[@root = '{oids.TEMPLATE_HL7_FRANCE}']))",
    ),
    Rule(
        "SM-templateId-2",
        "Structuration minimale, templateId",
        ".",
        f"count(c:templateId[@root = '{oids.TEMPLATE_CISIS}']) = 1",
        f"une fois le templateId {oids.TEMPLATE_CISIS} (CI-SIS)",
        "Déclarer la conformité au volet Structuration minimale.",
        f"string(count(c:templateId[@root = '{oids.TEMPLATE_CISIS}']))",
    ),
    Rule(
        "SM-templateId-3",
        "Structuration minimale, templateId",
        ".",
        f"{_OTHERS}",
        "un troisième templateId : celui du modèle, ou celui de XDS-SD",
        "Ajouter le templateId du modèle du document.",
    ),
    Rule(
        "SM-templateId-4",
        "Structuration minimale, templateId (document non structuré)",
        "self::*[c:component/c:nonXMLBody]",
        f"{_XDS_SD} and count(c:templateId) = 3",
        f"trois templateId, dont {oids.TEMPLATE_XDS_SD} (XDS-SD)",
        "Un document dont le corps est un fichier porte le templateId de XDS-SD au lieu de celui d'un modèle.",
        "string(count(c:templateId))",
    ),
    once("SM-id", "Structuration minimale, id", ".", "c:id", "Donner au document son identifiant."),
    attributes("SM-id-root", "Structuration minimale, id", "c:id", "root"),
    once("SM-code", "Structuration minimale, code", ".", "c:code", "Donner le type du document."),
    attributes("SM-code-attributs", "Structuration minimale, code", "c:code", "code", "codeSystem", "displayName"),
    once("SM-title", "Structuration minimale, title", ".", "c:title", "Donner un titre au document."),
    once("SM-effectiveTime", "Structuration minimale, effectiveTime", ".", "c:effectiveTime", "Dater le document."),
    attributes("SM-effectiveTime-value", "Structuration minimale, effectiveTime", "c:effectiveTime", "value"),
    once(
        "SM-confidentialityCode",
        "Structuration minimale, confidentialityCode",
        ".",
        "c:confidentialityCode",
        "Donner le niveau de confidentialité, N à défaut d'autre.",
    ),
    attributes(
        "SM-confidentialityCode-attributs",
        "Structuration minimale, confidentialityCode",
        "c:confidentialityCode",
        "code",
        "codeSystem",
        "displayName",
    ),
    once(
        "SM-languageCode",
        "Structuration minimale, languageCode",
        ".",
        "c:languageCode",
        'Écrire <languageCode code="fr-FR"/>.',
    ),
    Rule(
        "SM-languageCode-forme",
        "Structuration minimale, languageCode ; RFC 5646",
        "c:languageCode",
        "re:test(@code, '[a-z]{2}-[A-Z]{2}')",
        "une langue et un pays, comme fr-FR",
        "Écrire la langue en minuscules et le pays en majuscules.",
        "string(@code)",
    ),
    once("SM-setId", "Structuration minimale, setId", ".", "c:setId", "Donner l'identifiant commun à ses versions."),
    attributes("SM-setId-root", "Structuration minimale, setId", "c:setId", "root"),
    once(
        "SM-versionNumber",
        "Structuration minimale, versionNumber",
        ".",
        "c:versionNumber",
        "Donner le numéro de la version, à partir de 1.",
    ),
    attributes("SM-versionNumber-value", "Structuration minimale, versionNumber", "c:versionNumber", "value"),
    at_most_once(
        "SM-relatedDocument", "Structuration minimale, relatedDocument", ".", "c:relatedDocument[@typeCode = 'RPLC']"
    ),
    once(
        "SM-relatedDocument-id",
        "Structuration minimale, relatedDocument",
        "c:relatedDocument[@typeCode = 'RPLC']/c:parentDocument",
        "c:id",
        "Donner l'identifiant du document remplacé.",
    ),
)

PATIENT = (
    once(
        "SM-recordTarget",
        "Structuration minimale, recordTarget",
        ".",
        "c:recordTarget",
        "Un document a un seul patient.",
    ),
    Rule(
        "SM-patientRole",
        "Structuration minimale, recordTarget",
        "c:recordTarget",
        "count(c:patientRole[c:patient]) = 1",
        "un patientRole avec patient",
        "Donner l'identité du patient.",
    ),
    Rule(
        "SM-patient-id",
        "Structuration minimale, recordTarget/patientRole/id",
        "c:recordTarget/c:patientRole[c:patient]",
        "c:id[not(@nullFlavor)]",
        "un identifiant du patient, sans nullFlavor",
        "Donner l'INS, ou à défaut l'identifiant local du patient.",
    ),
    attributes(
        "SM-patient-id-attributs",
        "Structuration minimale, recordTarget/patientRole/id",
        "c:recordTarget/c:patientRole[c:patient]/c:id",
        "root",
        "extension",
    ),
    once(
        "SM-patient-name",
        "Structuration minimale, patient/name",
        _PATIENT,
        "c:name",
        "Nommer le patient une seule fois.",
    ),
    Rule(
        "SM-patient-family",
        "Structuration minimale, patient/name",
        f"{_PATIENT}/c:name[not(@nullFlavor)]",
        "c:family[not(@nullFlavor)]",
        "un nom de famille",
        "Donner le nom de naissance (qualifier BR) et s'il y en a un le nom utilisé (CL).",
    ),
    Rule(
        "SM-patient-given",
        "Structuration minimale, patient/name",
        f"{_PATIENT}/c:name[not(@nullFlavor)]",
        "c:given[not(@nullFlavor)]",
        "un prénom",
        "Donner les prénoms de l'acte de naissance.",
    ),
    Rule(
        "SM-patient-family-qualifier",
        "Structuration minimale, patient/name/family ; RNIV",
        f"{_PATIENT}/c:name[not(@nullFlavor)]/c:family",
        "@qualifier = 'BR' or @qualifier = 'CL'",
        "qualifier BR (nom de naissance) ou CL (nom utilisé)",
        "Qualifier chaque nom de famille.",
        "string(@qualifier)",
    ),
    Rule(
        "SM-patient-given-qualifier",
        "Structuration minimale, patient/name/given ; RNIV",
        f"{_PATIENT}/c:name[not(@nullFlavor)]/c:given[@qualifier]",
        "@qualifier = 'BR' or @qualifier = 'CL'",
        "qualifier BR (premier prénom de naissance), CL (prénom utilisé), ou aucun (tous les prénoms)",
        "Corriger le qualifier du prénom.",
        "string(@qualifier)",
    ),
    attributes(
        "SM-patient-gender", "Structuration minimale, patient", f"{_PATIENT}/c:administrativeGenderCode", "code"
    ),
    Rule(
        "SM-patient-gender-present",
        "Structuration minimale, patient",
        _PATIENT,
        "c:administrativeGenderCode",
        "un administrativeGenderCode",
        "Donner le sexe : M, F, ou UN s'il est inconnu.",
    ),
    Rule(
        "SM-patient-birthTime-present",
        "Structuration minimale, patient",
        _PATIENT,
        "c:birthTime",
        "un birthTime",
        "Donner la date de naissance.",
    ),
    attributes("SM-patient-birthTime", "Structuration minimale, patient", f"{_PATIENT}/c:birthTime", "value"),
    Rule(
        "SM-INS-traits",
        "Structuration minimale, traits de l'INS ; Référentiel INS",
        f"self::*[c:recordTarget/c:patientRole/c:id[{_INS}]]",
        f"{_PATIENT}/c:name/c:family/@qualifier = 'BR' and {_PATIENT}/c:name/c:given/@qualifier = 'BR'"
        f" and {_PATIENT}/c:name/c:given[not(@qualifier)] and {_PATIENT}/c:birthTime"
        f" and {_PATIENT}/c:birthplace/c:place/c:addr/c:county and {_PATIENT}/c:administrativeGenderCode/@code",
        "avec un INS, ses cinq traits : nom de naissance (BR), premier prénom (BR) et liste des prénoms, date et lieu "
        "de naissance (code COG en county), sexe",
        "Compléter les traits de l'INS, ou ne pas transmettre d'INS.",
    ),
)

PARTICIPANTS = (
    Rule(
        "SM-author",
        "Structuration minimale, author",
        ".",
        "c:author[not(@nullFlavor)]",
        "un author",
        "Donner l'auteur du document, sans nullFlavor.",
    ),
    attributes("SM-author-time", "Structuration minimale, author/time", "c:author/c:time", "value"),
    attributes("SM-author-id", "Structuration minimale, author", "c:author/c:assignedAuthor/c:id", "root", "extension"),
    attributes(
        "SM-author-code",
        "Structuration minimale, author",
        "c:author/c:assignedAuthor/c:code",
        "code",
        "codeSystem",
        "displayName",
    ),
    Rule(
        "SM-author-name",
        "Structuration minimale, author",
        "c:author/c:assignedAuthor/c:assignedPerson",
        "count(c:name[c:family]) = 1",
        "un name avec family",
        "Donner le nom de l'auteur.",
    ),
    Rule(
        "SM-author-device",
        "Structuration minimale, author",
        "c:author/c:assignedAuthor/c:assignedAuthoringDevice",
        "c:manufacturerModelName and c:softwareName",
        "manufacturerModelName et softwareName",
        "Nommer le modèle et le logiciel du système auteur.",
    ),
    once(
        "SM-custodian-id",
        "Structuration minimale, custodian",
        "c:custodian/c:assignedCustodian/c:representedCustodianOrganization",
        "c:id",
        "Identifier l'organisation qui conserve le document.",
    ),
    Rule(
        "SM-custodian-root",
        "Structuration minimale, custodian",
        "c:custodian/c:assignedCustodian/c:representedCustodianOrganization/c:id",
        f"@root = '{oids.STRUCT_ID_NAT}' or @root = '{oids.DMP_CUSTODIAN}'",
        f"une structure ({oids.STRUCT_ID_NAT}), ou le DMP ({oids.DMP_CUSTODIAN}) pour un document du patient",
        "Identifier la structure par son Struct_IdNat.",
        "string(@root)",
    ),
    Rule(
        "SM-legalAuthenticator",
        "Structuration minimale, legalAuthenticator",
        ".",
        "count(c:legalAuthenticator[c:signatureCode[@code = 'S']]) = 1",
        "un legalAuthenticator avec signatureCode S",
        "Donner le responsable du document.",
    ),
    attributes(
        "SM-legalAuthenticator-time",
        "Structuration minimale, legalAuthenticator",
        "c:legalAuthenticator[c:signatureCode[@code = 'S']]/c:time",
        "value",
    ),
    once(
        "SM-legalAuthenticator-id",
        "Structuration minimale, legalAuthenticator",
        "c:legalAuthenticator[c:signatureCode[@code = 'S']]/c:assignedEntity",
        "c:id",
        "Identifier le responsable du document.",
    ),
    attributes(
        "SM-legalAuthenticator-id-attributs",
        "Structuration minimale, legalAuthenticator",
        "c:legalAuthenticator[c:signatureCode[@code = 'S']]/c:assignedEntity/c:id",
        "root",
        "extension",
    ),
    Rule(
        "SM-legalAuthenticator-name",
        "Structuration minimale, legalAuthenticator",
        "c:legalAuthenticator[c:signatureCode[@code = 'S']]/c:assignedEntity/c:assignedPerson",
        "count(c:name[not(@nullFlavor)][c:family]) = 1",
        "un name avec family",
        "Donner le nom du responsable.",
    ),
)

CONTEXT = (
    Rule(
        "SM-documentationOf",
        "Structuration minimale, documentationOf",
        ".",
        "c:documentationOf[not(@nullFlavor)][c:serviceEvent]",
        "un documentationOf",
        "Donner l'acte principal que le document décrit.",
    ),
    Rule(
        "SM-documentationOf-performer",
        "Structuration minimale, documentationOf (acte principal)",
        "c:documentationOf[1]/c:serviceEvent",
        "count(c:performer) = 1",
        "un performer dans l'acte principal",
        "Donner l'exécutant de l'acte principal.",
        "string(count(c:performer))",
    ),
    Rule(
        "SM-documentationOf-effectiveTime",
        "Structuration minimale, documentationOf (acte principal)",
        "c:documentationOf[1]/c:serviceEvent",
        "c:effectiveTime",
        "un effectiveTime dans l'acte principal",
        "Donner la date de l'acte principal.",
    ),
    Rule(
        "SM-serviceEvent-low",
        "Structuration minimale, documentationOf/serviceEvent/effectiveTime",
        f"{_EVENT}/c:effectiveTime",
        "c:low",
        "un low",
        "Donner le début de l'acte.",
    ),
    attributes(
        "SM-serviceEvent-low-value",
        "Structuration minimale, documentationOf",
        f"{_EVENT}/c:effectiveTime/c:low",
        "value",
    ),
    once(
        "SM-performer-cadre",
        "Structuration minimale, performer (cadre d'exercice)",
        f"{_EVENT}/c:performer[@typeCode = 'PRF']/c:assignedEntity/c:representedOrganization",
        "c:standardIndustryClassCode",
        "Donner le cadre d'exercice.",
    ),
    once("SM-componentOf", "Structuration minimale, componentOf", ".", "c:componentOf", "Donner la prise en charge."),
    Rule(
        "SM-encompassingEncounter",
        "Structuration minimale, componentOf",
        "c:componentOf[not(@nullFlavor)]",
        "c:encompassingEncounter[not(@nullFlavor)][c:location]",
        "un encompassingEncounter avec location",
        "Donner le lieu de la prise en charge.",
    ),
    once(
        "SM-healthCareFacility-code",
        "Structuration minimale, healthCareFacility (modalité d'exercice)",
        f"{_ENCOUNTER}/c:location/c:healthCareFacility[not(@nullFlavor)]",
        "c:code",
        "Donner le secteur d'activité de la structure.",
    ),
    attributes(
        "SM-healthCareFacility-code-attributs",
        "Structuration minimale, healthCareFacility",
        f"{_ENCOUNTER}/c:location/c:healthCareFacility/c:code",
        "code",
        "codeSystem",
        "displayName",
    ),
)

HEADER = (*DOCUMENT, *PATIENT, *PARTICIPANTS, *CONTEXT)
