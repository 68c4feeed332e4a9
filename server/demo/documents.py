"""Synthetic documents of every sort for the demonstration: real French, nobody's health.

Each builder takes a Context (who, about whom, where, when) and gives the bytes of a CDA document of the CI-SIS.
`BUILDERS` has them all by the name of their kind. People, structures, results and stories are invented.

Source: CI-SIS, volet Structuration minimale; types of JDV_J07-XdsTypeCode-CISIS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cda.builders.document import Context, Kind, clinical_document, non_xml_body
from cda.builders.laboratory import Chapter, Result, laboratory_report
from registry.metadata import Code
from schemas import oids
from server.demo.pdf import write_pdf
from server.demo.structured_bodies import Vaccination, vaccination

_UCUM_MMOL, _UCUM_UMOL, _UCUM_G_DL = "mmol/L", "umol/L", "g/dL"
_BIOCHIMIE = Code("18719-5", oids.LOINC, "Biochimie")


def hospital_stay_report(context: Context) -> bytes:
    """CR hospitalier (séjour), 34112-3: a PDF. The type that the matrix keeps from some professions."""
    return _pdf(
        context,
        Code("34112-3", oids.LOINC, "CR hospitalier (séjour)"),
        "Compte rendu d'hospitalisation",
        Code("IMP", oids.HL7_ACT_CODE, "Hospitalisation"),
        [
            "Motif d'hospitalisation :",
            "Dyspnée d'aggravation progressive depuis dix jours, avec œdèmes des membres inférieurs.",
            "Antécédents :",
            "Hypertension artérielle traitée. Fibrillation atriale paroxystique. Pas d'allergie connue.",
            "Histoire de la maladie et évolution :",
            "À l'entrée : pression artérielle 152/88 mmHg, fréquence cardiaque 96/min, SpO2 92 % en air ambiant, "
            "crépitants des deux bases. NT-proBNP élevé, troponine non significative. L'échographie cardiaque montre "
            "une fraction d'éjection à 42 %. Évolution favorable sous diurétique intraveineux puis oral, perte de "
            "4,5 kg, disparition des œdèmes au troisième jour.",
            "Diagnostic retenu :",
            "Décompensation cardiaque globale sur cardiopathie hypertensive, sans facteur ischémique.",
            "Traitement de sortie :",
            "Furosémide 40 mg le matin ; bisoprolol 2,5 mg le matin ; ramipril 5 mg le soir ; apixaban 5 mg deux fois "
            "par jour.",
            "Suite de la prise en charge :",
            "Contrôle de l'ionogramme et de la créatinine à une semaine. Consultation de cardiologie dans un mois. "
            "Pesée quotidienne, consulter en cas de prise de plus de 2 kg en trois jours.",
        ],
    )


def discharge_letter(context: Context) -> bytes:
    """Lettre de liaison à la sortie d'un établissement de soins, 11490-0: a PDF."""
    return _pdf(
        context,
        Code("11490-0", oids.LOINC, "Lettre de liaison à la sortie d'un établissement de soins"),
        "Lettre de liaison à la sortie de l'établissement de santé",
        Code("IMP", oids.HL7_ACT_CODE, "Hospitalisation"),
        [
            "Cher confrère,",
            "Votre patient a été hospitalisé dans notre service pour une décompensation cardiaque globale. Il regagne "
            "son domicile ce jour, en bon état général, autonome pour les actes de la vie courante.",
            "Synthèse du séjour :",
            "Déplétion hydrosodée efficace. Poids de sortie : 71,5 kg. Pression artérielle 128/74 mmHg. Créatinine "
            "92 µmol/l, potassium 4,2 mmol/l. Aucun portage de bactérie multirésistante recherché positif, pas de "
            "transfusion, pas d'événement indésirable.",
            "Traitement de sortie :",
            "Furosémide 40 mg le matin (augmenté). Bisoprolol 2,5 mg le matin (introduit). Ramipril 5 mg le soir "
            "(inchangé). Apixaban 5 mg matin et soir (inchangé).",
            "Examens en attente :",
            "Aucun résultat en attente à la sortie.",
            "Rendez-vous et conseils :",
            "Biologie de contrôle à sept jours. Consultation de cardiologie dans un mois. Régime pauvre en sel.",
            "Bien confraternellement,",
        ],
    )


