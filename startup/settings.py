"""Settings of a service: declared with type, description and default, read once from the environment, all faults reported together."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

SHOWN_CHARACTERS = 80


class SettingsError(Exception):
    """Variables that are unknown or have invalid values; `faults` has one line for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class ServiceSettings(BaseSettings):
    """Base class for the settings of a service; a subclass defines its fields, and `env_prefix` in its `model_config`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Disable reading the environment: `read` receives it as an argument."""
        return (sources["init_settings"],)

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the variable of every field: {"HEADRACE_COLLECTOR_PORT": "port", …}."""
        return {f"{cls.model_config['env_prefix']}{name}".upper(): name for name in cls.model_fields}

    @classmethod
    def environment(cls, **fields: object) -> dict[str, str]:
        """Return the variables from which `read` takes these fields; a field that is None keeps its default."""
        variable = {field: name for name, field in cls.variables().items()}
        return {variable[field]: _text(value) for field, value in fields.items() if value is not None}

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables with the prefix; raises SettingsError with one line for each that is unknown or invalid."""
        known, prefix = cls.variables(), str(cls.model_config["env_prefix"])
        given = {name: value for name, value in environment.items() if name.startswith(prefix)}
        faults = [
            f"{name}: there is no such setting{_nearest(name, prefix, cls.model_fields)}" for name in sorted(given.keys() - known.keys())
        ]
        try:
            settings = cls.model_validate({known[name]: value for name, value in given.items() if name in known})
        except ValidationError as error:
            variable = {field: name for name, field in known.items()}
            faults += [f"{variable[str(fault['loc'][0])]}: {fault['msg']}, not {_shown(fault['input'])}" for fault in error.errors()]
            raise SettingsError(faults) from error
        if faults:
            raise SettingsError(faults)
        return settings


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _shown(value: object) -> str:
    return repr(str(value)[:SHOWN_CHARACTERS])


def _nearest(name: str, prefix: str, fields: Iterable[str]) -> str:
    near = get_close_matches(name.removeprefix(prefix).lower(), fields, n=1)
    return f"; did you mean {prefix}{near[0].upper()}?" if near else ""
