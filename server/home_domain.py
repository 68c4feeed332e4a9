"""A home belongs to the affinity domain that first served it, and is served by no other.

The rights of a domain protect what came in under them: of a DMP served as `ihe-connectathon`, any program on the
machine would read every document.
"""

from __future__ import annotations

from server.settings import Settings, SettingsError

FILE = "domain"  # in the home: the name of its domain


def claim(settings: Settings) -> None:
    """Writes whose home it is, or finds it so. Raises SettingsError for the home of another domain."""
    file, name = settings.home / FILE, settings.domain.name
    owner = file.read_text("utf-8").strip() if file.exists() else ""
    if not owner:
        file.write_text(f"{name}\n", "utf-8")
    elif owner != name:
        raise SettingsError([f"domain: expected {owner}, whose home {settings.home} is, got {name}"])
