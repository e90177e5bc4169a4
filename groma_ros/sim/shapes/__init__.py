"""Meshes of everything that lies on the rendered tables, made from random numbers."""
