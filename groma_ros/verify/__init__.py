"""Evidence: is it Groma, how good is it, how fast is it?"""
