"""The place of an IP address: the names are those of Divolte's mappings, the data is the converter's."""

from typing import Final

from mapping.dsl import inputs
from mapping.dsl.expressions import Call, Expression, Literal, Type
from mapping.dsl.values import Boolean, Integers, Number, Text, Texts, Value, describe

__all__ = ["ip2geo"]

# The parts that place databases have. Others of Divolte are absent.
_KNOWN: Final = {
    "city_name": "city",
    "country_code": "country_code",
    "country_name": "country",
    "most_specific_subdivision_name": "region",
    "subdivision_names": "regions",
    "latitude": "latitude",
    "longitude": "longitude",
}


class Geography(Value):
    """The place of an IP address. Map one of its parts."""

    __slots__ = ()

    def _part(self, name: str, result: Type) -> Expression:
        return Call("place_part", (self.expression, _KNOWN[name]), result) if name in _KNOWN else Literal(None, result)


def ip2geo(address: Text | None = None) -> Geography:
    """Return the place of the client IP, or of another IP address."""
    client_ip = inputs.address() if address is None else address
    if not isinstance(client_ip, Text):
        raise TypeError(f"ip2geo takes a text with an IP address, or nothing, not {describe(address)}")
    return Geography(Call("place", (client_ip.expression,), Type.PLACE))


def _accessor(name: str, value_class: type[Value], result: Type) -> object:
    def part(self: Geography) -> Value:
        return value_class(self._part(name, result))

    part.__name__, part.__doc__ = name, f"Return the {name.replace('_', ' ')}."
    return part


_ACCESSORS: Final = {
    (Text, Type.TEXT): "city_name continent_code continent_name country_code country_name time_zone most_specific_subdivision_code "
    "most_specific_subdivision_name postal_code registered_country_code registered_country_name represented_country_code "
    "represented_country_name autonomous_system_organization domain isp organisation",
    (Number, Type.INT32): "city_id continent_id country_id metro_code most_specific_subdivision_id registered_country_id "
    "represented_country_id autonomous_system_number",
    (Number, Type.FP64): "latitude longitude",
    (Boolean, Type.BOOLEAN): "anonymous_proxy satellite_provider",
    (Integers, Type.INTEGERS): "subdivision_ids",
    (Texts, Type.TEXTS): "subdivision_codes subdivision_names",
}
for (_class, _result), _names in _ACCESSORS.items():
    for _name in _names.split():
        setattr(Geography, _name, _accessor(_name, _class, _result))
