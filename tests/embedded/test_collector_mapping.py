"""A collector whose mapping is wrong tells all that is wrong with it, and opens no port."""

import socket
from pathlib import Path

from support.collector import start_process
from support.ports import free_ports

TEN_FAULTS = """\
from collector.mapping import *

map_(locaton()).onto("page_url")
map_(event_type()).onto("event_typ")
map_(page_title()).onto("viewport_width")
map_(raw_location().uri()).onto("page_path")
map_(referrer())
map_(match("(a").against(page_title()).group(1)).onto("page_title")
map_(match("(a)").against(page_title()).group(2)).onto("page_title")
map_(digest("sha-257").add(party_id()).result().to_hex_lower()).onto("party_id")
map_(event_parameters().path("basket")).onto("product_id")
with when(page_title()):
    map_(cookie("a")).onto("language")
"""


def test_ten_faults_of_a_mapping_are_ten_lines_and_no_port_opens(tmp_path: Path) -> None:
    mapping, port = tmp_path / "mapping.py", free_ports(1)[0]
    mapping.write_text(TEN_FAULTS)
    process = start_process(tmp_path, mapping_file=mapping, port=port)
    _, told = process.communicate(timeout=30)
    lines = [line.removeprefix(str(mapping)) for line in told.splitlines()]
    print("\n".join(lines))
    assert process.returncode == 2
    by_line = {line.split(":")[1]: line for line in lines if line.split(":")[1].isdigit()}
    assert "did you mean 'location'?" in by_line["3"]
    assert "the schema has no field 'event_typ'; did you mean 'event_type'?" in by_line["4"]
    assert "field 'viewport_width' takes int, not a text; parse(...).to_int32() reads one" in by_line["5"]
    assert "map one of its parts" in by_line["6"]
    assert 'map_(...) says no field: add .onto("field")' in by_line["7"]
    assert "'(a' is no regular expression" in by_line["8"]
    assert "the expression has no group 2; it has 0 to 1" in by_line["9"]
    assert "sha-256" in by_line["10"]
    assert "it begins with $" in by_line["11"]
    assert "when takes a condition" in by_line["12"]
    with socket.socket() as found:
        assert found.connect_ex(("127.0.0.1", port)) != 0
    assert not (tmp_path / "topic").exists()
