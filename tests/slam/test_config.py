"""What the dataclasses of the config say of themselves."""

import pytest

from slam.config import Config, NoiseConfig
from slam.config_file import settings


@pytest.mark.parametrize("setting", list(settings()), ids=lambda setting: setting.name)
def test_every_field_says_what_it_means(setting):
    assert len(setting.meaning) > 5
    assert not setting.meaning.endswith(".")


def test_settings_are_all_fields_in_order():
    names = [setting.name for setting in settings()]
    assert names[:3] == ["map", "checkpoint_s", "deterministic"]
    assert len(set(names)) == len(names) > 70
    of_tsdf = {name.partition(".")[2] for name in names if name.startswith("tsdf.")}
    assert of_tsdf == set(vars(Config().tsdf))


@pytest.mark.parametrize(
    ("noise", "is_added"),
    [
        (NoiseConfig(), False),
        (NoiseConfig(seed=3, disparity_sigma=1.0), False),
        (NoiseConfig(model="kinect"), True),
        (NoiseConfig(outliers=0.1), True),
        (NoiseConfig(auto_exposure=True), True),
        (NoiseConfig(dropped=0.1), True),
    ],
)
def test_noise_is_added_where_anything_is_switched_on(noise, is_added):
    assert noise.is_added == is_added
