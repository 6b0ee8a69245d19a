"""Whether loops are closed, and pieces begun: by the config, and by what a map can do."""

import pytest

from slam.config import Config, LoopsConfig, PlacesConfig
from slam.graph.factory import new_loops, new_pieces
from slam.graph.loops import Loops
from slam.graph.no_loops import NoLoops
from slam.places.memory import NoPlaces, new_places
from slam.tracking.pieces import OnePiece, Pieces


@pytest.mark.parametrize(
    ("asked", "can_move", "closes", "begins"),
    [
        (None, True, Loops, Pieces),
        (None, False, NoLoops, OnePiece),
        (True, True, Loops, Pieces),
        (True, False, Loops, OnePiece),  # the poses alone; in the map no piece would be joined
        (False, True, NoLoops, OnePiece),
    ],
)
def test_loops_are_closed_where_the_map_can_be_moved_unless_the_config_says(
    asked, can_move, closes, begins
):
    config, places = Config(loops=LoopsConfig(enabled=asked)), new_places(PlacesConfig())
    loops = new_loops(config, places, can_move)
    loops.close()
    assert isinstance(loops, closes)
    assert isinstance(new_pieces(config, places, can_move), begins)


def test_without_places_nothing_is_recognised():
    config = Config(loops=LoopsConfig(enabled=True))
    assert isinstance(new_loops(config, NoPlaces()), NoLoops)
    assert isinstance(new_pieces(config, NoPlaces()), OnePiece)
