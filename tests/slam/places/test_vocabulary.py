"""The vocabulary that comes with the package."""

import numpy as np

from kernels.places import NUM_NODES, NUM_WORDS
from slam.places.features import extract
from slam.places.vocabulary import load_vocabulary, save_vocabulary


def test_it_says_how_it_was_trained():
    vocabulary = load_vocabulary()
    assert vocabulary.tree.shape == (NUM_NODES, 4)
    assert vocabulary.header["command"].startswith("scripts/train_vocabulary.py")


def test_its_words_tell_corners_apart(see):
    """No word has more than a small share of a view's corners."""
    features = extract(see(np.eye(4)), load_vocabulary())
    assert features is not None
    counts = np.bincount(features.words, minlength=NUM_WORDS)
    assert counts.max() < 0.05 * len(features)
    assert np.count_nonzero(counts) > 0.3 * len(features)


def test_a_file_of_one_reads_back(tmp_path):
    save_vocabulary(tmp_path / "v.npz", load_vocabulary())
    again = load_vocabulary(tmp_path / "v.npz")
    np.testing.assert_array_equal(again.tree, load_vocabulary().tree)
    assert again.header == load_vocabulary().header
