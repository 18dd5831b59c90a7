"""The ten tasks for two well-known harnesses: files that run there, with our reading of labels."""
