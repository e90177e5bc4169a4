"""A camera for demonstrations: publishes pictures from disk as a real one would."""

from __future__ import annotations

import sys

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from groma_ros.pictures import Pictures, open_pictures
from groma_ros.ros import messages
from groma_ros.ros.arguments import ArgumentParser
from groma_ros.ros.process import ros_context, spin
from groma_ros.values.pinhole import Pinhole


class Camera(Node):
    """Publish `image`, `camera_info` and, where the pictures have it, `depth`, in ROS time."""

    def __init__(self, pictures: Pictures, rate_hz: float, frame_id: str) -> None:
        """Start publishing; `rate_hz` 0 takes the pictures' own rate."""
        super().__init__("camera")
        self._pictures = pictures
        self._frame_id = frame_id
        # Reliable, so that subscribers of either kind are served.
        self._image = self.create_publisher(Image, "image", 1)
        self._info = self.create_publisher(CameraInfo, "camera_info", 1)
        self._depth = self.create_publisher(Image, "depth", 1) if pictures.depths else None
        self.create_timer(1.0 / (rate_hz or pictures.rate_hz), self._publish)

    def _publish(self) -> None:
        rgb = next(self._pictures.frames)
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self._frame_id)
        self._info.publish(camera_info(header, rgb.shape[:2], self._pictures.pinhole))
        if self._depth is not None:
            self._depth.publish(messages.image_16uc1(next(self._pictures.depths), header))
        self._image.publish(messages.image(rgb, header))


def camera_info(header: Header, size_hw: tuple[int, int], pinhole: Pinhole | None) -> CameraInfo:
    """Return the calibration of an undistorted camera; a field of view of 53 degrees if unknown."""
    height, width = size_hw
    pinhole = pinhole or Pinhole.assumed(size_hw)
    return CameraInfo(
        header=header,
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[pinhole.fx, 0.0, pinhole.cx, 0.0, pinhole.fy, pinhole.cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[pinhole.fx, 0.0, pinhole.cx, 0.0, 0.0, pinhole.fy, pinhole.cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def main(args: list[str] | None = None) -> int:
    """Publish until interrupted; return the exit status."""
    parser = ArgumentParser("groma_camera", __doc__)
    parser.add_argument(
        "source",
        nargs="?",
        default="",
        help="a picture, a folder of pictures, or a video (default: the shipped tabletop sequence)",
    )
    parser.add_argument("--rate", type=float, default=0.0, help="pictures a second")
    parser.add_argument("--frame-id", default="camera_optical_frame")
    options = parser.parse(args)
    try:
        pictures = open_pictures(options.source)
    except ValueError as error:
        print(f"groma_camera: {error}", file=sys.stderr)
        return 2
    with ros_context(args, parser) as stopping:
        spin(Camera(pictures, options.rate, options.frame_id), stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
