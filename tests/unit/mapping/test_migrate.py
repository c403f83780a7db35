"""Divolte's Groovy mappings in Python."""

import re

import pytest
from support.mapping.migration import migrated, python_of, rules

from mapping.migrate import migrate
from mapping.migrate.names import METHODS, Kind


@pytest.mark.parametrize(
    ("groovy", "python"),
    [
        ("map eventId() onto 'a'", 'map_(event_id()).onto("a")'),
        ("map(eventId()).onto('a')", 'map_(event_id()).onto("a")'),
        ("map eventId() onto('a')", 'map_(event_id()).onto("a")'),
        ("map { eventId() } onto 'a'", 'map_(event_id()).onto("a")'),
        ("map({ return eventId() }).onto('a')", 'map_(event_id()).onto("a")'),
        (
            "map { def u = parse location() to uri; u.path() } onto 'a'",
            'u = parse(raw_location()).to_uri()\nmap_(u.path()).onto("a")',
        ),
        ("when duplicate() apply { }", "with when(is_duplicate()):\n    pass"),
        ("when(duplicate()).apply { exit() }", "with when(is_duplicate()):\n    exit_()"),
        ("when { duplicate() } apply { stop() }", "with when(is_duplicate()):\n    stop()"),
        (
            "when { def d = duplicate()\nd.negate() } apply { stop() }",
            "d = is_duplicate()\nwith when(d.negate()):\n    stop()",
        ),
        ("when duplicate() stop()", "with when(is_duplicate()):\n    stop()"),
        ("when duplicate().or(corrupt()) exit()", "with when(is_duplicate().or_(is_corrupt())):\n    exit_()"),
        ("when(not(duplicate())).stop()", "with when(not_(is_duplicate())):\n    stop()"),
        ("section { exit() }", "with section():\n    exit_()"),
        ("section { section { stop() } }", "with section():\n    with section():\n        stop()"),
        ("exit()", "exit_()"),
        ("stop();", "stop()"),
        ("def a = eventType(); map a onto 'a'", 'a = event_type()\nmap_(a).onto("a")'),
        ("String fieldName = 'f'\nmap eventType() onto fieldName", 'field_name = "f"\nmap_(event_type()).onto(field_name)'),
        ("def a = 1\na = 2\nmap a onto 'f'", 'a = 1\na = 2\nmap_(a).onto("f")'),
    ],
)
def test_a_statement_becomes_one_of_python(groovy: str, python: str) -> None:
    assert python_of(groovy) == python


@pytest.mark.parametrize(
    ("groovy", "python"),
    [
        ("'a'", '"a"'),
        ('"a"', '"a"'),
        ("'''a\nb'''", r'"a\nb"'),
        ('"""a"b"""', "'a\"b'"),
        ("/a\\d\\/b/", r'r"a\d/b"'),
        ("'it\\'s'", '"it\'s"'),
        ("'\\\\d'", r'r"\d"'),
        ("'\\\\'", r'"\\"'),
        ("'a\\tb\\u0041\\$'", r'"a\tbA$"'),
        ("'\\ud83d\\ude00'", '"😀"'),
        ("'\\ud83d'", r'"\ud83d"'),
        ("'a\\\nb'", '"ab"'),
        ('"5$"', '"5$"'),
        ("'caf\u00e9'", '"caf\u00e9"'),
        ("42", "42"),
        ("-1", "-1"),
        ("42L", "42"),
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("010", "8"),
        ("3000000000", "3000000000"),
        ("42.0f", "42.0"),
        ("-42.5d", "-42.5"),
        ("1e3d", "1000.0"),
        ("7f", "7.0"),
        ("true", "True"),
        ("false", "False"),
        ("'a' + 'b'", '"ab"'),
        ("1 + 2 + 'a'", 'f"{(1 + 2)}a"'),
        ("'a' + 1 + 2", '"a12"'),
        ('"x ${\'b\' + "{c}"}"', '"x b{c}"'),
        ("'a'.toUpperCase()", '"a".upper()'),
    ],
)
def test_a_literal_becomes_one_of_python(groovy: str, python: str) -> None:
    assert python_of(f"map({groovy}).onto('f')") == f'map_({python}).onto("f")'


