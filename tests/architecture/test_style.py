"""What a reader may rely on in every module: short files, short functions, few parameters, a sentence at the top."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "edgevision", ROOT / "converters" / "edgevision_converters", ROOT / "runtime" / "edgevision_runtime")
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LONGEST_FILE = 330  # lines: about 300, one sitting
LONGEST_FUNCTION = 45  # lines of code: about 40, one screen
MOST_PARAMETERS = 6
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
READS_ENVIRONMENT = {  # module → why it may
    "edgevision/data/packages.py": "the system says in the environment where a user's cache folder is",
    "edgevision/tensorflow_setup.py": "TensorFlow takes its settings from the environment only",
    "runtime/edgevision_runtime/run_command.py": "systemd says in the environment where it listens",
    "runtime/edgevision_runtime/cli.py": "numpy's OpenBLAS takes its number of threads from the environment only",
    "converters/edgevision_converters/tensorflow_setup.py": "TensorFlow takes its settings from the environment only",
}
OUTERMOST = {  # module → why it may catch everything
    "runtime/edgevision_runtime/cli_main.py": "it shows the fault whole and ends the command with exit code 70",
    "runtime/edgevision_runtime/sinks/queued.py": "outermost of a sink's thread: raised again where the loop writes",
    "runtime/edgevision_runtime/pipeline.py": "outermost of the capture thread: raised again where that was started",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def functions(path):
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function)]


def lines_of_code(function):
    """Without decorators and docstring: the lines that one has to understand at once."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def parameters(function):
    given = function.args
    named = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in named if name not in ("self", "cls")]


def is_command(function):
    """Whether click fills the parameters from flags."""
    return any("command" in ast.unparse(decorator) or "option" in ast.unparse(decorator)
               for decorator in function.decorator_list)  # fmt: skip


def is_public(node):
    return not node.name.startswith("_")


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_a_file_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_function_fits_on_a_screen_and_takes_few_parameters(path):
    long = [f"{f.name}: {lines_of_code(f)} lines" for f in functions(path) if lines_of_code(f) > LONGEST_FUNCTION]
    greedy = [
        f"{f.name}: {len(parameters(f))} parameters"
        for f in functions(path)
        if len(parameters(f)) > MOST_PARAMETERS and not is_command(f)
    ]

    assert not long
    assert not greedy


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_and_everything_public_in_it_says_what_it_is(path):
    tree = ast.parse(path.read_text())
    public = [
        node
        for scope in ast.walk(tree)
        if isinstance(scope, ast.Module) or (isinstance(scope, ast.ClassDef) and is_public(scope))
        for node in scope.body
        if isinstance(node, (Function, ast.ClassDef)) and is_public(node)
    ]

    silent = [node.name for node in public if not ast.get_docstring(node) and not is_overload(node)]

    assert ast.get_docstring(tree)
    assert not silent


def is_overload(node):
    """What a base class or click has documented already."""
    return any("override" in ast.unparse(d) or "overload" in ast.unparse(d) for d in node.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_named_after_what_it_does(path):
    assert not EMPTY_NAMES & {path.stem, path.parent.name}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_library_code_hangs_on_an_environment_variable(path):
    readers = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb")
    ]

    assert not readers or name_of(path) in READS_ENVIRONMENT


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_catches_everything_to_carry_on(path):
    blind = [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and not any(isinstance(inside, ast.Raise) for inside in ast.walk(node))
    ]

    assert not blind or name_of(path) in OUTERMOST
