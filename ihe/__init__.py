"""The IHE door: SOAP 1.2 transactions of XDS.b. It authenticates and translates, nothing else."""
