"""What the documents say of the project's files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
NAMED = r"`((?:slam|kernels|scripts|tests|docs|examples|configs)/[\w./]*)`"
PICTURE = r"!\[[^]]*\]\(([^)]+)\)"


@pytest.mark.parametrize("doc", DOCS, ids=lambda path: path.name)
def test_files_and_pictures_that_a_document_names_are_there(doc):
    text = doc.read_text()
    names = [name for name in re.findall(NAMED, text) if "__pycache__" not in name]
    paths = [ROOT / name for name in names]
    paths += [doc.parent / name for name in re.findall(PICTURE, text)]
    assert [str(path.relative_to(ROOT)) for path in paths if not path.exists()] == []


def test_the_readme_is_a_front_door():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130
