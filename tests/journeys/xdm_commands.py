"""Commands of `dmp xdm` as an operator types them, and media changed on the way."""

from __future__ import annotations

import json
import uuid
import zipfile
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from server.cli import build

DONE, REFUSED, USAGE, NOTHING_FOUND = 0, 1, 2, 3


def run(*arguments: str | Path, code: int = DONE) -> Any:
    """What `dmp xdm` says with --json, when it ends with `code`."""
    return dmp("xdm", *arguments, code=code)


def dmp(name: str, *arguments: str | Path, code: int = DONE) -> Any:
    """What a command says with --json, when it ends with `code`."""
    ended = CliRunner().invoke(build(name), [name, *map(str, arguments), "--json"], env={"DMP_HOME": None})
    assert ended.exit_code == code, (arguments, ended.exit_code, ended.output, ended.exception)
    return json.loads(ended.stdout)


def refusal(*arguments: str | Path, code: int) -> str:
    """Why `dmp xdm` refused."""
    return str(run(*arguments, code=code)["error"]["context"])


def changed(file: Path, name: str, old: bytes, new: bytes) -> Path:
    """The medium with something else in one of its files."""
    copy = file.with_name(f"changed-{uuid.uuid4().hex}.zip")
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(copy, "w") as after:
        for info in before.infolist():
            data = before.read(info)
            assert info.filename != name or old in data
            after.writestr(info, data.replace(old, new) if info.filename == name else data)
    return copy
