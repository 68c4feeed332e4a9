"""The official packages of ANS, once an operator installed one: its XSD, its XSLT 2 Schematron, its value sets."""
