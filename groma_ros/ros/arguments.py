"""The command lines of the executables: what they explain and what they refuse."""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import fields
from typing import NoReturn

from rclpy.utilities import remove_ros_args

from groma_ros.ros.settings import Settings, default_text


class ArgumentParser(argparse.ArgumentParser):
    """Refuse wrong arguments in one line, with exit status 2."""

    def __init__(self, prog: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"{epilog}ROS arguments come last, after --ros-args, as for every ROS node.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and end with exit status 2."""
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help explains\n")

    def parse(self, args: list[str] | None) -> argparse.Namespace:
        """Read a command line that begins with the program's name (None: that of the process).

        ROS arguments are left to rclpy.
        """
        try:
            own = remove_ros_args(args if args is not None else sys.argv)[1:]
        except RuntimeError as error:
            self.error_in_ros_arguments(error)
        return self.parse_args(own)

    def error_in_ros_arguments(self, error: RuntimeError) -> NoReturn:
        """Print what rclpy says of ROS arguments and end with exit status 2."""
        self.error(f"wrong ROS arguments: {error}")


def node_parser() -> ArgumentParser:
    """Return the parser of `groma_node`: it has no arguments of its own, and explains ROS's."""
    return ArgumentParser(
        "groma_node",
        "Answer commands about what a camera sees.\n\n"
        "  groma_node --ros-args -p model:=nano -r image:=/camera/color/image_raw\n"
        "  groma_node --ros-args --params-file config/groma.yaml\n\n"
        "inputs (-r NAME:=TOPIC): image or image/compressed, camera_info, command\n"
        "outputs: groma/detections, groma/grounded_text, groma/text, groma/annotated_image,\n"
        "         groma/markers, groma/status",
        f"parameters (-p NAME:=VALUE) and their defaults:\n{_parameters()}\n\n",
    )


def _parameters() -> str:
    """Return a paragraph for each parameter."""
    return "\n".join(
        f"  {one.name}:={default_text(one)}\n"
        + textwrap.fill(
            one.metadata["description"], 92, initial_indent="      ", subsequent_indent="      "
        )
        for one in fields(Settings)
    )
