"""The settings as ROS parameters: declared with descriptors, refused with a reason."""

from __future__ import annotations

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

from groma_ros.ros.settings import START, UNCONFIGURED, Settings, limits

NAMES = frozenset(one.name for one in fields(Settings))


def declare(node: Node) -> Settings:
    """Declare every setting as a parameter of `node` and return the values it starts with.

    Raises ValueError, in one line, for a value that was given at start and is not allowed.
    """
    try:
        return Settings(
            **{
                one.name: node.declare_parameter(one.name, one.default, descriptor(one)).value
                for one in fields(Settings)
            }
        )
    except ParameterException as error:
        raise ValueError(f"parameter refused: {error}") from error


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
    elif limits(one):
        described.additional_constraints += f"; one of: {limits(one)}"
    return described


def keep(
    node: Node,
    current: Callable[[], Settings],
    configured: Callable[[], bool],
    apply: Callable[[Settings], None],
) -> None:
    """Check every later change, refuse it with a reason, or hand the new settings to `apply`."""

    def changed(parameters: list[Parameter]) -> Settings:
        return replace(current(), **{p.name: p.value for p in parameters if p.name in NAMES})

    def check(parameters: list[Parameter]) -> SetParametersResult:
        try:
            new = changed(parameters)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        for one in fields(Settings):
            fixed = one.metadata["changes"] == UNCONFIGURED and configured()
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
