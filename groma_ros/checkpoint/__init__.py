"""Folders of weights: find, check, read, write and convert them."""
