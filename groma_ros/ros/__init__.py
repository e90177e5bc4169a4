"""ROS 2 around the predictor: parameters, conversions, the worker thread and the node."""
