"""The XDS document registry: metadata, what a submission does to it, and what a stored query finds in it."""
