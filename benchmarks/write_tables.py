#!/usr/bin/env python3
"""Writes measured tables into a page of the documentation.

    write_tables.py <page> <region>=<file> ...

Replaces what stands between the lines `<!-- table REGION -->` and `<!-- end of table REGION -->` by the file: as it is
where its name ends in .md, else as a block of plain text.
"""

import pathlib
import re
import sys


def main(page, regions):
    text = page.read_text(encoding="utf-8")
    for region in regions:
        name, _, source = region.partition("=")
        table = pathlib.Path(source).read_text(encoding="utf-8").strip("\n")
        if not source.endswith(".md"):
            table = f"```text\n{table}\n```"
        between = re.compile(rf"(<!-- table {name} -->\n).*?(<!-- end of table {name} -->)", re.DOTALL)
        text, count = between.subn(lambda marks: f"{marks[1]}{table}\n{marks[2]}", text)
        if count != 1:
            sys.exit(f"{page} has {count} regions {name}, expected 1")
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2:])
