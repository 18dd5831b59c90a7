"""Label inference: from what a model wrote to a label, or to the reason why there is none."""
