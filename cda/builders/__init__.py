"""Writing CDA documents of the CI-SIS from plain values: a header, and bodies of level 1 and 3."""
