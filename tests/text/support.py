"""What the tests of dfrot-llm share. Each is a script: argument 1 is the program; exit status 0: passed, 1: failed, 77: skipped.

DFROT_MODEL  SmolLM2-135M-Instruct, see scripts/fetch-model.sh
DFROT_DATA   the folder with stories260k, a small trained LLaMA, and wikitext2/ids.npy
"""

import json
import os
import pathlib
import subprocess
import sys

# Tests run side by side: threads that wait for one another must not do so at the others' expense.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "dfrot-llm"
failures = []


def check(holds, text):
    if not holds:
        failures.append(text)
        print(f"FAILED: {text}")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def finish():
    sys.exit(1 if failures else 0)


def numpy_or_skip():
    try:
        import numpy
    except ImportError:
        skip("numpy is missing")
    return numpy


def data_folder():
    if not os.environ.get("DFROT_DATA"):
        skip("DFROT_DATA does not name the folder with the data")
    return pathlib.Path(os.environ["DFROT_DATA"])


def model_file():
    if not os.environ.get("DFROT_MODEL"):
        skip("DFROT_MODEL does not name a model")
    return pathlib.Path(os.environ["DFROT_MODEL"])


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=500, check=False)


def perplexity(model, ids, folder, *options):
    """The report of `perplexity`; without results where it failed."""
    report = pathlib.Path(folder) / "report.json"
    done = run("perplexity", model, "--ids", ids, "--bos", "1", "--report", report, *options)
    check(done.returncode == 0, f"perplexity of {model}, {options}: exit status {done.returncode}: {done.stderr[-500:]}")
    return json.loads(report.read_text(encoding="utf-8")) if done.returncode == 0 else {"results": []}
