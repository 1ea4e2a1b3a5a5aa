"""Reads and follows documents: their blocks, the place of a block's text, and the names in their text.

Add here: how a document is read and followed. Keep out: assertions about documents.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.end_to_end.project_copy import ProjectCopy

RUNNABLE = ("merganser", "dbt", "source", "export", "cp", "git apply")
# A sign, a home, and what a reader or a connector makes; the demo has neither sources of its own nor connectors.
NO_PATHS = {
    "/",
    "./.merganser",
    "MERGANSER_HOME/sources/",
    "dlt/",
    "MERGANSER_HOME/dlt/<source>",
    "custom/",
    "custom/dbt_project",
    "<home>/dbt/project",
}
_COMMENT = re.compile(r"<!--\s*(?P<said>.*?)\s*-->")
_INSTRUCTION = re.compile(r"(?P<verb>file|append|insert): (?P<path>\S+)(?: before: (?P<before>.+))?")
_FENCE = re.compile(r"```(?P<language>\w*)")
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_PATH = re.compile(r"(?:\./)?[\w.{},*<>-]*/[\w./{},*<>…-]*")


@dataclass(frozen=True)
class Block:
    """A fenced block, its first line, and the instruction in the comment above it."""

    line: int
    language: str
    text: str
    said: str = ""


@dataclass(frozen=True)
class Document:
    """One Markdown file: its name, its blocks in order, and its text without them."""

    name: str
    blocks: tuple[Block, ...]
    prose: str

    @property
    def spans(self) -> list[str]:
        """Texts in backticks."""
        return [span.strip() for span in _SPAN.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        """Targets of links within the repository, without anchors."""
        targets = (match["target"].split("#")[0] for match in _LINK.finditer(self.prose))
        return [target for target in targets if target and "://" not in target]

    @property
    def lines(self) -> Iterator[str]:
        """Command lines: those of its bash blocks, and spans that are more than one word."""
        for block in self.blocks:
            if block.language == "bash":
                yield from block.text.splitlines()
        yield from (span for span in self.spans if " " in span)


def parse(name: str, text: str) -> Document:
    """Read a document. Raises ValueError for a fence that does not end."""
    blocks: list[Block] = []
    prose: list[str] = []
    opened: tuple[int, str, str] | None = None
    held: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fence = _FENCE.fullmatch(line.strip())
        if opened is not None:
            if fence:
                blocks.append(Block(opened[0], opened[1], "\n".join([*held, ""]), opened[2]))
                opened, held = None, []
            else:
                held.append(line)
        elif fence:
            comment = _COMMENT.fullmatch(prose[-1].strip()) if prose else None
            opened = (number, fence["language"], comment["said"] if comment else "")
        else:
            prose.append(line)
    if opened is not None:
        raise ValueError(f"{name}, line {opened[0]}: the block does not end")
    return Document(name, tuple(blocks), "\n".join(prose))


def follow(document: Document, copy: ProjectCopy, given: Mapping[str, str] | None = None) -> str:
    """Follows a document in its order; returns the output of its commands.

    `given` replaces values that a reader fills in (a path). `make` is not run: it would install.
    """
    printed, kept = [], []
    for block in document.blocks:
        if block.language == "bash":
            lines = [_filled(line, given or {}) for line in block.text.splitlines() if not line.startswith("make ")]
            strange = [line for line in lines if line and not line.startswith(RUNNABLE)]
            assert not strange, f"{document.name}, line {block.line}: nobody runs {strange}"
            printed.append(copy.shell("\n".join([*kept, *lines])))
            kept += [line for line in lines if line.startswith(("source ", "export "))]
        elif block.language == "python":
            printed.append(copy.shell(f"python - <<'END'\n{block.text}END"))
        elif block.said:
            place(block, copy.path)
    return "\n".join(printed)


def place(block: Block, root: Path) -> None:
    """Writes a block to the place in its comment. Raises ValueError if that place is not unique."""
    instruction = _INSTRUCTION.fullmatch(block.said)
    if instruction is None:
        return
    path = root / instruction["path"]
    if instruction["verb"] == "file":
        if path.exists():
            raise ValueError(f"line {block.line}: {instruction['path']} is there already")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        return
    text = path.read_text()
    if instruction["verb"] == "append":
        path.write_text(text + block.text)
        return
    lines = text.splitlines(keepends=True)
    found = [number for number, line in enumerate(lines) if instruction["before"] in line]
    if len(found) != 1:
        raise ValueError(
            f"line {block.line}: {len(found)} lines of {instruction['path']} contain {instruction['before']}"
        )
    path.write_text("".join([*lines[: found[0]], block.text, *lines[found[0] :]]))


def misplaced(document: Document) -> list[str]:
    """Blocks of a guide without a place for their text, or with an unknown instruction."""
    return [
        f"{document.name}, line {block.line}: {block.said or 'says nothing'}"
        for block in document.blocks
        if block.language in {"sql", "yaml", "csv"} and not _INSTRUCTION.fullmatch(block.said)
    ]


def unknown_commands(document: Document, command: Any) -> list[str]:
    """Lines that name a verb or an option of `merganser` that the command (a click group) does not have."""
    wrong = []
    for line in document.lines:
        words = _words(line)
        if words[:1] == ["merganser"] and not _is_known(words[1:], command):
            wrong.append(f"{document.name}: {line}")
    options = {option for verb in _verbs(command) for option in _options(verb)}
    wrong += [f"{document.name}: {span}" for span in document.spans if span.startswith("--") and span not in options]
    return wrong


def unknown_targets(document: Document, makefile: str) -> list[str]:
    """`make x` without a target x."""
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {words[1] for words in map(_words, document.lines) if words[:1] == ["make"] and len(words) > 1}
    return [f"{document.name}: make {name}" for name in sorted(named - targets) if "=" not in name]


def unknown_paths(document: Document, root: Path, home: Path, made: Iterable[str]) -> list[str]:
    """Links and paths in backticks without a target.

    A path is looked for beside the document, in the repository, in the dbt project and its models, and in a home that
    was built; or a recipe makes it (`made`).
    """
    beside = (root / document.name).parent
    wrong = [f"{document.name}: {target}" for target in document.links if not (beside / target).exists()]
    places = (beside, root, root / "dbt_project", root / "dbt_project" / "models", home)
    for span in document.spans:
        if not _PATH.fullmatch(span) or span in NO_PATHS:
            continue
        pattern = re.sub(r"<[^>]*>|…|\{[^}]*\}", "*", re.sub(r"^(MERGANSER_HOME|\.merganser|\.)/", "", span))
        pattern = re.sub(r"/x(?=/|$)", "/*", pattern).rstrip("/")
        if not any(next(place.glob(pattern), None) for place in places) and pattern not in made:
            wrong.append(f"{document.name}: {span}")
    return wrong


def made_by(documents: Iterable[Document]) -> set[str]:
    """Files that the recipes write."""
    found = (_INSTRUCTION.fullmatch(block.said) for document in documents for block in document.blocks)
    return {instruction["path"] for instruction in found if instruction and instruction["verb"] == "file"}


def changed_by(document: Document) -> list[str]:
    """Existing files that a guide changes."""
    found = (_INSTRUCTION.fullmatch(block.said) for block in document.blocks)
    changed = {instruction["path"] for instruction in found if instruction and instruction["verb"] != "file"}
    patches = [line for block in document.blocks for line in block.text.splitlines() if line.startswith("git apply ")]
    return [*sorted(changed), *patches]


def _filled(line: str, given: Mapping[str, str]) -> str:
    for text, value in given.items():
        line = line.replace(text, shlex.quote(value))
    return line


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()


def _is_known(words: list[str], command: Any) -> bool:
    """Whether these words are a command with its options, and no more arguments than it takes."""
    known = command
    while words and hasattr(known, "commands"):
        if words[0].startswith("-"):
            break
        if words[0] not in known.commands:
            return False
        known, words = known.commands[words[0]], words[1:]
    options = [word.split("=")[0] for word in words if word.startswith("-")]
    if any(option not in _options(known) for option in options):
        return False
    return bool(options) or not words or any(parameter.param_type_name == "argument" for parameter in known.params)


def _verbs(command: Any) -> Iterator[Any]:
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from _verbs(inner)


def _options(command: Any) -> set[str]:
    return {"--help", *(option for parameter in command.params for option in parameter.opts)}
