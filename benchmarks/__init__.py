"""How fast this server is, beside what the machine's disk and processor allow."""
