"""The style of the page: legible on a screen and on paper, in the colours and letters of nobody's document.

Source: WCAG 2.2 (1.4.3 contrast, 1.4.10 reflow, 2.4.7 focus visible).
"""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { --encre: #1b2430; --discret: #51606f; --trait: #c9d3dc; --fond: #f3f6f8; --bleu: #0b4f8a; --rouge: #a4121f;
  --ambre: #7a4a00; }
* { box-sizing: border-box; }
html { font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; color: var(--encre); }
body { margin: 0; background: var(--fond); }
.page { max-width: 72rem; margin: 0 auto; background: #fff; min-height: 100vh; padding: 0 2rem 3rem;
  box-shadow: 0 0 0 1px var(--trait); }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.2rem 0 .8rem; padding-bottom: .3rem; color: var(--bleu);
  border-bottom: 2px solid var(--bleu); }
h3 { font-size: 1.1rem; margin: 1.6rem 0 .6rem; }
h4, h5, h6 { font-size: 1rem; margin: 1.3rem 0 .5rem; color: var(--discret); }
p { margin: .5rem 0; }
a { color: var(--bleu); }
a:focus-visible, [tabindex]:focus-visible, summary:focus-visible { outline: 3px solid #f0a500; outline-offset: 2px; }
.lu { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.aller { position: absolute; left: -999rem; }
.aller:focus { left: 1rem; top: 1rem; background: #fff; padding: .5rem 1rem; }
.entete { padding: 1.6rem 0 0; }
.type, .sur { margin: 0 0 .15rem; font-size: .8rem; letter-spacing: .04em; text-transform: uppercase;
  color: var(--discret); font-weight: 600; }
.bandeau { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; }
.bloc { border: 1px solid var(--trait); border-left: 4px solid var(--discret); border-radius: 4px;
  padding: .8rem 1rem; }
.patient { border-left-color: var(--bleu); background: #eef5fb; }
.identite { font-size: 1.25rem; font-weight: 700; margin: 0 0 .4rem; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .15rem .9rem; margin: 0; }
dt { color: var(--discret); }
dd { margin: 0; overflow-wrap: anywhere; }
.sommaire { margin: 1.4rem 0 0; padding: .7rem 1rem; border: 1px solid var(--trait); border-radius: 4px; }
.sommaire p { margin: 0 0 .3rem; font-weight: 600; }
.sommaire ul { margin: 0; padding: 0; list-style: none; columns: 18rem; }
.sommaire li { break-inside: avoid; padding: .1rem 0; }
.avis { border-left: 4px solid var(--ambre); background: #fff7e8; padding: .6rem .9rem; overflow-wrap: anywhere; }
.discret { color: var(--discret); font-size: .92rem; }
.texte { overflow-wrap: anywhere; }
.defile { overflow-x: auto; margin: .7rem 0; }
table { border-collapse: collapse; width: 100%; }
.defile + br { display: none; }
td, th { border: 1px solid var(--trait); padding: .4rem .6rem; text-align: left; vertical-align: top;
  overflow-wrap: break-word; }
td:has(.media) { border: 0; padding: 0; }
th { background: #e8eef3; font-weight: 600; }
.large { font-size: .88rem; }
.large td, .large th { padding: .3rem .4rem; }
tfoot td, tfoot th { background: var(--fond); }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
.legende { font-weight: 600; }
span.legende { display: block; }
.gras { font-weight: 700; }
.italique { font-style: italic; }
.accent { font-style: italic; font-weight: 600; }
.souligne { text-decoration: underline; }
.trait-g { border-left: 2px solid var(--encre); }
.trait-d { border-right: 2px solid var(--encre); }
.trait-h { border-top: 2px solid var(--encre); }
.trait-b { border-bottom: 2px solid var(--encre); }
.a-gauche { text-align: left; }
.a-centre { text-align: center; }
.a-droite { text-align: right; }
.a-justifie { text-align: justify; }
.v-haut { vertical-align: top; }
.v-milieu { vertical-align: middle; }
.v-bas { vertical-align: bottom; }
.arabe { list-style-type: decimal; }
.romain-min { list-style-type: lower-roman; }
.romain-maj { list-style-type: upper-roman; }
.lettre-min { list-style-type: lower-alpha; }
.lettre-maj { list-style-type: upper-alpha; }
.disque { list-style-type: disc; }
.cercle { list-style-type: circle; }
.carre { list-style-type: square; }
ins { background: #e3f3e3; }
del { background: #fbe6e6; }
.lien-inerte { text-decoration: underline dotted; }
.notes { border-top: 1px solid var(--trait); font-size: .92rem; margin: .8rem 0; padding: .5rem 0 0 1.6rem; }
figure { margin: .8rem 0; }
figcaption { font-weight: 600; margin: .3rem 0; }
.pdf { display: block; width: 100%; height: 92vh; min-height: 36rem; border: 1px solid var(--trait); }
.garder { font-size: .92rem; }
.imprime { display: none; }
.image { display: block; max-width: 100%; height: auto; border: 1px solid var(--trait); }
.zone { fill: none; stroke: #ffd400; stroke-width: 4; paint-order: stroke; }
.brut { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--trait); border-radius: 4px;
  padding: 1rem 1.2rem; margin: .7rem 0; font: inherit; }
.codes { margin: .8rem 0; font-size: .9rem; }
.codes summary { cursor: pointer; color: var(--discret); }
.codes code { font-size: .85em; color: var(--discret); background: var(--fond); padding: 0 .3em; }
.donnees { padding-left: 1.2rem; margin: .5rem 0; }
.donnees ul { padding-left: 1.2rem; }
.donnees li { margin: .15rem 0; }
.resultats .chapitre { background: #fff; color: var(--bleu); padding-top: .9rem; }
.resultats th[scope=row], .points th[scope=row] { background: #fff; font-weight: 400; }
.insecable { white-space: nowrap; }
.hors-norme td, .resultats .hors-norme th[scope=row] { background: #fff3f3; }
.alerte { color: var(--rouge); font-weight: 600; }
.critique { color: #fff; background: var(--rouge); font-weight: 700; padding: .05rem .4rem; border-radius: 3px; }
.evolution { border: 1px solid var(--trait); border-radius: 4px; padding: .8rem 1rem; break-inside: avoid; }
.evolution figcaption { margin: 0 0 .5rem; }
.trace { display: block; width: 100%; max-width: 46rem; height: auto; }
.norme { fill: #dff0e2; }
.grille { stroke: #d7dfe6; stroke-width: 1; }
.courbe { fill: none; stroke: var(--bleu); stroke-width: 2; }
.point { fill: var(--bleu); }
.hors { fill: var(--rouge); }
.echelle, .jour { font-size: 12px; fill: var(--discret); }
.echelle { text-anchor: end; }
.jour { text-anchor: middle; }
.points { width: auto; margin-top: .6rem; font-size: .92rem; }
.points caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.contexte { font-size: .95rem; }
.groupes { columns: 2 22rem; column-gap: 1.2rem; }
.groupes h3 { margin: 0 0 .4rem; break-after: avoid; }
.groupes section { padding-bottom: 1rem; }
.fiche { border: 1px solid var(--trait); border-radius: 4px; padding: .6rem .9rem; break-inside: avoid; }
.fiche + .fiche { margin-top: .5rem; }
.fiche dl { grid-template-columns: minmax(6rem, max-content) 1fr; }
.nom { font-weight: 700; margin: 0 0 .3rem; }
.pied { margin-top: 2.5rem; border-top: 1px solid var(--trait); padding-top: .8rem; color: var(--discret);
  font-size: .85rem; }
@media (max-width: 40rem) {
  .page { padding: 0 1rem 2rem; }
  dl, .fiche dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .4rem; }
}
@media print {
  @page { margin: 15mm; }
  html { font-size: 10.5pt; }
  body { background: #fff; }
  .page { max-width: none; padding: 0; box-shadow: none; }
  .sommaire, .codes, .aller, .pdf, .garder { display: none; }
  .imprime { display: block; font-style: italic; }
  .defile { overflow: visible; }
  .large { font-size: 7pt; }
  .large td, .large th { padding: .15rem .25rem; hyphens: auto; }
  h1, h2, h3, h4, h5, h6 { break-after: avoid; }
  tr, .bloc, figure { break-inside: avoid; }
  thead { display: table-header-group; }
  .texte a[href^=http]::after { content: " (" attr(href) ")"; overflow-wrap: anywhere; }
  .large a[href^=http]::after { content: none; }
}
"""

# Nothing is loaded but what stands in the page: images, a PDF in the browser's viewer (which it frames), this style.
POLICY = (
    "default-src 'none'; img-src data:; object-src data:; frame-src data:; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
