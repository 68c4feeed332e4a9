"""The FHIR door: RESTful transactions of IHE. The folder around it is no package: `fhir` is that of fhir.resources."""
