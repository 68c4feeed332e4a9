"""The ground: OIDs, code tables, affinity domains and the one XML parser factory."""
