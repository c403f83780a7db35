"""The parts of a Groovy mapping that cannot be translated are reported with their line, and kept."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mapping.migration import faults_of, migrated, rules

from mapping.migrate import migrate
from mapping.migrate.names import FUNCTIONS


@pytest.mark.parametrize(
    ("groovy", "fault"),
    [
        ("map 42.0 onto 'f'", "42.0 is a BigDecimal, which no field accepts; write 42.0d for a double or 42.0f for a float"),
        ("map 42g onto 'f'", "42g is a BigInteger, which no field accepts; write 42L"),
        ("map 9223372036854775808 onto 'f'", "9223372036854775808 is out of range of a long"),
        ("map 1e999d onto 'f'", "1e999d is out of range"),
        ("map 09 onto 'f'", "not a valid number: 09; a number that begins with 0 is octal"),
        ("map null onto 'f'", "no field accepts null; map a value derived from it"),
        ("map eventTyp() onto 'f'", "unknown function 'eventTyp'; did you mean 'eventType'?"),
        ("map referrer() onto 'f'", "unknown function 'referrer'; did you mean 'referer'?"),
        ("map eventType onto 'f'", "eventType without parentheses; write eventType(...)"),
        ("map eventType().isPresent onto 'f'", "isPresent without parentheses; write isPresent()"),
        ("map header('a').get onto 'f'", "get without parentheses; write get(...)"),
        ("map x onto 'f'", "unknown variable 'x'; define it first"),
        ("map eventType().length() onto 'f'", "a text of the event has no 'length'; it has isPresent, isAbsent, equalTo"),
        ("map userAgent().famly() onto 'f'", "a user agent has no 'famly'; did you mean 'family'?"),
        ("map userAgent() onto 'f'", "no field accepts a user agent; map a value derived from it"),
        ("map match(42).against(eventType()).group(0) onto 'f'", "match takes a regular expression as a text, not 42"),
        ("map cookie() onto 'f'", "cookie takes 1 argument, not 0"),
        ("map digest() onto 'f'", "digest takes 1 or 2 arguments, not 0"),
        ("map parse(eventType()).to(int16) onto 'f'", "unknown type 'int16'; did you mean 'int64'?"),
        ("map parse(eventType()).to('x') onto 'f'", "unknown type ''; the types are int32, int64, fp32, fp64, bool, uri"),
        ("map eventType()", "map is not complete; write map VALUE onto 'field'"),
        ("map eventType() to 'f'", "map is not complete; write map VALUE onto 'field'"),
        ("map eventType() onto 5", "onto takes the name of a field, not a constant whole number"),
        ("map { def a = eventId() } onto 'f'", "the block has no value; its last statement must be one"),
        ("map { } onto 'f'", "no field accepts null; map a value derived from it"),
        ("map { a() } onto 'f'", "unknown function 'a'"),
        ("map { a ? b : c } onto 'f'", "unexpected '?'"),
        ("def f = { eventType() }", "unexpected block in braces; write a value"),
        ("def f = map(eventType())", "map has no value; write it as a separate statement"),
        ("when eventType() apply { }", "when takes a condition, not a text of the event; use isPresent() or equalTo(...)"),
        ("when(corrupt(), duplicate()).stop()", "when takes one condition, not 2"),
        ("when corrupt() foo()", "unexpected 'foo' after a condition; write apply { }, stop() or exit()"),
        ("when corrupt()", "when is not complete; write when CONDITION apply { }"),
        ("section()", "section takes exactly one block in braces"),
        ("stop(1)", "stop is not complete; write stop()"),
        ("eventType()", "this value is not used; write map VALUE onto 'field'"),
        ("'a'", "this value is not used; write map VALUE onto 'field'"),
        ("when !corrupt() apply { }", "unexpected '!'"),
        ("when(!corrupt()).stop()", "! is evaluated at start, before there are events; write not(...)"),
        ("when(eventType() == 'a').stop()", "== is evaluated at start, before there are events; write equalTo(...)"),
        ("map(1 / 2).onto('f')", "/ is not supported here; only constant whole numbers and texts can be computed"),
        (
            "map \"a ${eventType()}\" onto 'f'",
            "a text of the event inside a text; the text is built at start and can contain only constants",
        ),
        ("map \"a ${'b'.toUpperCase()}\" onto 'f'", "too complex inside a text; assign it to a variable first"),
        ("map \"a ${1 +} b\" onto 'f'", "unexpected end of the file"),
        ("map \"a ${1 2} b\" onto 'f'", "unexpected '2'"),
        ("map '\\d' onto 'f'", "not a valid escape: \\d; write \\\\d for a backslash"),
        ("map 'a", "the text has no closing '"),
        ("def m = match('(') against eventType()", "not a valid regular expression: '(': missing ), unterminated subpattern at position 0"),
        ("def m = match(/a\\X/) against eventType()", "not a valid regular expression: 'a\\\\X': \\X has no equivalent"),
        ("if (true) { stop() }", "if: it is evaluated at start, before there are events; write when CONDITION apply { }"),
        ("import a.b", "import: a mapping needs no imports"),
        ("while (true) { }", "while: not part of the mapping language; write it in Python"),
        ("for (i = 0; i < 3; i++) { }", "not a supported loop; write for (name in [...]) { }"),
        ("for (i in 0..3) stop()", "unexpected 'stop'; expected '{'"),
        ("for (i in 'a'..'c') { }", "not a valid range: its ends must be constant numbers; write them, or a list"),
        ("for (i in eventType()) { }", "cannot loop over a text of the event with 1 name; write [...].each { name -> ... }"),
        ("[a: 1].each { e -> }", "cannot loop over a constant map with 1 name; write [...].each { name -> ... }"),
        ("['a'].eachWithIndex { a -> }", "eachWithIndex takes two names; write { value, index -> ... }"),
        ("['a'].each()", "each takes exactly one block in braces"),
        ("map(['a', b: 1]).onto('f')", "a list with and without keys; write key: value for every item, or for none"),
        ("map eventType()[0] onto 'f'", "[...] after a text of the event; it works on constant lists only"),
        ("def a\u00b2 = 1", "not a valid name in Python: a\u00b2; use letters, digits and _"),
        ("map # onto 'f'", "unexpected '#'"),
        ("map (eventType() onto 'f';", "unexpected ';'; expected ')'"),
        ("map eventType().5 onto 'f'", "unexpected '5'"),
    ],
)
def test_untranslatable_code_is_reported_with_its_line_and_kept(groovy: str, fault: str) -> None:
    migration = migrated(f"stop()\n{groovy}")
    assert migration.faults[0].startswith(f"m.groovy:3: {fault}")
    assert len(migration.faults) == 1
    assert f"stop()\n# not translated (line 3): {groovy.splitlines()[0]}" in migration.text


def test_all_faults_are_reported_at_once_and_the_rest_is_translated() -> None:
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
        "2: unknown function 'b'",
        "3: a could not be translated in line 2; fix that first",
        "4: unexpected '#'",
        "5: c could not be translated in line 4; fix that first",
    ]


def test_a_brace_too_many_and_one_too_few_are_reported() -> None:
    assert faults_of("stop() }") == ["3: unexpected '}'; no block is open"]
    assert migrate("mapping { stop()", "m.groovy").faults == ("m.groovy:1: unexpected end of the file; expected '}'",)


@pytest.mark.parametrize(
    "deep", ["map " + "(" * 5000, "section { " * 300 + "}" * 300, "map eventType()" + ".isPresent()" * 5000, "map 1" + "+1" * 5000]
)
def test_a_script_that_is_nested_without_end_is_reported_and_kept(deep: str) -> None:
    migration = migrated(deep)
    assert migration.faults
    compile(migration.text, "m.py", "exec")


_WORDS = "map onto when apply section mapping each to against def for in it x uri int32 true null return if"
_SIGNS = "( ) { } [ ] . , ; : = -> .. + ! ? / $ # \\"
_TEXTS = ["'a'", '"b${x}"', "'''c'''", "/d/", "'", '"', "// e\n", "/* f */", "/*", "42", "42.0", "7L", "0x", "1e5f", "\n", " "]
_PIECES = st.sampled_from([*FUNCTIONS, *_WORDS.split(), *_SIGNS.split(), *_TEXTS])


@given(st.lists(_PIECES, max_size=40).map(" ".join) | st.lists(_PIECES, max_size=20).map("".join) | st.text(max_size=60))
def test_every_script_results_in_valid_python_without_an_exception(script: str) -> None:
    migration = migrate(script, "m.groovy")
    compile(migration.text, "m.py", "exec")
    assert all(re.match(r"m\.groovy:\d+: .", fault) for fault in migration.faults)
