"""The shelf of checks: each module is one set of rules over finished tables."""
