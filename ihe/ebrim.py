"""ebRIM, the registry language of XDS.b: metadata read from it and written to it. Pure.

Source: ebRIM 3.0; ITI TF-3 4.2.
"""

from __future__ import annotations

from ihe.ebrim_read import read_objects, read_submission, slots
from ihe.ebrim_write import write_object, write_objects, write_references

__all__ = ["read_objects", "read_submission", "slots", "write_object", "write_objects", "write_references"]
