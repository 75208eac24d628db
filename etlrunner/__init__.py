"""Declarative flows from a student information system to Apple School Manager."""

__version__ = "0.1.0"
