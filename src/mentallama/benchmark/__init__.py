"""The IMHI benchmark: labels read from free text, and scores that say what they are made of."""
