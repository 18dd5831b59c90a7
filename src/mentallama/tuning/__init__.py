"""Instruction tuning by recipe (paper, section 4)."""
