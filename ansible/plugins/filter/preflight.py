"""Filters that check variables and inventory before anything changes. They return errors, each with its remedy."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

TYPES: Final[Mapping[str, tuple[type, str]]] = {
    "str": (str, "a text"),
    "int": (int, "a number"),
    "bool": (bool, "true or false"),
    "list": (list, "a list"),
    "dict": (dict, "a mapping"),
}
MANAGERS: Final = (1, 3, 5)
BROKERS: Final = (1, 3)


def variable_errors(values: Mapping[str, Any], specification: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with the variables: missing, unknown, of another type, or with a value that cannot be right."""
    unknown = sorted(values.keys() - specification.keys())
    errors = [f"{name}: there is no such variable; remove it, or correct its name ({_similar(name, specification)})" for name in unknown]
    for name, expected in specification.items():
        if name not in values:
            errors.append(
                f"{name} is missing: {expected['description']} Set it in the inventory, for example {name}: {expected['example']}"
            )
        else:
            found = "(hidden)" if expected.get("secret") else repr(values[name])
            errors += [
                f"{name} is {found}: {error}; write it like {name}: {expected['example']}" for error in value_errors(values[name], expected)
            ]
    return errors


def _similar(name: str, names: Iterable[str]) -> str:
    words = set(name.split("_"))
    best = max(names, key=lambda known: (len(words & set(known.split("_"))), -abs(len(known) - len(name))))
    return f"do you mean {best}?"


def value_errors(value: Any, expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the value of one variable."""
    kind, description = TYPES[expected["type"]]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        yield f"not {description}"
        return
    if isinstance(value, int) and not expected.get("min", value) <= value <= expected.get("max", value):
        yield f"not between {expected['min']} and {expected['max']}"
    if "pattern" in expected:
        texts = [value] if isinstance(value, str) else value
        for text in texts:
            if not re.fullmatch(expected["pattern"], str(text)):
                yield f"{text!r} is not in the form that is expected" if texts is value else "not in the form that is expected"
    if expected.get("file") and value and not Path(value).expanduser().exists():
        yield "no such file on the control machine"


def inventory_errors(groups: Mapping[str, Sequence[str]], values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the hosts in the groups of the inventory."""
    managers, workers, brokers = (groups.get(name, ()) for name in ("managers", "workers", "kafka"))
    errors = []
    if len(managers) not in MANAGERS:
        errors.append(
            f"the group managers has {len(managers)} hosts: write 1, 3 or 5, because an even number survives no more losses than one host "
            "fewer; move a host to the group workers, or add one"
        )
    if len(brokers) not in BROKERS:
        errors.append(f"the group kafka has {len(brokers)} hosts: write 1 (no copies) or 3 (each event on three hosts)")
    if not groups.get("edge"):
        errors.append("the group edge has no host: name at least one that takes events")
    errors += [
        f"the group {name} has {len(groups[name])} hosts: write one, whose disk holds its data, or none"
        for name in ("druid", "dashboards")
        if len(groups.get(name, ())) > 1
    ]
    errors += [f"{host} is in managers and in workers: remove it from one of them" for host in managers if host in workers]
    members = {*managers, *workers}
    for name in ("edge", "kafka", "druid", "dashboards"):
        outsiders = [host for host in groups.get(name, ()) if host not in members]
        errors += [f"{host} is in the group {name}, but neither in managers nor in workers: add it to workers" for host in outsiders]
    if groups.get("dashboards") and not values.get("headrace_dashboards_domain"):
        errors.append("headrace_dashboards_domain is empty, but the group dashboards has a host: set the domain, or empty the group")
    return errors


def certificate_errors(certificate: Mapping[str, Any], key: Mapping[str, Any], domains: Iterable[str]) -> list[str]:
    """Return what is wrong with a certificate and its key, as the modules of community.crypto describe them."""
    errors = []
    if certificate["public_key"].split() != key["public_key"].split():
        errors.append("headrace_tls_key is not the key of headrace_tls_certificate: set both to files that were made together")
    if certificate["expired"]:
        errors.append(f"headrace_tls_certificate expired at {certificate['not_after']}: renew it")
    names = [name.partition(":")[2] for name in certificate.get("subject_alt_name") or () if name.startswith("DNS:")]
    errors += [
        f"headrace_tls_certificate is for {', '.join(names) or 'no domain'}, not for {domain}: request one for it"
        for domain in filter(None, domains)
        if domain not in names and f"*.{domain.partition('.')[2]}" not in names
    ]
    return errors


class FilterModule:
    """The filters of this file, under the names that playbooks use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"variable_errors": variable_errors, "inventory_errors": inventory_errors, "certificate_errors": certificate_errors}
