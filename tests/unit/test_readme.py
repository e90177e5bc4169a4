"""What the README says of the code is so."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_tree_names_every_module_and_its_purpose():
    spec = importlib.util.spec_from_file_location("readme_tree", ROOT / "tools/readme_tree.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.MARKED.search((ROOT / "README.md").read_text())
    assert found and found[0] == module.tree(), "run: python tools/readme_tree.py --write"
