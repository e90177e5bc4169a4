"""Hold what grounding is about apart from the network: values, boxes, language, drawing."""
