"""The colour of each role of a phrase: of boxes that have no id."""

ROLE_RGB = {
    "target": (46, 204, 64),
    "destination": (90, 165, 255),
    "relation": (255, 176, 32),
    "mention": (200, 96, 255),
}
"""Role of a phrase to (red, green, blue), 0 to 255."""
