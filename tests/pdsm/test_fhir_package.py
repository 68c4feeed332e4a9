"""Two things are called `fhir`: the folder of this door, which is no package, and the package of fhir.resources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fhir.resources.R4B

import fhir
import pdsm
from tests.conftest import ROOT


def test_fhir_is_that_of_fhir_resources() -> None:
    assert not (ROOT / "fhir" / "__init__.py").exists()
    for package in (fhir, fhir.resources.R4B):
        assert package.__file__ is not None
        assert not Path(package.__file__).is_relative_to(ROOT / "fhir")
    assert pdsm.__file__ is not None
    assert Path(pdsm.__file__).parent == ROOT / "fhir" / "pdsm"


def test_a_server_does_not_wait_for_the_models() -> None:
    """They take a second to load, in every worker: only who takes a feed needs them."""
    program = (
        "import sys, pdsm.endpoint, server.app; assert not any(n.startswith('fhir.resources') for n in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'fhir'}"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=60)
