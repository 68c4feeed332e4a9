"""What of a dossier's traces one reader sees: which there are for them, and what each may say.

- A document is named only to who would find it (TD3.1) now, by its newest version.
- To a legal representative there is nothing of a secret connection, nor of documents that are kept from them alone.
- To the patient, and who represents them, an act on a document that must still be announced is that somebody came in;
  so is an act on documents that names none which is there, such as one that failed.
- A professional who reads their own acts has one trace for each request: asking for a hidden document reads as asking
  for one that is not there.

Source: public guides of the DMP (historique des accès, connexion secrète); CI-SIS TRE_A07.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from audit.trace import About, Place, Trace
from dmp.ports import Rooms
from dmp.sentences import ENTERED, Sentence, sentence_of
from identities.dossier import Dossier
from registry.metadata import DocumentEntry
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, Scope

BATCH = 200  # traces read at once


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: what they find in the dossier now, and whose side they are on."""

    scope: Scope
    own: str = ""  # whose acts they read, where it is not everybody's
    patient: bool = False  # the patient, or who represents them
    represents: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A trace as one reader sees it. `documents` are those that may be named."""

    trace: Trace
    sentence: Sentence
    documents: tuple[DocumentEntry, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """A document of the dossier in its newest version, and whether the reader finds it."""

    entry: DocumentEntry
    found: bool

    def bears(self, mark: tuple[str, str]) -> bool:
        """Whether it has that confidentiality code."""
        return mark in {(code.code, code.scheme) for code in self.entry.confidentiality_codes}


@dataclass(frozen=True, slots=True)
class Sight:
    """The traces of one dossier, and of those merged into it, that there are for one reader."""

    rooms: Rooms
    dossier: Dossier
    reader: Reader

    def seen(
        self,
        *,
        before: Place | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        person: str = "",
    ) -> Iterator[Seen]:
        """Newest first, read as they are taken; `before`, `since` and `until` as in the port."""
        if self.reader.own and person not in ("", self.reader.own):
            return
        traces = self._traces(before, since, until, person or self.reader.own or None)
        if self.reader.own:
            traces = _one_for_each_request(traces)
        while batch := list(islice(traces, BATCH)):
            known = self._known({document for trace in batch for document in trace.documents})
            for trace in batch:
                if seen := self._judged(trace, known):
                    yield seen

    def _traces(
        self, before: Place | None, since: datetime | None, until: datetime | None, requester: str | None
    ) -> Iterator[Trace]:
        about = About(self.rooms.identities.lineage(self.dossier.key), self.dossier.identifiers)
        port = self.rooms.traces
        while batch := port.traces(about, before=before, since=since, until=until, requester=requester, limit=BATCH):
            yield from batch
            before = batch[-1].place

    def _known(self, unique_ids: Iterable[str]) -> Mapping[str, _Known]:
        """Those of `unique_ids` that the dossier has."""
        scope, ids, registry = self.reader.scope, sorted(unique_ids), self.rooms.registry
        if not ids:
            return {}
        versions = [_Known(entry, True) for entry in registry.entries(ids, scope)]
        versions += [_Known(entry, False) for entry, _ in registry.hidden(scope, unique_ids=ids)]
        versions.sort(key=lambda known: (known.entry.version, not known.found))
        return {known.entry.unique_id: known for known in versions}

    def _judged(self, trace: Trace, documents: Mapping[str, _Known]) -> Seen | None:
        """`trace` as the reader sees it; None when there is none for them."""
        reader = self.reader
        if reader.represents and trace.secret_connection:
            return None
        sentence = sentence_of(trace.action, trace.transaction, by_operator=bool(trace.operator))
        known = [documents[each] for each in trace.documents if each in documents]
        told = known
        if reader.represents:
            told = [each for each in known if not each.bears(INVISIBLE_REPRESENTANTS_LEGAUX)]
        kept = len(told) < len(known)
        if reader.patient:
            told = [each for each in told if each.found or not each.bears(INVISIBLE_PATIENT)]
            if not told and kept:
                return None
            if not told and (trace.documents or sentence.on_documents):
                sentence = ENTERED
        return Seen(trace, sentence, tuple(each.entry for each in told if each.found))


def _one_for_each_request(traces: Iterable[Trace]) -> Iterator[Trace]:
    """Of the traces that one request left, the first it left: what was done, before what stayed hidden."""
    last: Trace | None = None
    for trace in traces:
        same = last is not None and trace.request_id and _request(trace) == _request(last)
        if last is not None and not same:
            yield last
        last = trace
    if last is not None:
        yield last


def _request(trace: Trace) -> Sequence[str]:
    return (trace.request_id, trace.action)
