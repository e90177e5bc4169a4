"""Look at a picture once, then answer many questions about it."""
