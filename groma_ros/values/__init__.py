"""Values that travel between rooms: frozen, plain numpy, no import of another room."""
