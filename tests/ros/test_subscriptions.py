"""A node that gets no image says so, and why."""

from array import array
from types import SimpleNamespace

import cv2
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from robot_bench import eventually, header, picture
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from test_continuous_mode import tick

from groma_ros.ros import messages

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


def lose_images(bench, count):
    """Let the middleware say that images were lost."""
    bench.node._inputs[""].on_message_lost(SimpleNamespace(total_count_change=count))


def test_images_that_get_lost_are_asked_for_reliably_until_somebody_sends_by_best_effort(
    make_bench,
):
    """On default DDS settings large best-effort images get lost, all of them on a busy machine."""
    bench = make_bench(image_timeout_s=0.1, remap=["image:=/other/image"])
    camera = bench.robot.node.create_publisher(Image, "/other/image", 1)
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    try:
        lose_images(bench, 7)
        bench.robot.hear(
            "rosout",
            said("no image on /other/image for ", "7 were lost by best effort: now asked for"),
        )
        asked = lambda: reliability_asked_for(bench, "/other/image")
        eventually(lambda: asked() == ReliabilityPolicy.RELIABLE, "a reliable subscription")
        bench.show(picture(), camera=camera)
        other = bench.robot.node.create_publisher(Image, "/other/image", best_effort)
        eventually(lambda: asked() == ReliabilityPolicy.BEST_EFFORT, "best effort again")
        bench.robot.node.destroy_publisher(other)
    finally:
        bench.robot.node.destroy_publisher(camera)


def test_a_driver_that_is_silent_changes_nothing(make_bench):
    bench = make_bench(image_timeout_s=0.1, remap=["image:=/other/image"])
    camera = bench.robot.node.create_publisher(Image, "/other/image", 1)
    try:
        bench.robot.hear(
            "status", lambda s: "though its publisher fits: does it send?" in s.message
        )
        assert reliability_asked_for(bench, "/other/image") == ReliabilityPolicy.BEST_EFFORT
    finally:
        bench.robot.node.destroy_publisher(camera)


def test_a_best_effort_publisher_whose_images_get_lost(make_bench):
    bench = make_bench(image_timeout_s=0.1, remap=["image:=/other/image"])
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    camera = bench.robot.node.create_publisher(Image, "/other/image", best_effort)
    try:
        lose_images(bench, 3)
        bench.robot.hear("rosout", said("though its publisher fits: 3 were lost; large images"))
        assert reliability_asked_for(bench, "/other/image") == ReliabilityPolicy.BEST_EFFORT
    finally:
        bench.robot.node.destroy_publisher(camera)


def test_images_of_an_encoding_that_is_not_read_are_diagnosed_as_refused(make_bench):
    """The camera sends, the network is well: no change of QoS helps, another encoding does."""
    bench = make_bench(image_timeout_s=0.1, command_timeout_s=0.1)
    for seconds in (1, 2):
        odd = messages.image(picture(), header(seconds))
        odd.encoding = "yuv999"
        bench.show(odd)
    status = bench.robot.hear("status", lambda s: "images refused" in s.message)
    assert status.message.startswith("2 images refused: image encoding 'yuv999' is none of rgb8")
    assert status.level == WARN
    bench.robot.say("the red cup")
    answer = bench.robot.hear("grounded_text")
    assert answer.status == "NO_IMAGE"
    assert answer.reason.startswith("2 images refused: image encoding 'yuv999'")
    assert reliability_asked_for(bench, "/image") == ReliabilityPolicy.BEST_EFFORT


def test_a_broken_picture_among_good_ones_is_counted_and_the_last_good_one_kept(make_bench):
    bench = make_bench(image_transport="compressed")
    camera = bench.robot.node.create_publisher(CompressedImage, "/image/compressed", 1)
    data = cv2.imencode(".png", picture((10, 10, 30, 30))[:, :, ::-1])[1].tobytes()
    try:
        for seconds, sent in ((1, data), (2, data[: len(data) // 2])):
            shown = CompressedImage(header=header(seconds), format="rgb8; png compressed bgr8")
            shown.data = array("B", sent)
            bench.show(shown, camera=camera)
        bench.robot.say("the red cup")
        answer = bench.robot.hear("grounded_text")
        assert (answer.status, answer.header.stamp.sec) == ("GROUNDED", 1)
        status = bench.robot.hear("status", lambda s: values_of(s)["images_refused"] == "1")
        assert values_of(status)["frames_received"] == "1"
    finally:
        bench.robot.node.destroy_publisher(camera)


def values_of(status):
    return {value.key: value.value for value in status.values}


def test_an_old_picture_is_not_answered_on(make_bench):
    """A camera that stopped ten seconds ago must not move an arm."""
    bench = make_bench(
        use_sim_time=True, max_image_age_s=1.0, command_timeout_s=0.2, image_timeout_s=60.0
    )
    tick(bench, 100)
    bench.show(picture((10, 10, 30, 30)), seconds=100)
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "GROUNDED"
    tick(bench, 110)
    bench.robot.say("the red cup")
    late = bench.robot.hear("grounded_text", lambda answer: answer.status == "NO_IMAGE")
    assert late.reason == "the newest image is 10.0 s old, more than max_image_age_s 1"


def test_a_command_waits_for_a_newer_picture_than_an_old_one(make_bench):
    bench = make_bench(use_sim_time=True, max_image_age_s=1.0, image_timeout_s=60.0)
    tick(bench, 100)
    bench.show(picture(), seconds=90)
    bench.robot.say("the red cup")
    bench.show(picture((10, 10, 30, 30)), seconds=100)
    answer = bench.robot.hear("grounded_text")
    assert (answer.status, answer.header.stamp.sec) == ("GROUNDED", 100)


def test_a_still_picture_that_was_published_before_can_be_asked_for(make_bench):
    latched = QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
    override = "qos_overrides./still/image.subscription."
    bench = make_bench(
        activate=False,
        remap=["image:=/still/image"],
        **{f"{override}durability": "transient_local", f"{override}reliability": "reliable"},
    )
    camera = bench.robot.node.create_publisher(Image, "/still/image", latched)
    try:
        camera.publish(messages.image(picture((10, 10, 30, 30)), header(5)))
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            asked = ChangeState.Request(transition=Transition(id=transition))
            assert bench.robot.call(ChangeState, asked).success
        eventually(lambda: bench.robot.node.count_subscribers("/command"), "who takes commands")
        bench.robot.say("the red cup")
        answer = bench.robot.hear("grounded_text")
        assert (answer.status, answer.header.stamp.sec) == ("GROUNDED", 5)
    finally:
        bench.robot.node.destroy_publisher(camera)


@pytest.mark.parametrize(
    ("remap", "topic"),
    [
        ([], "/image/compressed"),
        (["image:=/cam/x"], "/cam/x/compressed"),
        (["image:=/cam/x", "image/compressed:=/own/jpeg"], "/own/jpeg"),
    ],
)
def test_compressed_images_lie_beside_the_remapped_ones(make_bench, remap, topic):
    bench = make_bench(image_transport="compressed", remap=remap)
    assert bench.node._inputs[""]._image.topic_name == topic


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
    infos = bench.node._inputs[""]._camera_infos
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
