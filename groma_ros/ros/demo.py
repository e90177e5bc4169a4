"""`make demo`: a camera, the node and a client, three processes that speak over DDS.

COMMAND and IMAGE in the environment choose what is asked about which picture, folder or video.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

SHUTDOWN_TIMEOUT_S = 30.0
# A busy machine loses every large image that is sent by best effort.
RELIABLE = [
    f"qos_overrides./{topic}.subscription.reliability:=reliable" for topic in ("image", "depth")
]


def start(module: str, *arguments: str) -> subprocess.Popen:
    """Start a module of this package as a process of its own."""
    # -P: a checkout in the working directory would hide the installed package and its messages.
    return subprocess.Popen([sys.executable, "-P", "-m", f"groma_ros.ros.{module}", *arguments])


def wait_for_client(client: subprocess.Popen, others: dict[str, subprocess.Popen]) -> str:
    """Wait for the client's end; return what went wrong, or nothing."""
    while client.poll() is None:
        for name, process in others.items():
            if process.poll() is not None:
                return f"the {name} ended early with exit status {process.returncode}"
        time.sleep(0.1)
    return f"no answer: the client ended with exit status {client.returncode}" * bool(
        client.returncode
    )


def stop(name: str, process: subprocess.Popen) -> str:
    """Ask a process to end; return what went wrong, or nothing.

    SIGTERM, as SIGINT would make one that is still importing print a traceback.
    """
    if process.poll() is None:
        process.terminate()
    try:
        status = process.wait(SHUTDOWN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"the {name} did not end when asked to"
    return f"the {name} ended with exit status {status}" * bool(status)


def main() -> int:
    """Run the three processes; return 0 if an answer came and all of them ended well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", default=os.environ.get("COMMAND") or "pick up the red cup")
    parser.add_argument("--image", default=os.environ.get("IMAGE", ""))
    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", default="out/demo.png")
    parser.add_argument("--timeout", default="300", help="seconds")
    options = parser.parse_args()
    # Nobody else's robot is to hear the demo, nor the demo any other.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    print(
        f"demo: camera, node and client on ROS_DOMAIN_ID={os.environ['ROS_DOMAIN_ID']}", flush=True
    )
    camera = start("camera", options.image)
    settings = [f"model:={options.model}", *RELIABLE]
    node = start("node", "--ros-args", *(word for one in settings for word in ("-p", one)))
    client = start(
        "ask", "--save", options.out, "--timeout", options.timeout, "--", options.command
    )
    servers = {"node": node, "camera": camera}
    try:
        problems = [wait_for_client(client, servers)]
    except KeyboardInterrupt:
        problems = ["interrupted"]
    problems += [stop(name, process) for name, process in {"client": client, **servers}.items()]
    problem = next(filter(None, problems), "")
    if problem:
        print(f"demo stopped: {problem}", file=sys.stderr)
    return int(bool(problem))


if __name__ == "__main__":
    sys.exit(main())