def consultation_report(context: Context) -> bytes:
    """CR ou fiche de consultation ou de visite, 11488-4: a PDF."""
    return _pdf(
        context,
        Code("11488-4", oids.LOINC, "CR ou fiche de consultation ou de visite"),
        "Compte rendu de consultation",
        Code("CS", oids.NGAP, "Consultation au cabinet par le médecin spécialiste qualifié"),
        [
            "Motif de la consultation :",
            "Suivi d'hypertension artérielle, renouvellement du traitement.",
            "Examen :",
            "Pression artérielle 134/78 mmHg au repos, confirmée par l'automesure. Auscultation cardiaque régulière, "
            "pas de souffle. Pouls périphériques perçus. Poids 72 kg pour 1,74 m.",
            "Conclusion :",
            "Hypertension équilibrée. Poursuite du traitement, bilan biologique annuel prescrit, prochaine "
            "consultation dans six mois.",
        ],
    )


def imaging_report(context: Context) -> bytes:
    """CR d'imagerie médicale, 18748-4: a PDF."""
    return _pdf(
        context,
        Code("18748-4", oids.LOINC, "CR d'imagerie médicale"),
        "Radiographie du thorax de face",
        Code("ZBQK002", oids.CCAM, "Radiographie du thorax"),
        [
            "Indication :",
            "Dyspnée d'effort, recherche d'un épanchement pleural.",
            "Technique :",
            "Un cliché de face, debout, en inspiration.",
            "Résultat :",
            "Index cardiothoracique à 0,56. Redistribution vasculaire vers les sommets. Pas de foyer parenchymateux. "
            "Comblement modéré du cul-de-sac pleural droit. Pas de pneumothorax.",
            "Conclusion :",
            "Cardiomégalie modérée et épanchement pleural droit de faible abondance.",
        ],
    )


def prescription(context: Context) -> bytes:
    """Prescription de produits de santé, 57833-6: plain text."""
    text = "\n".join(
        [
            "ORDONNANCE",
            "",
            "Furosémide 40 mg, comprimé : 1 comprimé le matin pendant 3 mois.",
            "Bisoprolol 2,5 mg, comprimé : 1 comprimé le matin pendant 3 mois.",
            "Ramipril 5 mg, comprimé : 1 comprimé le soir pendant 3 mois.",
            "Apixaban 5 mg, comprimé : 1 comprimé matin et soir pendant 3 mois.",
            "",
            "À renouveler une fois.",
        ]
    )
    return _text(
        context,
        Code("57833-6", oids.LOINC, "Prescription de produits de santé"),
        "Prescription de médicaments",
        text,
    )


def nursing_report(context: Context) -> bytes:
    """CR ou fiche de suivi de soins par auxiliaire médical, 11506-3: plain text."""
    text = "\n".join(
        [
            "FICHE DE SUIVI DE SOINS",
            "",
            "Pansement d'ulcère veineux de la jambe gauche, réfection trois fois par semaine.",
            "Plaie de 3 cm sur 2 cm, fond bourgeonnant, berges saines, exsudat faible. Pas de signe d'infection.",
            "Bandes de compression posées, bien tolérées. Douleur cotée 2 sur 10 pendant le soin.",
        ]
    )
    return _text(
        context,
        Code("11506-3", oids.LOINC, "CR ou fiche de suivi de soins par auxiliaire médical"),
        "Suivi de soins infirmiers",
        text,
    )


