"""A robot at a table: the Fetch of gymnasium-robotics with the rendered world's things."""
