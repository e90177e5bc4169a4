#!/bin/sh
# Record what the node saw and said, to play it back with `ros2 bag play --clock` and use_sim_time.
exec ros2 bag record --storage mcap --output "${1:-groma_bag}" \
    /image /camera_info /depth /command /tf /tf_static \
    /groma/detections /groma/detections_3d /groma/grounded_text /groma/target_pose /groma/status
