"""Grounded commands for robots: the Groma model, a predictor and a ROS 2 node."""

__version__ = "0.1.0"