def lab_report(context: Context) -> bytes:
    """CR d'examens biologiques, 11502-2: structured, model CR-BIO 2024.01."""
    results = [
        Result(_loinc("2951-2", "Sodium"), "139", "136", "145", _UCUM_MMOL, "mmol/l"),
        Result(_loinc("2823-3", "Potassium"), "4.2", "3.5", "5.1", _UCUM_MMOL, "mmol/l"),
        Result(_loinc("14682-9", "Créatinine"), "118", "59", "104", _UCUM_UMOL, "µmol/l"),
        Result(_loinc("718-7", "Hémoglobine"), "13.6", "13.0", "17.0", _UCUM_G_DL, "g/dl"),
    ]
    title = "Compte rendu d'examens biologiques"
    paragraphs = [f"{row.code.display} : {row.value} {row.shown} ({row.low} - {row.high})" for row in results]
    copy = write_pdf(title, [*_heading(context), *paragraphs, _signature(context)])
    return laboratory_report(context, [Chapter(_BIOCHIMIE, tuple(results))], context.start, copy)


def vaccination_note(context: Context) -> bytes:
    """Note de vaccination, 87273-9: structured, model VAC-NOTE 2023.01."""
    note = Code("87273-9", oids.LOINC, "Note de vaccination")
    given = Vaccination(
        day=context.start.date(),
        product=Code("68747507", oids.CIS, "Vaccin tétanique adsorbé, suspension injectable"),
        atc=Code("J07AM", oids.ATC, "vaccins tétaniques"),
        name="Vaccin tétanique adsorbé",
        lot="DEMO-0042",
        rank=2,
        act=Code("INITIMMUNIZ", oids.HL7_ACT_CODE, "1ère série vaccinante"),
        route=Code("20035000", oids.EDQM_STANDARD_TERMS, "Voie intramusculaire"),
        site=Code("16217701000119102", oids.SNOMED_CT, "deltoïde gauche"),
    )
    templates = (
        (oids.TEMPLATE_PCC_MEDICAL_DOCUMENT, ""),
        (oids.TEMPLATE_PCC_IMMUNIZATION_CONTENT, ""),
        (oids.TEMPLATE_VAC_NOTE, "2023.01"),
    )
    kind = Kind(note, "Note de vaccination", note, templates)
    return clinical_document(context, kind, vaccination(context, given, context.identification.oid))


BUILDERS: Mapping[str, Callable[[Context], bytes]] = MappingProxyType(
    {
        "hospital_stay_report": hospital_stay_report,
        "discharge_letter": discharge_letter,
        "consultation_report": consultation_report,
        "imaging_report": imaging_report,
        "prescription": prescription,
        "nursing_report": nursing_report,
        "lab_report": lab_report,
        "vaccination_note": vaccination_note,
    }
)


def _pdf(context: Context, type_code: Code, title: str, act: Code, paragraphs: list[str]) -> bytes:
    """A document whose body is a PDF of `paragraphs` between a heading and the author's name."""
    content = write_pdf(title, [*_heading(context), *paragraphs, _signature(context)])
    return clinical_document(context, Kind(type_code, title, act), non_xml_body(content, "application/pdf"))


def _heading(context: Context) -> list[str]:
    """Where, about whom, when: what stands above the text of every printed page."""
    traits, structure = context.patient.traits, context.structure
    place = f" - {structure.address.postal_code} {structure.address.city}" if structure.address else ""
    return [
        f"{structure.name}{place}",
        f"Patient : {traits.birth_family} {traits.birth_given}, né(e) le {traits.born:%d/%m/%Y}",
        f"Le {context.identification.created:%d/%m/%Y}",
    ]


def _signature(context: Context) -> str:
    author = context.author
    return f"{author.title} {author.given} {author.family} - document de démonstration, patient fictif".strip()


def _text(context: Context, type_code: Code, title: str, text: str) -> bytes:
    """A document whose body is plain text, in UTF-8."""
    return clinical_document(context, Kind(type_code, title, type_code), non_xml_body(text.encode(), "text/plain"))


def _loinc(code: str, label: str) -> Code:
    return Code(code, oids.LOINC, label)