@pytest.mark.parametrize(
    ("groovy", "python"),
    [
        ("location()", "raw_location()"),
        ("referer()", "raw_referrer()"),
        ("eventType()", "event_type()"),
        ("firstInSession()", "is_first_in_session()"),
        ("corrupt()", "is_corrupt()"),
        ("duplicate()", "is_duplicate()"),
        ("timestamp()", "received_at()"),
        ("clientTimestamp()", "created_at()"),
        ("remoteHost()", "remote_host()"),
        ("viewportPixelWidth()", "viewport_width()"),
        ("viewportPixelHeight()", "viewport_height()"),
        ("screenPixelWidth()", "screen_width()"),
        ("screenPixelHeight()", "screen_height()"),
        ("devicePixelRatio()", "whole_device_pixel_ratio()"),
        ("partyId()", "party_id()"),
        ("sessionId()", "session_id()"),
        ("pageViewId()", "page_view_id()"),
        ("eventId()", "event_id()"),
        ("userAgentString()", "user_agent_string()"),
        ("cookie('c')", 'cookie("c")'),
        ("header('H')", 'header("H")'),
        ("eventParameters()", "event_parameters()"),
        ("eventParameter('p')", 'event_parameter("p")'),
        ("parse(eventType()).to(int32)", "parse(event_type()).to_int32()"),
        ("parse(eventType()).to(int64)", "parse(event_type()).to_int64()"),
        ("parse(eventType()).to(fp32)", "parse(event_type()).to_fp32()"),
        ("parse(eventType()).to(fp64)", "parse(event_type()).to_fp64()"),
        ("parse(eventType()).to(bool)", "parse(event_type()).to_bool()"),
        ("match('a').against(eventType()).matches()", 'match("a").against(event_type()).matches()'),
        ("match('a').against(eventType()).group(1)", 'match("a").against(event_type()).group(1)'),
        ("match('(?<n>a)').against(eventType()).group('n')", 'match("(?<n>a)").against(event_type()).group("n")'),
        ("eventParameters().value('p')", 'event_parameters().value("p")'),
        ("eventParameters().path('$.a[0]')", 'event_parameters().path("$.a[0]")'),
        ("header('H').first()", 'header("H").first()'),
        ("header('H').last()", 'header("H").last()'),
        ("header('H').get(-1)", 'header("H").get(-1)'),
        ("header('H').commaSeparated()", 'header("H").comma_separated()'),
        ("digest('sha-256').add(eventId()).result()", 'digest("sha-256").add(event_id()).result()'),
        ("digest('sha-256', 'seed').add('a').result().toHexLower()", 'digest("sha-256", "seed").add("a").result().to_hex_lower()'),
        ("digest('sha-256').result().toHexUpper()", 'digest("sha-256").result().to_hex_upper()'),
        ("digest('sha-256').result().toBase64()", 'digest("sha-256").result().to_base64()'),
        ("eventType().isPresent()", "event_type().is_present()"),
        ("eventType().isAbsent()", "event_type().is_absent()"),
        ("eventType().equalTo('a')", 'event_type().equal_to("a")'),
        ("eventType().equalTo(eventId())", "event_type().equal_to(event_id())"),
        ("corrupt().and(duplicate())", "is_corrupt().and_(is_duplicate())"),
        ("corrupt().or(duplicate())", "is_corrupt().or_(is_duplicate())"),
        ("corrupt().negate()", "is_corrupt().negate()"),
        ("not(corrupt())", "not_(is_corrupt())"),
    ],
)
def test_a_value_has_its_name_in_python(groovy: str, python: str) -> None:
    assert python_of(f"map {groovy} onto 'f'") == f'map_({python}).onto("f")'


@pytest.mark.parametrize(
    ("kind", "groovy", "python"),
    [
        (Kind.URI, "parse(location()).to(uri)", "parse(raw_location()).to_uri()"),
        (Kind.AGENT, "userAgent()", "user_agent()"),
        (Kind.PLACE, "ip2geo()", "ip2geo()"),
        (Kind.PLACE, "ip2geo(header('X-Real-IP').first())", 'ip2geo(header("X-Real-IP").first())'),
    ],
)
def test_derived_values_have_snake_case_names(kind: Kind, groovy: str, python: str) -> None:
    for theirs, ours in METHODS[kind].items():
        if ours.max_arguments == 0 and ours.kind is not Kind.QUERY:
            in_snake = re.sub(r"([A-Z])", lambda letter: f"_{letter[1].lower()}", theirs)
            assert python_of(f"map {groovy}.{theirs}() onto 'f'") == f'map_({python}.{in_snake}()).onto("f")'


def test_a_query_gives_values_and_lists() -> None:
    groovy = "def q = parse(location()).to(uri).query()\nmap q onto 'q'\nmap q.value('a') onto 'a'\nmap q.valueList('a') onto 'l'"
    python = (
        'q = parse(raw_location()).to_uri().query()\nmap_(q).onto("q")\nmap_(q.value("a")).onto("a")\nmap_(q.value_list("a")).onto("l")'
    )
    assert python_of(groovy) == python


