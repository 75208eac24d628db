"""Where one record went, and by which rule: told from what a run kept."""
