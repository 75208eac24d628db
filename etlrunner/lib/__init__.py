"""Tools: each a door to one outside thing, none of which knows about flows."""
