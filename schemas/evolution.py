"""Compatibility of two schemas, by the rules of Avro 1.12, section Schema Resolution."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import fastavro

# Written type → types that can read it.
PROMOTIONS: Final[Mapping[str, Sequence[str]]] = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
_NAMED: Final = frozenset({"record", "error", "enum", "fixed"})


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two schemas, with its name in messages."""

    name: str
    schema: Any
    named: Mapping[str, Any]  # its named types by full name

    def type_of(self, avro: Any) -> Any:
        """Resolve a name to its definition; a primitive type stays a name, a union stays a list."""
        if isinstance(avro, Mapping) and avro["type"] not in _NAMED and avro["type"] not in ("array", "map"):
            avro = avro["type"]  # a primitive type with a logical one
        return self.named.get(avro, avro) if isinstance(avro, str) else avro


def backward_faults(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the reasons that NEW cannot read messages of OLD, one line each, with the place and the fix."""
    return list(dict.fromkeys(_Resolution(_side("NEW", new), _side("OLD", old)).all()))


def forward_faults(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the reasons that OLD cannot read messages of NEW, one line each, with the place and the fix."""
    return list(dict.fromkeys(_Resolution(_side("OLD", old), _side("NEW", new)).all()))


def _side(name: str, schema: Mapping[str, Any]) -> _Side:
    named: dict[str, Any] = {}
    return _Side(name, fastavro.parse_schema(dict(schema), named_schemas=named), named)


class _Resolution:
    """The resolution of a reader's and a writer's schema; it visits each pair of named types once."""

    def __init__(self, reader: _Side, writer: _Side) -> None:
        self._reader, self._writer = reader, writer
        self._is_backward = reader.name == "NEW"
        self._seen: set[tuple[str, str]] = set()

    def all(self) -> Iterator[str]:
        return self._faults(self._reader.schema, self._writer.schema, "")

    def _faults(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        reader, writer = self._reader.type_of(reader), self._writer.type_of(writer)
        if isinstance(writer, list):  # a message may have any of its branches
            for branch in writer:
                yield from self._faults(reader, branch, path)
            return
        branches = [self._reader.type_of(branch) for branch in (reader if isinstance(reader, list) else [reader])]
        fitting = [branch for branch in branches if _is_match(branch, writer)]
        if not fitting and (named := [branch for branch in branches if _kind(branch) == _kind(writer) in _NAMED]):
            yield self._other_name(named[0], writer, path)
        elif not fitting:
            yield self._other_type(branches, writer, path)
        else:
            yield from self._inside(fitting[0], writer, path)

    def _inside(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        match _kind(writer):
            case "array":
                yield from self._faults(reader["items"], writer["items"], f"{path}[]")
            case "map":
                yield from self._faults(reader["values"], writer["values"], f"{path}{{}}")
            case "fixed" if reader["size"] != writer["size"]:
                sizes = f"{self._writer.name} writes {writer['size']} bytes, {self._reader.name} reads {reader['size']}"
                yield f"{_place(path)}: {sizes}; keep the size, or add a field"
            case "enum" if "default" not in reader and (
                unknown := [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
            ):
                fix = "keep them, or give the enum a default" if self._is_backward else "leave them out: OLD's enum has no default"
                yield f"{_place(path)}: {self._reader.name} does not know the symbols {', '.join(unknown)}; {fix}"
            case "record" | "error" if (pair := (reader["name"], writer["name"])) not in self._seen:
                self._seen.add(pair)
                yield from self._fields(reader, writer, path)

    def _fields(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            place = f"{path}.{field['name']}" if path else field["name"]
            names = [name for name in (field["name"], *field.get("aliases", ())) if name in written]
            if names:
                yield from self._faults(field["type"], written[names[0]]["type"], place)
            elif "default" not in field:
                fix = "give it a default" if self._is_backward else "keep it: OLD has no default for it"
                yield f"{place}: messages of {self._writer.name} lack it; {fix}"

    def _other_name(self, reader: Any, writer: Any, path: str) -> str:
        names = f"{self._writer.name} calls the {_kind(writer)} {writer['name']}, {self._reader.name} {reader['name']}"
        fix = f', or give it "aliases": ["{writer["name"]}"]' if self._is_backward else ""
        return f"{_place(path)}: {names}; keep the name{fix}"

    def _other_type(self, branches: Sequence[Any], writer: Any, path: str) -> str:
        kind, kinds = _kind(writer), [_kind(branch) for branch in branches]
        if self._is_backward:
            fix = f"NEW must take {' or '.join((kind, *PROMOTIONS.get(kind, ())))} there"
        else:
            fix = f"NEW must write {' or '.join(dict.fromkeys(source for target in kinds for source in _sources(target)))} there"
        return f"{_place(path)}: {self._writer.name} writes {kind}, {self._reader.name} reads {' or '.join(kinds)}; {fix}"


def _is_match(reader: Any, writer: Any) -> bool:
    kind = _kind(writer)
    if _kind(reader) != kind:
        return _kind(reader) in PROMOTIONS.get(kind, ())
    return kind not in _NAMED or _unqualified(reader["name"]) == _unqualified(writer["name"]) or writer["name"] in _aliases(reader)


def _aliases(named: Any) -> Iterator[str]:
    """Yield the full names of a type's aliases; an alias without a namespace has that of the type."""
    namespace = named["name"].rpartition(".")[0]
    return (alias if "." in alias or not namespace else f"{namespace}.{alias}" for alias in named.get("aliases", ()))


def _sources(kind: str) -> Sequence[str]:
    return (kind, *(source for source, targets in PROMOTIONS.items() if kind in targets))


def _kind(avro: Any) -> str:
    return str(avro["type"]) if isinstance(avro, Mapping) else str(avro)


def _unqualified(name: str) -> str:
    return name.rpartition(".")[2]


def _place(path: str) -> str:
    return path or "the record"
