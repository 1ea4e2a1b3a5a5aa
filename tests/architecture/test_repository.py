"""The repository itself: its root listing, a lock without addresses, no path of one machine, no debris."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT_LISTING = """
.ci .github .gitignore .pre-commit-config.yaml .sqruff .sqruffignore CHANGELOG.md CONTRIBUTING.md LICENSE Makefile
README.md benchmarks dbt_project dbt_project.yml docs exports identity ingestion orchestration profiles.yml
publication pyproject.toml requirements.lock runtime selectors.yml tests vendors
"""
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+|Users|tmp/[a-z])[/\w-]*")


def tracked(root: Path) -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_root_listing(root: Path) -> None:
    assert {path.split("/")[0] for path in tracked(root)} == set(ROOT_LISTING.split())


def test_lock_is_pinned_hashed_and_names_no_index(root: Path) -> None:
    lock = (root / "requirements.lock").read_text()
    assert re.search(r"https?://", lock) is None
    pinned = re.findall(r"^[a-zA-Z0-9_.\[\],-]+==\S+", lock, re.MULTILINE)
    assert len(pinned) > 100
    assert lock.count("--hash=sha256:") > len(pinned)


def test_no_path_of_one_machine(root: Path) -> None:
    found = {}
    for path in tracked(root):
        if path in {"requirements.lock", "LICENSE", "tests/architecture/test_repository.py"}:
            continue
        hits = MACHINE_PATH.findall((root / path).read_text(errors="replace"))
        if hits:
            found[path] = hits[:3]
    assert found == {}


def test_a_path_of_one_machine_is_seen() -> None:
    assert MACHINE_PATH.search("open('/" + "work/main/x')")


def test_every_exception_handler_names_what_it_handles(root: Path) -> None:
    handlers = re.compile(r"except\s*:|except Exception:\s*pass")
    bare = [path for path in tracked(root) if path.endswith(".py") and handlers.search((root / path).read_text())]
    assert set(bare) <= {"tests/architecture/test_repository.py"}
