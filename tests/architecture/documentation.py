#!/usr/bin/env python3
"""Checks that code in the documentation is a region of a compiled example, to the letter.

    documentation.py <project folder>      exit status 0: sound, 1: problems, one line each

A C++ block in README.md or docs/*.md follows a line that names its source:

    <!-- region refine of examples/04_refine_rotation.cpp -->

and the source has the region between two lines `// [refine]`. The indentation that all lines share is left out.
Also checked: README.md has at most 150 lines, and files that the documentation links to exist.
"""

import pathlib
import re
import sys
import textwrap

BLOCK = re.compile(r"^(?P<before>[^\n]*)\n```cpp\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- region (?P<region>\w+) of (?P<source>[\w./]+) -->")
LINK = re.compile(r"\]\((?!https?:|#)(?P<target>[^)#\s]+)")


def region_of(text, region):
    """The lines between the two marks of a region, or None."""
    parts = re.split(rf"^[ \t]*// \[{region}\]\n", text, flags=re.MULTILINE)
    return textwrap.dedent(parts[1]) if len(parts) == 3 else None


def check(project, page):
    problems = []
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(project)
    for block in BLOCK.finditer(text):
        mark = MARK.fullmatch(block["before"].strip())
        if mark is None:
            problems.append(f"{name}: a C++ block without a line that names its region")
            continue
        source = project / mark["source"]
        code = region_of(source.read_text(encoding="utf-8"), mark["region"]) if source.is_file() else None
        if code is None:
            problems.append(f"{name}: {mark['source']} has no region [{mark['region']}]")
        elif code != block["code"]:
            problems.append(f"{name}: the block is not what region [{mark['region']}] of {mark['source']} says")
    for link in LINK.finditer(BLOCK.sub("", text)):
        if not (page.parent / link["target"]).exists():
            problems.append(f"{name}: links to {link['target']}, which does not exist")
    return problems


def main(project):
    readme = project / "README.md"
    problems = []
    if len(readme.read_text(encoding="utf-8").splitlines()) > 150:
        problems.append("README.md has more than 150 lines")
    for page in [readme, *sorted((project / "docs").glob("*.md"))]:
        problems += check(project, page)
    print("\n".join(problems) if problems else "the documentation shows what is compiled")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
