"""The process that runs Saxon: one line of JSON asks for documents to be held to stylesheets, one line answers.

Saxon keeps memory: whoever started the process looks at what it says of its size, and starts another.

Source: SaxonC-HE 13 Python API; engines of XSLT 3.0.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

FILES = "{urn:open-dmp:schematron}files"


class Saxon:
    """Stylesheets compiled once, and the value sets that they share, read once."""

    def __init__(self) -> None:
        saxonche: Any = importlib.import_module("saxonche")  # installed by those who want it
        self._error: type[Exception] = saxonche.PySaxonApiError
        self._processor = saxonche.PySaxonProcessor(license=False)
        self._compiled: dict[str, Any] = {}
        self._documents: dict[str, Any] = {}

    def run(self, document: str, stylesheet: str, files: dict[str, str]) -> str:
        """What the stylesheet says of a document, as XML."""
        compiled = self._compiled.get(stylesheet)
        if compiled is None:
            text = Path(stylesheet).read_text("utf-8")
            compiled = self._processor.new_xslt30_processor().compile_stylesheet(stylesheet_text=text)
            if files:
                values = {self._processor.make_string_value(name): self._read(path) for name, path in files.items()}
                compiled.set_parameter(FILES, self._processor.make_map(values))
            self._compiled[stylesheet] = compiled
        node = self._processor.parse_xml(xml_text=document)
        return compiled.transform_to_string(xdm_node=node) or "<report/>"

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to one question; an error of Saxon is said, and stops nothing else."""
        said = []
        for each in asked["stylesheets"]:
            try:
                said.append({"report": self.run(asked["document"], each["path"], each["files"])})
            except self._error as error:
                said.append({"error": str(error)[:300]})
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"said": said, "megabytes": kilobytes // 1024}

    def _read(self, path: str) -> Any:
        if path not in self._documents:
            self._documents[path] = self._processor.parse_xml(xml_file_name=path)
        return self._documents[path]


def main() -> None:
    """Answers until nobody asks any more."""
    saxon = Saxon()
    for line in sys.stdin.buffer:
        answer = json.dumps(saxon.answer(json.loads(line)))
        sys.stdout.buffer.write(answer.encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
