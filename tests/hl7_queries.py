"""PIX and PDQ queries of HL7 v2, written and their answers read without our writers or readers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from tests.mllp import Ack, Sender, read_ack


@dataclass(frozen=True)
class Told:
    """The answer to a query: its acknowledgement, and fields by segment."""

    ack: Ack
    segments: tuple[tuple[str, ...], ...]

    def all(self, name: str) -> list[tuple[str, ...]]:
        return [each for each in self.segments if each[0] == name]

    @property
    def status(self) -> str:
        """QAK-2."""
        (qak,) = self.all("QAK")
        return qak[2]

    @property
    def kind(self) -> str:
        """MSH-9."""
        return self.segments[0][8]

    @property
    def patients(self) -> list[list[tuple[str, str]]]:
        """The identifiers of each PID: values and OIDs."""
        return [[(cx.split("^")[0], cx.split("^")[3].split("&")[1]) for cx in pid[3].split("~")] for pid in self.pids]

    @property
    def pids(self) -> list[tuple[str, ...]]:
        return self.all("PID")

    @property
    def pointer(self) -> str:
        """DSC-1; '' without one."""
        return next((each[1] for each in self.all("DSC")), "")

    @property
    def errors(self) -> list[tuple[str, str]]:
        """ERR-2 and the code of ERR-3."""
        return [(each[2], each[3].split("^")[0]) for each in self.all("ERR")]


def read(raw: bytes, charset: str = "utf-8") -> Told:
    lines = [line for line in raw.decode(charset).split("\r") if line]
    return Told(read_ack(raw), tuple((*line.split("|"), *[""] * 20) for line in lines))


def query(event: str, qpd: str, *more: str, charset: str = "UNICODE UTF-8") -> bytes:
    """A QBP: `more` is what comes after QPD."""
    header = f"MSH|^~\\&|CONSUMER|CLINIC|MANAGER|HIE|20260301093000||QBP^{event}^QBP_Q21|"
    header += f"{uuid.uuid4().urn}|P|2.5||||||{charset}"
    lines = [header, f"QPD|{qpd}", *(more or ("RCP|I",)), ""]
    return "\r".join(lines).encode("latin-1" if charset == "8859/1" else "utf-8")


def pix(person: str, domains: str = "", tag: str = "") -> bytes:
    return query("Q23", f"IHE PIX Query|{tag or uuid.uuid4().hex}|{person}|{domains}".rstrip("|"))


def pdq(parameters: str, domains: str = "", *more: str, tag: str = "") -> bytes:
    asked = f"IHE PDQ Query|{tag or uuid.uuid4().hex}|{parameters}" + (f"|||||{domains}" if domains else "")
    return query("Q22", asked, *more)


def ask(sender: Sender, sent: bytes) -> Told:
    sender.write(b"\x0b" + sent + b"\x1c\r")
    return read(sender.frame())
