"""What docs/ARCHITECTURE.md says of the code is so."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "ARCHITECTURE.md"


def test_the_tree_names_every_module_and_its_purpose():
    path = ROOT / "tools" / "architecture_tree.py"
    spec = importlib.util.spec_from_file_location("architecture_tree", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.MARKED.search(DOCUMENT.read_text())
    assert found and found[0] == module.tree(), "run: python tools/architecture_tree.py --write"


def test_every_file_that_the_text_names_exists():
    text = DOCUMENT.read_text().partition("<!-- tree -->")[0]
    named = set(re.findall(r"`((?:\w+/)*\w+\.(?:py|md|yaml|toml|json|srv|msg))`", text))
    assert len(named) > 20
    places = [ROOT, ROOT / "groma_ros"]
    missing = [name for name in sorted(named) if not any((p / name).is_file() for p in places)]
    assert missing == []
