"""Validation of CDA documents: our XSD, our rules, our value sets; one finding for each thing that is wrong."""
