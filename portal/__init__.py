"""The portal: a door with pages for people, in French. It authenticates and translates, nothing else."""
