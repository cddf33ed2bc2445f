#!/usr/bin/env python3
"""dfrot-llm-mpi quantize: the files are those of one process.

    quantize_over_mpi_program_test.py <dfrot-llm> <dfrot-llm-mpi> <mpiexec>     exit status 0: passed, 1: failed, 77: skipped

Quantizes DFROT_DATA/stories260k, a small trained LLaMA, with GPTQ, on one, two and three ranks.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from support import check, data_folder, finish, numpy_or_skip, run

numpy = numpy_or_skip()
MPI_PROGRAM, MPIEXEC = sys.argv[2:4]
# OpenMPI refuses to run as root, which is who a container is, unless it is told twice.
os.environ.update({"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})


def run_on(ranks, *arguments):
    command = [MPIEXEC, "-n", str(ranks), "--oversubscribe", MPI_PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main():
    model = data_folder() / "stories260k"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ids, others = folder / "ids.npy", folder / "others.npy"
        for path, seed in ((ids, 5), (others, 6)):
            numpy.save(path, numpy.random.default_rng(seed).integers(3, 512, 1500).astype(numpy.int32))
        # Fewer sequences than there are segments, and more; a rotation whose rounds are shared (29 x 48 rows behind ten norms).
        for sequences, rotation in ((5, "hadamard"), (29, "refined")):
            command = ["quantize", model, "--ids", ids, "--bos", 1, "--context", 48, "--weights", "gptq", "--gptq-sequences", sequences,
                       "--calibration-sequences", sequences, "--rotation", rotation, "--format", "dfrot", "--threads", 1, "-o"]
            alone = folder / f"alone-{sequences}"
            done = run(*command, alone)
            check(done.returncode == 0, f"alone: {done.stderr[-300:]}")
            for ranks in (1, 2, 3):
                shared = folder / f"shared-{sequences}-{ranks}"
                done = run_on(ranks, *command, shared)
                check(done.returncode == 0 and done.stdout.count("6 of 6 files") == 1,
                      f"{ranks} ranks: {done.returncode}: {done.stdout}{done.stderr[-500:]}")
                check(shared.exists() and contents(shared) == contents(alone), f"{sequences} sequences, {ranks} ranks: other files")

        shared = folder / "shared-5-3"
        for lost in ("model-00002-of-00006.safetensors", "model-00006-of-00006.safetensors", "config.json"):
            (shared / lost).unlink()
        command[command.index("--gptq-sequences") + 1] = 5
        command[command.index("--calibration-sequences") + 1] = 5
        command[command.index("--rotation") + 1] = "hadamard"
        done = run_on(2, *command, shared)
        check(done.returncode == 0 and "2 of 6 files" in done.stdout, f"goes on: {done.stdout}{done.stderr[-500:]}")
        check(contents(shared) == contents(folder / "alone-5"), "goes on: other files")

        before = contents(shared)
        command[command.index("--ids") + 1] = others
        wrong = run_on(2, *command, shared)
        check(wrong.returncode == 3 and "another" in wrong.stderr, f"another text: {wrong.returncode}: {wrong.stderr[-500:]}")
        check(contents(shared) == before, "another text: the files are as they were")
        wrong = run_on(2, "inspect", model, "--ids", ids)
        check(wrong.returncode == 2 and "only quantize" in wrong.stderr, f"inspect: {wrong.returncode}: {wrong.stderr[-500:]}")
    finish()


main()
