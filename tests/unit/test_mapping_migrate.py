"""Divolte's Groovy mappings in Python."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.mapping.migrate import Migration, migrate
from collector.mapping.migrate.names import FUNCTIONS, METHODS, Kind


def migrated(body: str) -> Migration:
    return migrate(f"mapping {{\n{body}\n}}\n", "m.groovy")


def rules(migration: Migration) -> str:
    """The mapping without its imports and the word about them."""
    text = re.sub(r"\Afrom collector\.mapping import (\(\n[^)]*\)|[^\n]*)\n+", "", migration.text)
    return re.sub(r"\A# [^\n]*: whole address[^\n]*\n+", "", text).rstrip("\n")


def python_of(body: str) -> str:
    migration = migrated(body)
    assert migration.faults == ()
    return rules(migration)


def faults_of(body: str) -> list[str]:
    return [fault.removeprefix("m.groovy:") for fault in migrated(body).faults]


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
def test_what_is_derived_has_the_name_in_the_case_of_python(kind: Kind, groovy: str, python: str) -> None:
    for theirs, ours in METHODS[kind].items():
        if ours.most == 0 and ours.kind is not Kind.QUERY:
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
def test_what_runs_at_start_becomes_a_loop_of_python(groovy: str, python: str) -> None:
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
    assert migrated("map eventId() onto 'a'").text == 'from collector.mapping import event_id, map_\n\nmap_(event_id()).onto("a")\n'


def test_whole_addresses_are_told_of_once() -> None:
    text = migrated("map remoteHost() onto 'a'\nmap remoteHost() onto 'b'").text
    assert "# remote_host(): whole address, personal data; address() gives what may be kept.\n" in text
    assert text.count("personal data") == 1


@pytest.mark.parametrize(
    ("groovy", "fault"),
    [
        ("map 42.0 onto 'f'", "42.0 is a BigDecimal, which no field takes; write 42.0d for a double or 42.0f for a float"),
        ("map 42g onto 'f'", "42g is a big number, which no field takes; write 42L"),
        ("map 9223372036854775808 onto 'f'", "9223372036854775808 is out of range of a long"),
        ("map 1e999d onto 'f'", "1e999d is out of range"),
        ("map 09 onto 'f'", "09 is no number; a number that begins with 0 is octal"),
        ("map null onto 'f'", "null fits no field; map a value that is derived of it"),
        ("map eventTyp() onto 'f'", "there is no function 'eventTyp'; did you mean 'eventType'?"),
        ("map referrer() onto 'f'", "there is no function 'referrer'; did you mean 'referer'?"),
        ("map eventType onto 'f'", "eventType without parentheses; write eventType(...)"),
        ("map eventType().isPresent onto 'f'", "isPresent without parentheses; write isPresent()"),
        ("map header('a').get onto 'f'", "get without parentheses; write get(...)"),
        ("map x onto 'f'", "there is no variable 'x'; define it before"),
        ("map eventType().length() onto 'f'", "a text of the event has no 'length'; it has isPresent, isAbsent, equalTo"),
        ("map userAgent().famly() onto 'f'", "a user agent has no 'famly'; did you mean 'family'?"),
        ("map userAgent() onto 'f'", "a user agent fits no field; map a value that is derived of it"),
        ("map cookie() onto 'f'", "cookie takes 1 argument, not 0"),
        ("map digest() onto 'f'", "digest takes 1 or 2 arguments, not 0"),
        ("map parse(eventType()).to(int16) onto 'f'", "there is no type 'int16' to parse to; did you mean 'int64'?"),
        ("map parse(eventType()).to('x') onto 'f'", "there is no type '' to parse to; there are int32, int64, fp32, fp64, bool, uri"),
        ("map eventType()", "map is not complete; write map VALUE onto 'field'"),
        ("map eventType() to 'f'", "map is not complete; write map VALUE onto 'field'"),
        ("map eventType() onto 5", "onto takes the name of a field, not a constant whole number"),
        ("map { def a = eventId() } onto 'f'", "the block gives no value; its last statement must be one"),
        ("map { } onto 'f'", "null fits no field; map a value that is derived of it"),
        ("map { a() } onto 'f'", "there is no function 'a'"),
        ("map { a ? b : c } onto 'f'", "did not expect '?'"),
        ("def f = { eventType() }", "did not expect a block in braces; a value does"),
        ("def f = map(eventType())", "map gives no value; write it as a statement of its own"),
        ("when eventType() apply { }", "when takes a condition, not a text of the event; ask with isPresent() or equalTo(...)"),
        ("when(corrupt(), duplicate()).stop()", "when takes one condition, not 2"),
        ("when corrupt() foo()", "did not expect 'foo' behind a condition; write apply { }, stop() or exit()"),
        ("when corrupt()", "when is not complete; write when CONDITION apply { }"),
        ("section()", "section takes a block in braces and nothing else"),
        ("stop(1)", "stop is not complete; write stop()"),
        ("eventType()", "this value goes nowhere; write map VALUE onto 'field'"),
        ("'a'", "this value goes nowhere; write map VALUE onto 'field'"),
        ("when !corrupt() apply { }", "did not expect '!'"),
        ("when(!corrupt()).stop()", "! asks at start, when nothing of an event is known; write not(...)"),
        ("when(eventType() == 'a').stop()", "== asks at start, when nothing of an event is known; write equalTo(...)"),
        ("map(1 / 2).onto('f')", "/ of what is no constant whole number or text; the mapping language does not count"),
        ("map \"a ${eventType()}\" onto 'f'", "a text of the event within a text; the text is made at start, only constants can be in it"),
        ("map \"a ${'b'.toUpperCase()}\" onto 'f'", "this is too much within a text; give it a variable first"),
        ("map \"a ${1 +} b\" onto 'f'", "did not expect the end of the file"),
        ("map \"a ${1 2} b\" onto 'f'", "did not expect '2'"),
        ("map '\\d' onto 'f'", "\\d is no escape; write \\\\d for a backslash"),
        ("map 'a", "the text has no closing '"),
        ("def m = match('(') against eventType()", "'(' is no regular expression: missing ), unterminated subpattern at position 0"),
        ("def m = match(/a\\R/) against eventType()", "'a\\\\R' is no regular expression: \\R has no counterpart"),
        ("if (true) { stop() }", "if: if asks at start, when nothing of an event is known; write when CONDITION apply { }"),
        ("import a.b", "import: an import; a mapping needs none"),
        ("while (true) { }", "while: no part of the mapping language; write it out in Python"),
        ("for (i = 0; i < 3; i++) { }", "this loop; write for (name in [...]) { }"),
        ("for (i in 0..3) stop()", "did not expect 'stop'; '{' is missing"),
        ("for (i in 'a'..'c') { }", "a range between what is no number; write its numbers, or a list"),
        ("for (i in eventType()) { }", "a loop over a text of the event with 1 name; write [...].each { name -> ... }"),
        ("[a: 1].each { e -> }", "a loop over a constant map with 1 name; write [...].each { name -> ... }"),
        ("['a'].eachWithIndex { a -> }", "eachWithIndex takes two names; write { value, index -> ... }"),
        ("['a'].each()", "each takes a block in braces and nothing else"),
        ("map(['a', b: 1]).onto('f')", "a list with keys and without; write all of it as key: value, or none"),
        ("map eventType()[0] onto 'f'", "[...] behind a text of the event; only an item of a constant list can be taken so"),
        ("def a\u00b2 = 1", "a\u00b2 is no name in Python; take letters, digits and _"),
        ("map # onto 'f'", "did not expect '#'"),
        ("map (eventType() onto 'f';", "did not expect ';'; ')' is missing"),
        ("map eventType().5 onto 'f'", "did not expect '5'"),
    ],
)
def test_what_can_not_be_translated_is_told_with_its_line_and_kept(groovy: str, fault: str) -> None:
    migration = migrated(f"stop()\n{groovy}")
    assert migration.faults[0].startswith(f"m.groovy:3: {fault}")
    assert len(migration.faults) == 1
    assert f"stop()\n# not translated (line 3): {groovy.splitlines()[0]}" in migration.text


def test_all_faults_are_told_at_once_and_the_rest_is_translated() -> None:
    groovy = """map a() onto 'a'
