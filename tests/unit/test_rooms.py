"""The rooms of the package import in one direction, as pyproject.toml says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
MOST_ROOMS = 12


def lint(folder: Path) -> subprocess.CompletedProcess:
    """Check the contracts of a checkout, without its cache."""
    return subprocess.run(
        [*LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_rooms_import_downwards_only():
    run = lint(ROOT)
    assert run.returncode == 0 and "0 broken" in run.stdout, run.stdout + run.stderr


def test_an_import_upwards_is_found(tmp_path):
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for path in (ROOT / "groma_ros").rglob("*.py"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    boxes = tmp_path / "groma_ros" / "values" / "boxes.py"
    boxes.write_text(boxes.read_text() + "\n\nfrom groma_ros import predictor  # noqa\n")
    run = lint(tmp_path)
    assert run.returncode != 0 and "values.boxes" in run.stdout, run.stdout + run.stderr


def test_there_are_few_rooms():
    folders = {path.parent.name for path in (ROOT / "groma_ros").glob("*/__init__.py")}
    assert len(folders) <= MOST_ROOMS, sorted(folders)
