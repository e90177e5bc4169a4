"""The tabletop world: procedural objects, pictures with exact boxes, and the stored data set."""
