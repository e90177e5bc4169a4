"""The simulated robot as nodes: a simulator, and a planner that uses what `groma_ros` publishes."""
