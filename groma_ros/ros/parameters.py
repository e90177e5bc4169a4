"""The settings as ROS parameters: declared with descriptors, refused with a reason."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import Field, fields, replace

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from groma_ros.ros.settings import START, UNCONFIGURED, Settings, allowed_text

NAMES = frozenset(one.name for one in fields(Settings))
RCLPY_NAMES = frozenset({"use_sim_time", "start_type_description_service"})
QOS_PREFIX = "qos_overrides."


def declare(node: Node) -> Settings:
    """Declare every setting as a parameter of `node` and return the values it starts with.

    `node` was made with `automatically_declare_parameters_from_overrides`, so that what was given
    at start is known; a given parameter that does not exist is warned of and declared no more.
    Raises ValueError, in one line, for a value that was given at start and is not allowed.
    """
    simulated = node.get_parameter("use_sim_time")
    if simulated.type_ != Parameter.Type.BOOL:  # rclpy would go on without simulated time
        raise ValueError(
            f"use_sim_time has to be true or false, not {type(simulated.value).__name__}: "
            f"{simulated.value!r}"
        )
    for name in node.get_parameters_by_prefix(""):
        if name in RCLPY_NAMES:
            continue
        node.undeclare_parameter(name)  # declared anew by its owner, with a descriptor
        if name not in NAMES and not name.startswith(QOS_PREFIX):
            node.get_logger().warning(unknown_text(name))
    try:
        return Settings(
            **{
                one.name: node.declare_parameter(one.name, default_of(one), descriptor(one)).value
                for one in fields(Settings)
            }
        )
    except ParameterException as error:
        raise ValueError(f"parameter refused: {error}") from error


def default_of(one: Field) -> object:
    """Return a setting's default as rclpy takes it: a list for a tuple."""
    return list(one.default) if type(one.default) is tuple else one.default


def unknown_text(name: str) -> str:
    """Say that there is no parameter of that name, and which one may be meant."""
    nearest = difflib.get_close_matches(name, sorted(NAMES | RCLPY_NAMES), n=2)
    hint = (
        f"is {' or '.join(nearest)} meant?" if nearest else f"there are {', '.join(sorted(NAMES))}"
    )
    return f"there is no parameter {name}, its value is not used; {hint}"


def descriptor(one: Field) -> ParameterDescriptor:
    """Describe a setting for `ros2 param describe` and for tools that draw sliders."""
    described = ParameterDescriptor(
        description=one.metadata["description"],
        additional_constraints=f"changes: {one.metadata['changes']}",
        read_only=one.metadata["changes"] == START,
        # A whole number is welcome where a decimal is wanted; Settings itself checks the type.
        dynamic_typing=type(one.default) is float,
    )
    low, high = one.metadata["low"], one.metadata["high"]
    if type(one.default) is float:
        described.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif low is not None:
        described.integer_range = [IntegerRange(from_value=low, to_value=high)]
    elif allowed_text(one):
        described.additional_constraints += f"; one of: {allowed_text(one)}"
    return described


def validate_changes(
    node: Node,
    current: Callable[[], Settings],
    is_configured: Callable[[], bool],
    apply: Callable[[Settings], None],
) -> None:
    """Check every later change; refuse it with a reason or hand the new settings to `apply`.

    node           owner of the parameters
    current        returns the settings in force
    is_configured  says whether the model is loaded, so that its parameters are fixed
    apply          takes the new settings after a change
    """

    def changed(parameters: list[Parameter]) -> Settings:
        return replace(current(), **{p.name: p.value for p in parameters if p.name in NAMES})

    def check(parameters: list[Parameter]) -> SetParametersResult:
        try:
            new = changed(parameters)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        for one in fields(Settings):
            fixed = one.metadata["changes"] == UNCONFIGURED and is_configured()
            if fixed and getattr(new, one.name) != getattr(current(), one.name):
                return SetParametersResult(
                    successful=False,
                    reason=(
                        f"{one.name} changes only while the node is unconfigured: "
                        "deactivate and clean up first"
                    ),
                )
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)
    node.add_post_set_parameters_callback(lambda parameters: apply(changed(parameters)))
