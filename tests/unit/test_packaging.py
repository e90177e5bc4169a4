"""What is installed: versions, declared dependencies, and every file of the package."""

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

import groma_ros

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "groma_ros"

# Import name -> name in setup.py or package.xml, where the two differ.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}
ROSDEP_KEYS = {
    "cv2": "python3-opencv",
    "PIL": "python3-pil",
    "numpy": "python3-numpy",
    "yaml": "python3-yaml",
}


def requirements(name):
    """Read a list of requirements, `install_requires` or an extra, from setup.py: names alone."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    lists = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.List):
            lists[node.arg] = node.value
        elif isinstance(node, ast.Dict):
            keys = [getattr(key, "value", None) for key in node.keys]
            lists.update(zip(keys, node.values, strict=True))
    return {re.split(r"[<>=~!\[; ]", item)[0] for item in ast.literal_eval(lists[name])}


def manifest(path=ROOT / "package.xml"):
    return ElementTree.parse(path).getroot()


def third_party_imports(folder, top_level_only=False):
    """Collect the imported packages that are neither the standard library's nor this project's."""
    found = set()
    for path in folder if isinstance(folder, list) else sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in tree.body if top_level_only else ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"groma_ros"}


def core_files():
    ros_and_extras = {"ros", "sim", "train"}
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in ros_and_extras
    ]


def undeclared(imports, declared):
    return {name for name in imports if DISTRIBUTIONS.get(name, name) not in declared}


def test_versions_agree():
    assert manifest().findtext("version") == groma_ros.__version__


def test_manifests_name_a_maintainer_and_the_license():
    for path in (ROOT / "package.xml", *(ROOT / "tools").glob("*_msgs/package.xml")):
        root = manifest(path)
        assert re.fullmatch(r"[^@ ]+@[^@ ]+\.[a-z]+", root.find("maintainer").get("email"))
        assert root.findtext("license") == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_core_imports_are_declared():
    required = requirements("install_requires")
    assert undeclared(third_party_imports(core_files(), top_level_only=True), required) == set()
    # Only a video needs OpenCV, and one backend OpenVINO; where they are absent that is said.
    assert undeclared(third_party_imports(core_files()), required) == {"cv2", "openvino"}


@pytest.mark.parametrize("folder", ["sim", "train"])
def test_imports_of_the_training_extra_are_declared(folder):
    declared = requirements("install_requires") | requirements("train")
    assert undeclared(third_party_imports(PACKAGE / folder), declared) == set()


def test_imports_of_the_node_are_declared():
    declared = {element.text for element in manifest() if element.tag.endswith("depend")}
    python = requirements("install_requires") - set(ROSDEP_KEYS)
    sources = [
        path
        for folder in ("groma_ros/ros", "launch", "scripts")
        for path in sorted((ROOT / folder).rglob("*"))
        if is_python(path)
    ]
    imports = third_party_imports(sources)
    missing = {
        name
        for name in imports
        if ROSDEP_KEYS.get(name, name) not in declared and name not in python
    }
    assert (
        missing - {"tf2_ros", "cv_bridge", "foxglove_msgs"} == set()
    )  # optional: used where they are installed


def is_python(path):
    if not path.is_file():
        return False
    return path.suffix == ".py" or (path.suffix == "" and path.read_bytes()[:2] == b"#!")


def test_no_python_package_is_named_like_an_interface_folder():
    names = {path.name for path in PACKAGE.rglob("*") if path.is_dir()}
    assert not names & {"msg", "srv", "action"}


def test_a_wheel_holds_every_file_of_the_package(tmp_path):
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "groma_ros", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-c", "import setuptools.build_meta as b; b.build_wheel('dist')"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("groma_ros/")}
        entry_points = archive.read(f"groma_ros-{groma_ros.__version__}.dist-info/entry_points.txt")
    expected = {
        str(path.relative_to(tmp_path))
        for path in (tmp_path / "groma_ros").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == expected
    assert b"groma = groma_ros.cli:main" in entry_points


def test_answering_needs_no_transformers_and_the_tests_take_any_from_4_45_on():
    """A robot has other packages that want transformers of their own version."""
    assert "transformers" not in requirements("install_requires")
    setup = (ROOT / "setup.py").read_text()
    assert set(re.findall('"(transformers[^"]*)"', setup)) == {"transformers>=4.45"}
    assert "transformers" in requirements("test")
    assert "transformers" not in third_party_imports(core_files())


def test_a_workspace_that_is_built_with_the_wheels_can_be_sourced_in_bash():
    """`. install/setup.bash`, as the README says; colcon alone writes setup.sh only."""
    assert "colcon-bash" in (ROOT / "tools/requirements/build.txt").read_text()
