"""What the level-3 documents of a patient say: problems, allergies, treatments, vaccinations, last results."""
