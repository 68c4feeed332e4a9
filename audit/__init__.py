"""The ATNA audit log: one event for each request."""
