"""How hard hypothesis tries, chosen by the environment variable HYPOTHESIS_PROFILE.

No profile has a deadline: a shared machine pauses where it likes, and speed has its own tests.
"""

import os

from hypothesis import settings

settings.register_profile("dev", deadline=None, max_examples=50)
# The same inputs at every run: a red build is about the change, not about luck.
settings.register_profile("ci", deadline=None, max_examples=30, derandomize=True)
settings.register_profile("deep", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
