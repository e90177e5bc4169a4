"""Time the model: its parts, how cost grows, as a robot uses it, and loading."""
