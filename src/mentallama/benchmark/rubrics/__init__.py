"""Rubrics as YAML, versioned."""
