"""The house stands as its plan says, and what the pages say of it is true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "runtime" / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")])
DECISIONS = ROOT / "docs" / "decisions.md"
PLANNED = (
    "edgevision/cli", "edgevision/data", "edgevision/training", "edgevision/discovery", "edgevision/compression",
    "edgevision/fidelity", "edgevision/fleet", "edgevision/reports", "converters/edgevision_converters",
    "runtime/edgevision_runtime", "runtime/edgevision_runtime/engines", "runtime/edgevision_runtime/cameras",
    "runtime/edgevision_runtime/sinks", "runtime/edgevision_runtime/agent", "devices", "tests/architecture",
    "benchmarks", "docs",
)  # fmt: skip
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^(?:\$ )?edgevision(-runtime)? (?!-)([a-z]+)(.*)$", re.MULTILINE)


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def anchors(page):
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("folder", PLANNED)
def test_every_planned_room_is_there_or_its_absence_is_explained(folder):
    assert (ROOT / folder).is_dir() or f"`{folder}/`" in DECISIONS.read_text()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page):
    broken = []
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_on_the_pages_exist_with_the_flags_shown(page):
    blocks = re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    wrong = []
    for is_runtime, verb, rest in COMMAND.findall("\n".join(blocks).replace("\\\n", " ")):
        command = _command(verb, bool(is_runtime))
        known = _flags(command) if command else set()
        flags = re.findall(r"(?<=\s)--[a-z][a-z-]*", rest.partition("#")[0])
        wrong += [verb] if command is None else [f"{verb} {flag}" for flag in flags if flag not in known]

    assert not wrong


def _command(verb, is_runtime):
    if is_runtime:
        from edgevision_runtime.cli import edgevision_runtime

        return edgevision_runtime.commands.get(verb)
    from edgevision.cli import edgevision

    return edgevision.get_command(None, verb)


def _flags(command):
    """Of a command and of those below it."""
    own = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    return own.union({"--help"}, *(_flags(inner) for inner in getattr(command, "commands", {}).values()))


def test_every_page_of_the_guide_stands_in_its_contents():
    index = (ROOT / "docs" / "index.md").read_text()

    missing = [page.name for page in ROOT.glob("docs/*.md") if page.name != "index.md" and page.name not in index]

    assert not missing


def test_every_named_data_set_states_its_licence_on_the_page():
    from edgevision.data.datasets import NAMED

    page = (ROOT / "docs" / "data-licences.md").read_text()

    missing = [name for name, named in NAMED.items() if f"`{name}`" not in page or named.licence not in page]

    assert not missing


@pytest.mark.parametrize("entry", re.findall(r"^## (.+)$", DECISIONS.read_text(), re.MULTILINE))
def test_a_decision_says_problem_choice_rejected_and_why(entry):
    text = DECISIONS.read_text().partition(f"## {entry}\n")[2].partition("\n## ")[0]

    assert [word for word in ("Problem:", "Choice:", "Rejected:", "Why:") if f"**{word}**" not in text] == []
