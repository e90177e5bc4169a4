"""Start the node, and RViz where wanted.

ros2 launch groma_ros groma.launch.py image_topic:=/camera/color/image_raw
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

SHARE = Path(get_package_share_directory("groma_ros"))
FROM_FILE = "(empty: as in params_file)"
OUTPUTS = ("annotated_image", "detections", "detections_3d", "grounded_text", "markers", "masks")
OUTPUTS += ("status", "target_pose", "text")
FROM_FILE_UNLESS_GIVEN = ("model", "device", "dtype", "mode", "image_transport")
FROM_FILE_UNLESS_GIVEN += ("depth_transport", "target_frame")

ARGUMENTS = [
    DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node"),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", description="Take the time from /clock"
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=str(SHARE / "config" / "groma.yaml"),
        description="File of parameters",
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        description="Configure and activate at start; false where a lifecycle manager does that",
    ),
    DeclareLaunchArgument("log_level", default_value="info", description="Level of the log"),
    DeclareLaunchArgument(
        "model", default_value="", description=f"nano, a folder or a hub id {FROM_FILE}"
    ),
    DeclareLaunchArgument(
        "device", default_value="", description=f"auto, cpu, cuda or cuda:N {FROM_FILE}"
    ),
    DeclareLaunchArgument(
        "dtype",
        default_value="",
        description=f"auto, float32, bfloat16 or float16 {FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "mode", default_value="", description=f"command or continuous {FROM_FILE}"
    ),
    DeclareLaunchArgument("image_topic", default_value="image", description="Images to look at"),
    DeclareLaunchArgument(
        "image_transport",
        default_value="",
        description=f"raw, compressed for image_topic/compressed, or auto {FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "depth_topic", default_value="depth", description="Depth, registered to the images"
    ),
    DeclareLaunchArgument(
        "depth_transport",
        default_value="",
        description=f"raw, or compressedDepth for depth_topic/compressedDepth {FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "target_frame",
        default_value="",
        description=f"Frame of places, such as base_link {FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "camera_info_topic", default_value="camera_info", description="Calibration of the camera"
    ),
    DeclareLaunchArgument(
        "command_topic", default_value="command", description="Commands (std_msgs/String)"
    ),
    DeclareLaunchArgument("rviz", default_value="false", description="Start RViz"),
    DeclareLaunchArgument(
        "rviz_config",
        default_value=str(SHARE / "rviz" / "groma.rviz"),
        description="Configuration of RViz",
    ),
]


def start_node(context):
    """Return the node; an argument that was left empty leaves its parameter to the file."""
    given = {
        name: ParameterValue(value, value_type=str)
        for name in FROM_FILE_UNLESS_GIVEN
        if (value := LaunchConfiguration(name).perform(context))
    }
    image_topic = LaunchConfiguration("image_topic").perform(context)
    depth_topic = LaunchConfiguration("depth_topic").perform(context)
    return [
        Node(
            package="groma_ros",
            executable="groma_node",
            name="groma",
            namespace=LaunchConfiguration("namespace"),
            output="screen",
            parameters=[
                LaunchConfiguration("params_file"),
                {
                    "use_sim_time": ParameterValue(
                        LaunchConfiguration("use_sim_time"), value_type=bool
                    ),
                    "autostart": ParameterValue(LaunchConfiguration("autostart"), value_type=bool),
                    **given,
                },
            ],
            remappings=[
                ("image", image_topic),
                ("image/compressed", f"{image_topic}/compressed"),
                ("depth", depth_topic),
                ("depth/compressedDepth", f"{depth_topic}/compressedDepth"),
                ("camera_info", LaunchConfiguration("camera_info_topic")),
                ("command", LaunchConfiguration("command_topic")),
            ],
            ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        )
    ]


def generate_launch_description():
    """Declare the arguments and start what they ask for."""
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        namespace=LaunchConfiguration("namespace"),
        arguments=["-d", LaunchConfiguration("rviz_config")],
        parameters=[
            {"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}
        ],
        # The configuration names the topics of a node without a namespace.
        remappings=[
            *((f"/groma/{name}", f"groma/{name}") for name in OUTPUTS),
            ("/image", LaunchConfiguration("image_topic")),
            ("/camera_info", LaunchConfiguration("camera_info_topic")),
        ],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start_node), rviz])
