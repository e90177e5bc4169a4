"""Parameters are what the settings say: declared, described, live where they may be, refused with a
reason where not."""

from dataclasses import fields

import pytest
import rclpy
from rcl_interfaces.srv import DescribeParameters, SetParameters
from robot_bench import ALWAYS_GIVEN, picture

from groma_ros.ros.parameters import default_of
from groma_ros.ros.settings import Settings


def set_parameter(bench, name, value):
    parameter = rclpy.Parameter(name, value=value).to_parameter_msg()
    request = SetParameters.Request(parameters=[parameter])
    (result,) = bench.robot.call(SetParameters, request).results
    return result.successful, result.reason


def test_every_setting_is_a_described_parameter(bench):
    names = [one.name for one in fields(Settings)]
    request = DescribeParameters.Request(names=names)
    described = bench.robot.call(DescribeParameters, request).descriptors
    for one, descriptor in zip(fields(Settings), described, strict=True):
        assert descriptor.description == one.metadata["description"]
        if one.name not in ALWAYS_GIVEN:
            assert bench.node.get_parameter(one.name).value == default_of(one)
        assert one.metadata["changes"] in descriptor.additional_constraints
    rate = described[names.index("rate_hz")].floating_point_range[0]
    assert (rate.from_value, rate.to_value) == (0.01, 100.0)


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("mode", "always", "mode has to be one of command, continuous, not 'always'"),
        ("rate_hz", 0.0, "rate_hz"),
        ("rate_hz", "fast", "rate_hz has to be float, not str: 'fast'"),
        ("max_new_tokens", 0, "max_new_tokens"),
        ("model", "other", "changes only while the node is unconfigured"),
        ("autostart", False, "read-only parameter: autostart"),
    ],
)
def test_a_refused_value_says_why_and_changes_nothing(bench, name, value, words):
    before = bench.node.settings
    successful, reason = set_parameter(bench, name, value)
    assert not successful
    assert words in reason
    assert bench.node.settings == before


def test_the_model_may_change_while_unconfigured(make_bench):
    bench = make_bench(activate=False)
    assert set_parameter(bench, "model", "/some/folder") == (True, "")
    assert bench.node.settings.model == "/some/folder"


def test_a_changed_parameter_is_in_force_at_once(bench):
    assert set_parameter(bench, "command_timeout_s", 0) == (True, "")
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "NO_IMAGE"
    assert set_parameter(bench, "max_new_tokens", 7) == (True, "")
    bench.show(picture((10, 8, 30, 24)))
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "GROUNDED"
    assert bench.predictor.options["max_new_tokens"] == 7
