"""Compare the model with what the official code computes, stage by stage."""
