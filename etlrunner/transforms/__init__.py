"""The shelf of transforms: one verb per module."""
