"""`groma bench --ros` measures both chains; how long they take is no test's business."""

import json
import subprocess
import sys

from robot_bench import PATIENCE_S

CLI = "import sys; from groma_ros.cli import main; sys.exit(main())"
BENCH = [sys.executable, "-P", "-c", CLI, "bench", "--ros"]


def run(*arguments):
    return subprocess.run(
        [*BENCH, *arguments], capture_output=True, text=True, timeout=5 * PATIENCE_S, check=False
    )


def test_both_chains_are_measured_at_both_sizes():
    done = run("--frames", "3", "--json")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for size in ("640x480", "1280x720"):
        assert f"  {size} rgb8, 3 frames each, in turns" in done.stdout
    for row in ("bare rclpy echo", "groma_ros, free model", "ratio (goal: at most 1.25)"):
        assert sum(line.strip().startswith(row) for line in lines) == 2
    report = json.loads(lines[-1])
    for rows in report["ms"].values():
        for name in ("median", "p95"):
            assert 0 < rows["echo"][name] and 0 < rows["node"][name]


def test_a_model_is_refused_because_none_is_run():
    done = run("--model", "nano")
    assert done.returncode == 2
    assert "--ros runs no model" in done.stderr
