"""How hypothesis draws, chosen by the environment variable HYPOTHESIS_PROFILE.

``default``
    The same inputs at every run: a red run is about the change, not about luck.
``explore``
    New inputs at every run. What it finds is kept as an ``@example`` of the test that failed.
``deep``
    The same with forty times as many, for a night.

No profile has a deadline: a shared machine pauses where it likes, and speed is measured in
`tests.benchmarks` alone.
"""

import os

from hypothesis import settings

settings.register_profile("default", deadline=None, max_examples=30, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=50)
settings.register_profile("deep", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
