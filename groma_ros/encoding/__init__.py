"""Between people's data and the network's: pixels, tokens, prompts, the markup of answers."""
