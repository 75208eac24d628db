"""Configuration files: read with positions, layered, validated, frozen; secrets by reference."""
