"""Measure whether this is Groma, how good it is and how fast."""
