"""What all our servers share: listening, who is answered, tokens, refusals in one line."""
