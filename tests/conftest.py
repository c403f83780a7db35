"""What holds for all tests."""

from hypothesis import settings

# No test is timed: a busy machine must fail none.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")
