"""The document repository: bytes, durable, addressed by what they are."""
