"""Give each test run a DDS domain of its own, and say so when the ROS tests can't run."""

import importlib.util
import os
import socket

FIRST_RESERVATION_PORT = 21500
DOMAINS = range(1, 101)  # 101 is the last domain whose ports stay below Linux' ephemeral ones


def reserve_domain():
    """Find a DDS domain that no other test run on this machine uses; hold it until exit.

    A bound TCP port stands for the domain, so the reservation ends with the process in any case.
    """
    for offset in range(len(DOMAINS)):
        domain = DOMAINS[(os.getpid() + offset) % len(DOMAINS)]
        reservation = socket.socket()
        try:
            reservation.bind(("127.0.0.1", FIRST_RESERVATION_PORT + domain))
        except OSError:
            reservation.close()
            continue
        return domain, reservation
    raise RuntimeError(f"all {len(DOMAINS)} DDS domains are taken by other test runs")


domain_id, _reservation = reserve_domain()
os.environ["ROS_DOMAIN_ID"] = str(domain_id)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.pop("ROS_STATIC_PEERS", None)

WITHOUT_ROS = importlib.util.find_spec("rclpy") is None
collect_ignore = ["ros"] if WITHOUT_ROS else []


def pytest_terminal_summary(terminalreporter):
    """Tell what was left out: a run without ROS must not look like a whole one."""
    if WITHOUT_ROS:
        terminalreporter.write_line(
            "NOT RUN: tests/ros, because rclpy is not on the path (use `make test`)", yellow=True
        )
