"""ROS 2 around the predictor: parameters, conversions, the model's thread and the node."""
