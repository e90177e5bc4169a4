"""The message packages that are in use have upstream's types, so other nodes understand them."""

import json
from pathlib import Path

import pytest
from ament_index_python import get_package_share_directory

DATA = Path(__file__).parent / "data"
PACKAGES = ("vision_msgs", "foxglove_msgs")
UPSTREAM_HASHES = {
    type_name: digest
    for package in PACKAGES
    for type_name, digest in json.loads((DATA / f"{package}_type_hashes.json").read_text()).items()
}


def installed_hashes(package):
    """Read the RIHS01 hashes that the build wrote next to each message of a package."""
    share = Path(get_package_share_directory(package))
    hashes = {}
    for path in share.glob("msg/*.json"):
        for entry in json.loads(path.read_text())["type_hashes"]:
            hashes[entry["type_name"]] = entry["hash_string"]
    return hashes


@pytest.mark.parametrize("type_name", sorted(UPSTREAM_HASHES))
def test_type_hash_equals_upstream(type_name):
    package = type_name.split("/")[0]
    assert installed_hashes(package)[type_name] == UPSTREAM_HASHES[type_name]
