"""From the roster to target tables: expressions, select, apply, lookups, mapping tests."""
