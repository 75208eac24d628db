"""The shelf of sources: where a roster comes from."""
