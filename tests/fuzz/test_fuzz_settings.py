"""Every parameter takes a value that it allows and refuses all others in one line."""

import array
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st
from inputs import ANY_FLOATS, TEXTS, fuzz

from groma_ros.ros.settings import Settings

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), ANY_FLOATS, TEXTS, st.binary(max_size=8)
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.lists(st.sampled_from(["front", "wrist", ""]), max_size=4),
    st.lists(st.integers(0, 255), max_size=4).map(lambda v: array.array("q", v)),
    st.sampled_from([choice for one in fields(Settings) for choice in one.metadata["choices"]]),
)


@fuzz
@given(
    values=st.dictionaries(st.sampled_from([f.name for f in fields(Settings)]), VALUES, max_size=3)
)
def test_settings(tally, values):
    settings = tally("settings").read(Settings, **values)
    if settings is not None:
        for one in fields(Settings):
            assert type(getattr(settings, one.name)) is type(one.default)
