"""Which threads two loops of kernels have."""

import threading

import numba
import pytest

from kernels.threads import NUM_THREADS, SharedThreads, beside, take_free_threads

HALF = max(1, NUM_THREADS // 2)


def _numbers_in_thread(shared, first_is_busy):
    """Be the second loop in a thread; return its number of threads at the start, while the first is
    at work and after it.
    """
    numbers = []

    def run():
        shared.be_second()
        numbers.append(numba.get_num_threads())
        with first_is_busy():
            take_free_threads()
            numbers.append(numba.get_num_threads())
        take_free_threads()
        numbers.append(numba.get_num_threads())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    return numbers


def test_the_second_loop_has_all_threads_while_the_first_is_idle():
    shared = SharedThreads(in_turns=False)
    numbers = _numbers_in_thread(shared, shared.first)
    assert numbers == [NUM_THREADS, HALF, NUM_THREADS]


def test_the_second_loop_leaves_a_core_to_a_thread_beside_both():
    shared = SharedThreads(in_turns=False)
    with beside():
        less = max(HALF, NUM_THREADS - 1)
        assert _numbers_in_thread(shared, shared.first) == [less, HALF, less]
    assert _numbers_in_thread(shared, shared.first) == [NUM_THREADS, HALF, NUM_THREADS]


def test_loops_that_take_turns_have_all_threads():
    shared = SharedThreads(in_turns=True)
    assert _numbers_in_thread(shared, shared.first) == [NUM_THREADS] * 3
    with beside():
        assert _numbers_in_thread(shared, shared.first) == [NUM_THREADS] * 3


@pytest.mark.parametrize("in_turns", [False, True])
def test_the_first_loop_gives_back_what_it_was_given(in_turns):
    before = numba.get_num_threads()
    with SharedThreads(in_turns).first():
        share = NUM_THREADS if in_turns else max(1, NUM_THREADS - HALF)
        assert numba.get_num_threads() == share
    assert numba.get_num_threads() == before


def test_a_thread_that_shares_with_none_keeps_its_number():
    before = numba.get_num_threads()
    take_free_threads()
    assert numba.get_num_threads() == before
