"""Translate between people's data and the network's: pixels, tokens, prompts, answer markup."""
