"""The other side of the wire: a simulated LPS and its test PKI. Imports nothing of ours but schemas."""
