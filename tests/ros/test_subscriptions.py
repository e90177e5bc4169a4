"""A node that gets no image says so, and why."""

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import QoSProfile, ReliabilityPolicy
from robot_bench import eventually, header, picture
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from test_continuous_mode import tick

WARN = b"\x01"


def said(*words):
    return lambda log: log.name == "groma" and all(word in log.msg for word in words)


def test_nothing_publishes_images(make_bench):
    bench = make_bench(image_timeout_s=0.1, remap=["image:=/other/image"])
    bench.robot.hear("rosout", said("nothing publishes on /other/image: no image for "))
    status = bench.robot.hear("status", lambda s: s.level == WARN)
    assert status.message.startswith("nothing publishes on /other/image")


def reliability_asked_for(bench, topic):
    (subscription,) = bench.robot.node.get_subscriptions_info_by_topic(topic)
    return subscription.qos_profile.reliability


def test_where_no_image_comes_by_best_effort_it_is_asked_for_reliably(make_bench):
    """On default DDS settings large best-effort images get lost, all of them on a busy machine."""
    bench = make_bench(image_timeout_s=0.1, remap=["image:=/other/image"])
    assert reliability_asked_for(bench, "/other/image") == ReliabilityPolicy.BEST_EFFORT
    camera = bench.robot.node.create_publisher(Image, "/other/image", 1)
    try:
        bench.robot.hear(
            "rosout",
            said("no image on /other/image for ", "by best effort, now asked for reliably"),
        )
        bench.robot.hear(
            "status", lambda s: "though its publisher fits: does it send?" in s.message
        )
        assert reliability_asked_for(bench, "/other/image") == ReliabilityPolicy.RELIABLE
        bench.show(picture(), camera=camera)
    finally:
        bench.robot.node.destroy_publisher(camera)


def test_a_best_effort_publisher_that_fits_and_yet_no_image_comes(make_bench):
    bench = make_bench(image_timeout_s=0.1, remap=["image:=/other/image"])
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    camera = bench.robot.node.create_publisher(Image, "/other/image", best_effort)
    try:
        bench.robot.hear("rosout", said("though its publisher fits: large images get lost"))
        assert reliability_asked_for(bench, "/other/image") == ReliabilityPolicy.BEST_EFFORT
    finally:
        bench.robot.node.destroy_publisher(camera)


def test_a_publisher_of_another_type(make_bench):
    bench = make_bench(image_timeout_s=0.1, remap=["image:=/other/image"])
    camera = bench.robot.node.create_publisher(CompressedImage, "/other/image", 1)
    try:
        bench.robot.hear(
            "rosout",
            said(
                "no image on /other/image for ",
                "its publisher sends sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image",
            ),
        )
    finally:
        bench.robot.node.destroy_publisher(camera)


def test_images_that_stop_and_come_again(make_bench):
    bench = make_bench(image_timeout_s=60.0, use_sim_time=True)
    tick(bench, 100)
    bench.show(picture(), seconds=1)
    tick(bench, 161)
    bench.robot.hear("rosout", said("no image on /image for 61 s"))
    assert bench.robot.hear("status", lambda s: s.level == WARN)
    bench.show(picture(), seconds=2)
    assert bench.robot.hear("status", lambda s: s.level != WARN).message == "active"


def test_simulated_time_that_nobody_publishes(make_bench):
    bench = make_bench(use_sim_time=True)
    bench.robot.hear("rosout", said("use_sim_time is set, but nothing publishes /clock"))


def test_a_publisher_with_incompatible_qos(make_bench):
    override = {"qos_overrides./other/image.subscription.reliability": "reliable"}
    bench = make_bench(image_timeout_s=0.1, remap=["image:=/other/image"], **override)
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    camera = bench.robot.node.create_publisher(Image, "/other/image", best_effort)
    try:
        bench.robot.hear("rosout", said("topic 'image'", "incompatible QoS", "RELIABILITY"))
        status = bench.robot.hear("status", lambda s: "incompatible QoS" in s.message)
        assert "Best effort publisher and reliable subscription" in status.message
    finally:
        bench.robot.node.destroy_publisher(camera)


def calibration(focal_px, seconds):
    info = CameraInfo(header=header(seconds), width=64, height=48)
    info.k[0] = info.k[4] = focal_px
    info.k[2], info.k[5] = 32.0, 24.0
    return info


def test_markers_use_the_calibration_of_their_image_and_not_the_last_one(make_bench):
    """A camera may zoom while the model is at work on an older image."""
    bench = make_bench()
    publisher = bench.robot.node.create_publisher(CameraInfo, "/camera_info", 1)
    infos = bench.node._inputs._camera_infos
    try:
        eventually(publisher.get_subscription_count, "somebody who takes calibrations")
        for seconds, focal_px in ((1, 100.0), (2, 400.0)):
            info = calibration(focal_px, seconds)

            def came(info=info):
                publisher.publish(info)
                return infos and infos[-1] == info

            eventually(came, f"the calibration of {seconds} s")
    finally:
        bench.robot.node.destroy_publisher(publisher)
    bench.show(picture((42, 24, 52, 34)), seconds=1)
    bench.robot.say("the red cup")
    markers = bench.robot.hear("markers").markers
    corner = next(m for m in markers if m.ns == "boxes").points[0]
    assert (corner.x, corner.y) == (0.1, 0.0)


def test_one_line_for_many_malformed_images(make_bench):
    """A broken driver at 30 Hz must not fill the log."""
    bench = make_bench()
    for seconds in range(1, 6):
        bench.show(Image(header=header(seconds), encoding="rgb8"))
    bench.robot.hear("rosout", said("image refused: image of size 0x0 (width x height)"))
    bench.show(picture(), seconds=9)
    bench.robot.say("a lamp")
    bench.robot.hear("grounded_text")
    deactivate = Transition(id=Transition.TRANSITION_DEACTIVATE)
    assert bench.robot.call(ChangeState, ChangeState.Request(transition=deactivate)).success
    later = []
    bench.robot.hear("rosout", lambda log: later.append(log.msg) or log.msg == "inactive")
    assert not [line for line in later if line.startswith("image refused")]
