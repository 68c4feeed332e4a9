"""CDA R2 as the CI-SIS wants it: safe reading, and metadata from the header."""
