"""Check the language and the layout of the repository: `.venv/bin/python tests/lint/style.py [FOLDER or FILE ...]`.

Prints one line per finding, with the fix, and exits with 1. Without arguments it checks every file that git knows.
Text between backticks is code and is not checked as prose.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

MAX_LINES = 400
MAX_FILES_IN_FOLDER = 18
CODE = {".py", ".js", ".ts"}
PROSE = {".md", ".toml", ".yml", ".conf"}
EXCLUDED = {"vendor", "data"}
PRESCRIBED_CLASSES = {"FilterModule"}  # Ansible looks for it in each file of filters

# Words that no name, docstring, comment, message or document contains, and what to write instead.
WORDS = {
    r"tells? apart|told apart|telling apart": "distinguish",
    r"tells?|told|telling": "report, show, return, describe, pass",
    r"anew": "again",
    r"once more": "again",
    r"seldom": "rarely",
    r"whoever": "anyone who, a client that",
    r"(?:those|one|he) who": "a noun: clients that, the proxy that",
    r"deals? with|dealt with|dealing with": "handle, process",
    r"go on|goes on|went on|gone on|going on": "continue, resume, pick up",
    r"so many": "a number: `count`, n, that many",
    r"(?<!there )(?:is|are|was|were) no(?! longer| more| less| better| later| earlier)": "not a, not a valid",
    r"(?:is|are|was|were) (?:not )?to be": "must, should, will",
    r"(?:be|been) had": "available",
    r"without a word": "silently",
    r"put down": "recorded, attributed",
    r"stands (?:in|on|at|under|beside|behind|before|between|here|there)|stand (?:on|at|under|beside|behind)": "is in, is on, is next to",
    r"the house": "the project",
    r"refusals?": "rejection (of an event), error (of a request)",
    r"troubles?": "not-ready reason, error",
    r"stations?": "component",
    r"lets? go|letting go": "release, close, discard",
    r"hand(?:s|ed|ing)? (?:on|out|over)": "pass, forward, return",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"amid": "during, within",
}

# More that no name contains. Names are compared word by word: `MOST_BYTES` is "MOST BYTES", `TopicReader` is "Topic Reader".
NAMES = {
    r"^(?:MOST|LARGEST|LONGEST|FARTHEST)": "MAX_",
    r"^(?:LEAST|FEWEST|SHORTEST|LOWEST)": "MIN_",
    r"^SECONDS BETWEEN|LOOK SECONDS": "_INTERVAL_SECONDS",
    r"(?i:repeats?|repeated)": "duplicate",
    r"(?i:(?<!mail )(?<!ip )address(?:es)?)": "client_ip, url, host or endpoint",
    r"(?i:facts?)": "inputs (of the mapping), enrichment",
    r"(?i:strangers?)": "cross-origin, foreign",
    r"(?i:deeds?|likeness)": "action, fingerprint",
    r"(?i:deaf|hears)": "discards_input, honors_opt_out",
    r"^test (?:what|who|whatever|whoever|how)": "the subject as a noun",
}

# Names that sites use: an input of their mapping, a key of their JSON.
PUBLISHED_NAMES = {("event", "address"), ("inputs", "address"), ("geography", "address"), ("strings", "repeat")}

FIRST_WORDS = {
    "give gives hand hands": "Return, Pass",
    "say says tell tells": "Report, Return, Describe",
    "have has let lets be see sees": "an imperative that names the action",
    "what who whom why how which where when that those nothing is does": "a noun phrase: The reason …, The time at which …",
}
FUNCTION_FIRST_WORDS = "returns raises writes reads makes takes sends checks gets sets adds keeps removes parses counts"


def forbidden(text: str, table: dict[str, str], flags: re.RegexFlag = re.IGNORECASE) -> Iterator[tuple[int, str]]:
    """Yield the offset and the message of each forbidden word."""
    for pattern, better in table.items():
        for match in re.finditer(rf"\b(?:{pattern})\b", text, flags):
            yield match.start(), f"“{match[0]}”: write {better}"


def check_prose(text: str, line: int = 1) -> Iterator[tuple[int, str]]:
    prose = re.sub(r"```.*?```|`[^`\n]*`", lambda code: re.sub(r"[^\n]", "`", code[0]), text, flags=re.DOTALL)
    prose = re.sub(r"\s", lambda blank: "\n" if blank[0] == "\n" else " ", prose)
    for start, message in forbidden(prose, WORDS):
        yield line + prose.count("\n", 0, start), message


def check_name(name: str, line: int) -> Iterator[tuple[int, str]]:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("_", " ").strip()
    for _, message in (*forbidden(words, WORDS), *forbidden(words, NAMES, re.NOFLAG)):
        yield line, f"name {name}: {message}"


def check_first_word(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[int, str]]:
    match = re.match(r"[A-Za-z]+(?!\S*`)", ast.get_docstring(node) or "")
    if match is None:
        return
    line, word = node.body[0].lineno, match[0]
    for words, better in FIRST_WORDS.items():
        if word.lower() in words.split():
            yield line, f"docstring begins with “{word}”: begin with {better}"
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and word.lower() in FUNCTION_FIRST_WORDS.split():
        yield line, f"docstring begins with “{word}”: use the imperative"


def root_name(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def check_predicate(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[int, str]]:
    """Report a predicate that assigns an attribute or an item of one of its arguments."""
    if not re.match(r"_*(is|has|may|can)_", node.name):
        return
    arguments = {argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute | ast.Subscript) and not isinstance(inner.ctx, ast.Load) and root_name(inner) in arguments:
            yield inner.lineno, f"predicate {node.name} changes {root_name(inner)}: name it for what it does, or do not assign"


def defined_names(tree: ast.Module) -> dict[str, int]:
    """Return the names that a module defines or assigns, each with a line where it does."""
    names = {}
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.arg(arg=name):
                names[name] = node.lineno
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                names[name] = node.lineno
    return names


def check_python(tree: ast.Module, text: str, is_test: bool) -> Iterator[tuple[int, str]]:
    """Check the docstrings, predicates, comments and, outside of tests, the messages of a module."""
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from check_predicate(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            docstrings.add(node.body[0].value)  # type: ignore[attr-defined]
            yield from check_first_word(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_message = node.value.count(" ") > 1 and not is_test
            if node in docstrings or is_message:
                yield from check_prose(node.value, node.lineno)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield from check_prose(token.string, token.start[0])


def check_file(path: Path, text: str) -> Iterator[tuple[int, str]]:
    if path.suffix == ".py":
        tree = ast.parse(text)
        yield from check_python(tree, text, is_test=path.parts[0] == "tests")
        for name, line in {**defined_names(tree), path.stem: 1}.items():
            if (path.stem, name) not in PUBLISHED_NAMES:
                yield from check_name(name, line)
    else:
        yield from check_prose(text)
    lines = text.count("\n")
    if lines > MAX_LINES and path.suffix in CODE:
        yield MAX_LINES, f"{lines} lines: at most {MAX_LINES}, split the file"


def check_layout(files: dict[Path, str]) -> Iterator[tuple[Path, str]]:
    """Report folders with too many Python files, and class names with two meanings in a package."""
    folders: dict[Path, int] = defaultdict(int)
    classes: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in (path for path in files if path.suffix == ".py"):
        folders[path.parent] += 1
        for name in re.findall(r"^class ([A-Z]\w+)", files[path], re.MULTILINE) if path.parts[0] != "tests" else ():
            classes[path.parts[0], name].append(path)
    for folder, count in folders.items():
        if count > MAX_FILES_IN_FOLDER:
            yield folder, f"{count} Python files: at most {MAX_FILES_IN_FOLDER}, group them in folders"
    for (package, name), places in classes.items():
        if len(places) > 1 and name not in PRESCRIBED_CLASSES:
            yield places[1], f"class {name} has another meaning in {places[0]}: one name, one meaning within {package}"


def find_all(files: dict[Path, str]) -> list[tuple[Path, int, str]]:
    """Return every finding in these files, given as the text at each path, sorted by place."""
    in_files = [(path, line, message) for path, text in files.items() for line, message in check_file(path, text)]
    return sorted(in_files + [(path, 1, message) for path, message in check_layout(files)])


def main(arguments: list[str]) -> int:
    root = Path(__file__).resolve().parents[2]
    command = ("git", "-c", f"safe.directory={root}", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listing = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    paths = [path for name in listing.split("\0") if (path := Path(name)).suffix in CODE | PROSE or path.name == "Makefile"]
    files = {path: (root / path).read_text() for path in paths if (root / path).is_file() and not EXCLUDED.intersection(path.parts)}
    selected = [Path(argument).resolve().relative_to(root) for argument in arguments] or [Path()]
    findings = [finding for finding in find_all(files) if any(finding[0].is_relative_to(place) for place in selected)]
    for path, line, message in findings:
        print(f"{path}:{line}: {message}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
