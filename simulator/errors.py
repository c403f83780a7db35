"""Errors of the simulator.

SimulatorError
├── LogDamaged              an access log cannot be read to its end
└── CollectorUnavailable    the collector did not accept a batch within the maximum number of tries
"""


class SimulatorError(Exception):
    """Base of the simulator's errors."""


class LogDamaged(SimulatorError):
    """An access log cannot be read to its end; the lines before the damage have been sent."""


class CollectorUnavailable(SimulatorError):
    """The collector did not accept a batch within the maximum number of tries."""
