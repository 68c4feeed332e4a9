"""Who: patients (INS), professionals and structures, and the requester of one request."""
