"""The hall: the DMP's own transactions. Every door comes here; the gate decides once and records once."""
