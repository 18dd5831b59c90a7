"""The paper's tables cell by cell: reported, ours, difference, interval, or why there is none."""
