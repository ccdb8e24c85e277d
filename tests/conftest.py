"""What is drawn: by hypothesis, as the environment variable HYPOTHESIS_PROFILE says, and by NumPy.

``default``
    The same inputs at every run: a red run is about the change, not about luck.
``explore``
    New inputs at every run. What it finds is kept as an ``@example`` of the test that failed.
``deep``
    The same with forty times as many, for a night.

Tests marked ``no_cover`` break something on purpose, or repeat with other numbers what another test
has run: measuring their coverage would double their time, and say nothing.

No profile has a deadline: a shared machine pauses where it likes, and speed is measured in
`tests.benchmarks` alone.
"""

import os
import sys

# One thread for each process: the tests run in as many processes as there are cores, and where
# these are busy, threads of BLAS wait for each other. It must be said before NumPy is imported.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402 - as said above
import pytest  # noqa: E402 - as the line above
from hypothesis import settings  # noqa: E402 - as the line above

settings.register_profile("default", deadline=None, max_examples=24, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=50)
settings.register_profile("deep", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def same_draws(request):
    """Let a module's ``rng`` begin anew: no test depends on which ran before it in its process."""
    rng = getattr(getattr(request.node, "module", None), "rng", None)
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = np.random.PCG64(0).state


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item):
    """Leave a ``no_cover`` test untraced in pytest-xdist's workers too.

    There pytest-cov 7.1 has started two measurements, and pauses one.
    """
    trace = sys.gettrace()
    if item.get_closest_marker("no_cover"):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)


@pytest.fixture(autouse=True, scope="session")
def time_to_search():
    """Give the search of `check_gradients` all the time it needs: no test depends on a clock."""
    from tinygrad_softmax import check_gradients

    check_gradients.__kwdefaults__["budget"] = 600.0
