"""English in, English out: commands to phrases, answers to sentences. No model."""