section {
    map b().c() onto 'b'
    when d() apply {
        map e() onto 'e'
        map eventId() onto 'f'
    }
    map eventType() onto 'g'
}"""
    assert [fault.partition(":")[0] for fault in faults_of(groovy)] == ["2", "4", "5", "6"]
    assert (
        rules(migrated(groovy))
        == """# not translated (line 2): map a() onto 'a'
with section():
    # not translated (line 4): map b().c() onto 'b'
    # not translated (line 5): when d() apply {
    #         map e() onto 'e'
    #         map eventId() onto 'f'
    #     }
    map_(event_type()).onto("g")"""
    )


def test_a_block_of_which_nothing_can_be_translated_passes() -> None:
    assert rules(migrated("when corrupt() apply { a() }")) == "with when(is_corrupt()):\n    # not translated (line 2): a()\n    pass"


def test_a_rule_on_a_variable_that_was_not_translated_is_not_translated_either() -> None:
    groovy = "def a = b()\nmap a onto 'f'\ndef c = #\nmap c onto 'g'"
    assert faults_of(groovy) == [
        "2: there is no function 'b'",
        "3: a could not be translated in line 2; mend that first",
        "4: did not expect '#'",
        "5: c could not be translated in line 4; mend that first",
    ]


def test_a_brace_too_many_and_one_too_few_are_told() -> None:
    assert faults_of("stop() }") == ["3: did not expect '}'; nothing is open"]
    assert migrate("mapping { stop()", "m.groovy").faults == ("m.groovy:1: did not expect the end of the file; '}' is missing",)


@pytest.mark.parametrize(
    "deep", ["map " + "(" * 5000, "section { " * 300 + "}" * 300, "map eventType()" + ".isPresent()" * 5000, "map 1" + "+1" * 5000]
)
def test_a_script_that_is_nested_without_end_is_told_and_kept(deep: str) -> None:
    migration = migrated(deep)
    assert migration.faults
    compile(migration.text, "m.py", "exec")


_WORDS = "map onto when apply section mapping each to against def for in it x uri int32 true null return if"
_SIGNS = "( ) { } [ ] . , ; : = -> .. + ! ? / $ # \\"
_TEXTS = ["'a'", '"b${x}"', "'''c'''", "/d/", "'", '"', "// e\n", "/* f */", "/*", "42", "42.0", "7L", "0x", "1e5f", "\n", " "]
_PIECES = st.sampled_from([*FUNCTIONS, *_WORDS.split(), *_SIGNS.split(), *_TEXTS])


@given(st.lists(_PIECES, max_size=40).map(" ".join) | st.lists(_PIECES, max_size=20).map("".join) | st.text(max_size=60))
def test_whatever_the_script_is_the_python_can_be_read_and_nothing_is_raised(script: str) -> None:
    migration = migrate(script, "m.groovy")
    compile(migration.text, "m.py", "exec")
    assert all(re.match(r"m\.groovy:\d+: .", fault) for fault in migration.faults)
