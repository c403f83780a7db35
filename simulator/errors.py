"""What can go wrong with the simulator as a whole.

SimulatorError
├── LogDamaged              an access log cannot be read to its end
└── CollectorUnavailable    the collector did not take a batch within the bounded number of tries
"""


class SimulatorError(Exception):
    """Base of the simulator's errors."""


class LogDamaged(SimulatorError):
    """An access log cannot be read to its end; what stands before has been sent."""


class CollectorUnavailable(SimulatorError):
    """The collector did not take a batch within the bounded number of tries."""
