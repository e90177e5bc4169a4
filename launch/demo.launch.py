"""Show the node at work on pictures from disk; `rviz:=true` shows it in RViz.

ros2 launch groma_ros demo.launch.py command:="find all the cans" source:=photo.jpg
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

LAUNCH = Path(get_package_share_directory("groma_ros")) / "launch"


def generate_launch_description():
    """Start a camera that shows pictures, the node in continuous mode, and give it a command."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "source",
                default_value="",
                description="A picture, a folder of pictures or a video (empty: a tabletop scene)",
            ),
            DeclareLaunchArgument(
                "command", default_value="pick up the red cup", description="What to ask for"
            ),
            DeclareLaunchArgument(
                "mode",
                default_value="continuous",
                description="command: answer once; continuous: go on with the command",
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(LAUNCH / "groma.launch.py"))
            ),
            Node(
                package="groma_ros",
                executable="groma_camera",
                namespace=LaunchConfiguration("namespace"),
                arguments=[LaunchConfiguration("source")],
                remappings=[
                    ("image", LaunchConfiguration("image_topic")),
                    ("camera_info", LaunchConfiguration("camera_info_topic")),
                ],
                output="screen",
            ),
            Node(
                package="groma_ros",
                executable="groma_ask",
                namespace=LaunchConfiguration("namespace"),
                # Loading 7B weights may take minutes, and is waited for.
                arguments=["--timeout", "900", "--", LaunchConfiguration("command")],
                remappings=[("command", LaunchConfiguration("command_topic"))],
                output="screen",
            ),
        ]
    )
