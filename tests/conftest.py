"""Give each test run a DDS domain of its own."""

import os
import socket

FIRST_RESERVATION_PORT = 21500
DOMAINS = range(1, 101)  # 101 is the last domain whose ports stay below Linux' ephemeral ones


def reserve_domain():
    """Find a DDS domain that no other test run on this machine uses; hold it until exit.

    A bound TCP port stands for the domain, so the reservation ends with the process, however it ends.
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
