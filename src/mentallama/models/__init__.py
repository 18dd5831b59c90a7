"""Asking models: backends behind one protocol, and generation that loses no row."""
