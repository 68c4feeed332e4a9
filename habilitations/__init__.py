"""The habilitation matrix: who may do what, on which document, in which mode, and why."""
