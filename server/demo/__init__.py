"""The demonstration: synthetic people, documents and a walk through the main job."""
