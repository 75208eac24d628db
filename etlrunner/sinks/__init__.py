"""The shelf of sinks: where an archive goes."""
