"""The settings, and the two texts that are generated from them."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from groma_ros.ros.settings import ALWAYS, START, UNCONFIGURED, Settings, markdown_table, yaml_text

ROOT = Path(__file__).parents[2]


def test_defaults_are_valid():
    assert Settings().model == "nano"


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("rate_hz", 0.0, "between 0.01 and 100.0, not 0.0"),
        ("rate_hz", float("nan"), "between 0.01 and 100.0"),
        ("rate_hz", "fast", "float, not str"),
        ("rate_hz", True, "float, not bool"),
        ("rate_hz", None, "float, not NoneType"),
        ("threads", -1, "between 0 and 256, not -1"),
        ("threads", 1.5, "int, not float"),
        ("mode", "always", "one of command, continuous, not 'always'"),
        ("device", "gpu", "auto .*, cpu, cuda or cuda:N"),
        ("device", "cuda:x", "cuda:N"),
        ("model", "  ", "nano"),
        ("autostart", 1, "bool, not int"),
    ],
)
def test_a_refused_value_says_which_and_why(name, value, words):
    with pytest.raises(ValueError, match=f"^{name} .*{words}"):
        replace(Settings(), **{name: value})


def test_a_whole_number_serves_where_a_decimal_is_wanted():
    rate_hz = Settings(rate_hz=5).rate_hz
    assert (rate_hz, type(rate_hz)) == (5.0, float)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_devices(device):
    assert Settings(device=device).device == device


def test_every_setting_is_described_and_says_when_it_changes():
    for one in fields(Settings):
        assert one.metadata["description"].endswith("."), one.name
        assert one.metadata["changes"] in (ALWAYS, UNCONFIGURED, START)


def test_every_setting_is_used():
    """A parameter that is declared and never read would promise what the node does not do."""
    code = "".join(p.read_text() for p in (ROOT / "groma_ros/ros").glob("*.py"))
    assert [o.name for o in fields(Settings) if f"settings.{o.name}" not in code] == []


def test_the_default_parameter_file_is_the_generated_one():
    assert (ROOT / "config/groma.yaml").read_text() == yaml_text(), (
        "run: python -m groma_ros.ros.settings --yaml > config/groma.yaml"
    )


def test_the_default_parameter_file_holds_the_defaults():
    loaded = yaml.safe_load(yaml_text())["/**"]["ros__parameters"]
    assert Settings(**loaded) == Settings()
    assert list(loaded) == [one.name for one in fields(Settings)]


def test_the_interface_page_holds_the_generated_table():
    """The table stands between `<!-- parameters -->` and `<!-- /parameters -->`."""
    page = (ROOT / "docs/INTERFACE.md").read_text()
    _, start, rest = page.partition("<!-- parameters -->\n")
    table, end, _ = rest.partition("<!-- /parameters -->")
    assert start and end, "docs/INTERFACE.md lacks the two markers"
    assert table.strip() == markdown_table().strip(), (
        "run: python -m groma_ros.ros.settings --markdown"
    )
