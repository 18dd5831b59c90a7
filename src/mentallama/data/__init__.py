"""Building, reading and writing instruction data (paper, section 3)."""
