"""Every setting refuses what is not possible, whoever sets it."""

from dataclasses import replace

import numpy as np
import pytest

from slam.config import Config
from slam.config_file import load_config, settings, value_of
from slam.errors import SlamError


def is_number(setting):
    of_type = str(setting.type)
    return "float" in of_type or ("int" in of_type and setting.type is not bool)


NUMBERS = [setting for setting in settings() if is_number(setting)]


def set_from_python(name, value):
    section, _, leaf = name.rpartition(".")
    changes = {leaf: value}
    if section:
        changes = {section: replace(value_of(Config(), section), **changes)}
    return replace(Config(), **changes)


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_every_number_has_a_range_and_no_value_out_of_it(setting):
    assert setting.at_least is not None
    named = setting.name.replace(".", r"\.")
    low, high = setting.at_least, setting.at_most
    for value in (low - 1, *([] if high is None else [high + 1])):
        says = rf"^config {named} must be (at least|in) .*, got {value:.9g}"
        with pytest.raises(SlamError, match=says):
            load_config([], {setting.name: str(value)})
        with pytest.raises(SlamError, match=says):
            set_from_python(setting.name, value)
    for value in (np.nan, np.inf) if "float" in str(setting.type) else ():
        with pytest.raises(SlamError, match=rf"^config {named} must be a number, got"):
            set_from_python(setting.name, value)
    for value in (low, *([] if high is None else [high])):
        text = str(value) if "float" in str(setting.type) else str(int(value))
        assert value_of(load_config([], {setting.name: text}), setting.name) == float(text)


def test_a_choice_that_there_is_not_is_refused_from_python_too():
    chosen = [setting for setting in settings() if setting.choices]
    assert len(chosen) > 5
    for setting in chosen:
        section, _, leaf = setting.name.rpartition(".")
        config = replace(value_of(Config(), section)) if section else Config()
        object.__setattr__(config, leaf, "tsfd")  # what type checks of these tests do not let in
        with pytest.raises(SlamError, match=rf"{setting.name} must be one of .* got 'tsfd'"):
            config.__post_init__()
