"""The vision_msgs that is in use has upstream's types, so other nodes understand it."""

import json
from pathlib import Path

import pytest
from ament_index_python import get_package_share_directory

UPSTREAM_HASHES = json.loads(
    (Path(__file__).parent / "data/vision_msgs_type_hashes.json").read_text()
)


def installed_hashes():
    """Read the RIHS01 hashes that the build wrote next to each message of vision_msgs."""
    share = Path(get_package_share_directory("vision_msgs"))
    hashes = {}
    for path in share.glob("msg/*.json"):
        for entry in json.loads(path.read_text())["type_hashes"]:
            hashes[entry["type_name"]] = entry["hash_string"]
    return hashes


@pytest.mark.parametrize("type_name", sorted(UPSTREAM_HASHES))
def test_type_hash_equals_upstream(type_name):
    assert installed_hashes()[type_name] == UPSTREAM_HASHES[type_name]
