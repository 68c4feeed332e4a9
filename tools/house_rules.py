"""The house rules that no other tool checks. Prints what breaks them; exit code 1 when something does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400
NOT_OURS = {"LICENSE"}

# Each rule: name, what it looks for, in which files, except in which.
RULES = (
    (
        "a path of one machine",
        re.compile(r"(?<![\w.])/(?:root|work|home/\w+|Users/\w+)/"),
        re.compile(r"."),
        re.compile(r"tools/house_rules\.py$"),
    ),
    (
        "the address of a package registry",
        re.compile(r"pypi\.|pythonhosted|npmjs|index-url|artifactory|devpi", re.IGNORECASE),
        re.compile(r"."),
        re.compile(r"tools/house_rules\.py$"),
    ),
    (
        "XML parsed elsewhere than in schemas/xml.py",
        re.compile(
            r"etree\.(fromstring|fromstringlist|parse|iterparse|XML|XMLID|HTML|XMLParser|XMLPullParser|HTMLParser)\b"
            r"|ElementTree|minidom|xml\.sax|pulldom|expatreader|parsers\.expat|BeautifulSoup|objectify"
        ),
        re.compile(r"\.py$"),
        re.compile(r"^(schemas/xml\.py|tests/.*|tools/.*)$"),
    ),
)


def tracked() -> Iterator[str]:
    """Every file that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    yield from (name for name in listed.splitlines() if (ROOT / name).is_file())


def violations(name: str, text: str) -> Iterator[str]:
    """What breaks the rules in one file."""
    lines = text.splitlines()
    if name.endswith(".py") and len(lines) > MAX_LINES:
        yield f"{name}: {len(lines)} lines, at most {MAX_LINES}"
    for rule, wanted, files, exempt in RULES:
        if not files.search(name) or exempt.search(name):
            continue
        yield from (f"{name}:{number}: {rule}" for number, line in enumerate(lines, 1) if wanted.search(line))


def main() -> int:
    """Checks every text file of the repository."""
    found = []
    for name in tracked():
        if name in NOT_OURS:
            continue
        data = (ROOT / name).read_bytes()
        if b"\0" not in data:
            found += violations(name, data.decode("utf-8"))
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
