#!/usr/bin/env python3
"""Prints reports of dfrot-llm compare as tables of Markdown, such as docs/methods.md has.

    methods_table.py errors r.json        a column for each format: output errors of ordinary / massive tokens
    methods_table.py model r.json ...     perplexity, KL, errors and costs, a table for each format and scheme
"""

import json
import pathlib
import sys


def number(value, digits):
    return "–" if value is None else f"{value:.{digits}f}"


def print_rows(heading, rows):
    print("| " + " | ".join(heading) + " |\n|---" + "|--:" * (len(heading) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def of_errors(report):
    formats = list(dict.fromkeys(each["format"] for each in report["results"]))
    found = {(each["method"], each["format"]): each for each in report["results"]}
    rows = []
    for method in dict.fromkeys(each["method"] for each in report["results"]):
        cells = [found.get((method, each)) for each in formats]
        rows.append([f"`{method}`"] + ["–" if each is None else f"{number(each['output_error'], 4)} / {number(each['massive_error'], 5)}"
                                     for each in cells])
    print_rows(["method"] + formats, rows)


def of_model(report):
    for form, scheme in dict.fromkeys((each["format"], each["scheme"]) for each in report["results"]):
        print(f"\n{form} {scheme}, weights {report['weights']}:\n")
        print_rows(["method", "perplexity", "KL", "output error", "massive", "bits", "op/token", "ns/token", "offline s"],
                   [[f"`{each['method']}`",
                     f"{number(each['perplexity'], 1)} ± {number(each['perplexity_error'], 1)}",
                     f"{number(each['kl'], 3)} ± {number(each['kl_error'], 3)}",
                     number(each["output_error"], 4), number(each["massive_error"], 4), number(each["bits_per_weight"], 2),
                     f"{each['operations']:,.0f}", f"{each['nanoseconds']:,.0f}", number(each["offline_seconds"], 0)]
                    for each in report["results"] if (each["format"], each["scheme"]) == (form, scheme)])


def main(kind, paths):
    for path in paths:
        report = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        of_errors(report) if kind == "errors" else of_model(report)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