@pytest.mark.parametrize(
    ("groovy", "python"),
    [
        ("['a', 'b'].each { map eventParameter(it) onto it }", 'for it in ["a", "b"]:\n    map_(event_parameter(it)).onto(it)'),
        ("['a', 'b'].each({ name ->\n map cookie(name) onto name })", 'for name in ["a", "b"]:\n    map_(cookie(name)).onto(name)'),
        ("['a': 'b', c: 'd'].each { k, v -> map v onto k }", 'for k, v in {"a": "b", "c": "d"}.items():\n    map_(v).onto(k)'),
        ("[['a', 'b']].each { p, f -> map cookie(p) onto f }", 'for p, f in [["a", "b"]]:\n    map_(cookie(p)).onto(f)'),
        ("[['a', 'b']].each { map cookie(it[0]) onto it[1] }", 'for it in [["a", "b"]]:\n    map_(cookie(it[0])).onto(it[1])'),
        ("['a'].eachWithIndex { v, i -> map i onto v }", 'for i, v in enumerate(["a"]):\n    map_(i).onto(v)'),
        ('3.times { map it onto "f${it}" }', 'for it in range(3):\n    map_(it).onto(f"f{it}")'),
        ("(0..3).each { map it onto 'f' + it }", 'for it in range(4):\n    map_(it).onto(f"f{it}")'),
        ('for (i in 1..<3) { map i onto "f$i" }', 'for i in range(1, 3):\n    map_(i).onto(f"f{i}")'),
        ('for (i in 3..1) { map i onto "f${i + 1}" }', 'for i in range(3, 0, -1):\n    map_(i).onto(f"f{(i + 1)}")'),
        ("for (String s : ['a']) { map cookie(s) onto s.toUpperCase() }", 'for s in ["a"]:\n    map_(cookie(s)).onto(s.upper())'),
        (
            "def names = ['a']\nfor (name in names)\n{ map cookie(name) onto /{$name}/ }",
            'names = ["a"]\nfor name in names:\n    map_(cookie(name)).onto(f"{{{name}}}")',
        ),
        (
            "[partyId(), sessionId()].each { v -> when v.isAbsent() stop() }",
            "for v in [party_id(), session_id()]:\n    with when(v.is_absent()):\n        stop()",
        ),
        ("[1, 'a'].each { map it onto 'f' }", 'for it in [1, "a"]:\n    map_(it).onto("f")'),
    ],
)
def test_code_that_runs_at_the_start_becomes_a_python_loop(groovy: str, python: str) -> None:
    assert python_of(groovy) == python


@pytest.mark.parametrize(
    ("groovy", "python"),
    [
        ("def locationUri = eventId()", "location_uri = event_id()"),
        ("def userID = eventId()", "user_id = event_id()"),
        ("def section = eventId()", "section_ = event_id()"),
        ("def cookie = eventId()", "cookie_ = event_id()"),
        ("def from = eventId()", "from_ = event_id()"),
        ("def aB = eventId(); def a_b = eventId()", "a_b = event_id()\na_b_ = event_id()"),
    ],
)
def test_a_variable_has_a_name_that_is_free_in_python(groovy: str, python: str) -> None:
    assert python_of(groovy) == python


@pytest.mark.parametrize("pattern", [r"^\/(\d+)$", r"(?<a>x)\k<a>", r"(?<!x)(?<=y)z\w", r"\Qa.b\E+\z"])
def test_a_regular_expression_stays_as_it_is(pattern: str) -> None:
    python = pattern.replace(r"\/", "/")
    expected = f'map_(match(r"{python}").against(event_type()).matches()).onto("f")'
    assert python_of(f"map match(/{pattern}/).against(eventType()).matches() onto 'f'") == expected


def test_comments_and_blank_lines_stay() -> None:
    groovy = """// first

/*
 * of two
 * lines
 */
mapping { // all of it

    map eventId() onto 'a' // behind
    // between
    section { /* a group */


        // lonely
    }
    map eventType()
        /* within */
        .isPresent() onto 'b'
    // last
}
// after
"""
    assert (
        rules(migrate(groovy, "m.groovy"))
        == """# first

# of two
# lines
# all of it

map_(event_id()).onto("a")  # behind
# between
with section():  # a group
    # lonely
    pass
# within
map_(event_type().is_present()).onto("b")
# last
# after"""
    )


def test_only_the_names_that_are_used_are_imported() -> None:
    assert migrated("map eventId() onto 'a'").text == 'from mapping import event_id, map_\n\nmap_(event_id()).onto("a")\n'


def test_whole_ips_are_reported_once() -> None:
    text = migrated("map remoteHost() onto 'a'\nmap remoteHost() onto 'b'").text
    assert "# remote_host(): personal data; address() has the parts that may be kept.\n" in text
    assert text.count("personal data") == 1
