"""An input that another program writes while it is being worked on: an error, and no rotation for a mixture. One whose time alone
changes, or that is replaced under its name, is none."""

import json
import os
import subprocess

from support import PROGRAM, ROUNDS, np, sample, scratch


def work(folder, disturb, rounds):
    """Runs with a log in a pipe, disturbed once the first rounds are done. Returns the exit code, standard error, and the rounds."""
    pipe = os.path.join(folder, "pipe")
    os.mkfifo(pipe)
    process = subprocess.Popen([PROGRAM, "--input", "X.npy", "--output", "R.npy", "--checkpoint", "c.st", "--log", "pipe", "--patience", "0",
                                "--rounds", str(rounds)], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    rounds_seen = 0
    with open(pipe, encoding="utf-8") as log:
        for line in log:
            assert json.loads(line)["round"] == rounds_seen
            if rounds_seen == 1:
                disturb(os.path.join(folder, "X.npy"))
            rounds_seen += 1
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors, rounds_seen


def write_one_number(path):
    with open(path, "r+b") as file:
        file.seek(128 + 4 * 77)
        file.write(np.float32(3.25).tobytes())


def cut(path):
    os.truncate(path, os.path.getsize(path) - 4)


def grow(path):
    with open(path, "ab") as file:
        file.write(b"more")


def touch(path):
    os.utime(path, (1, 1))


def replace(path):
    np.save(path + ".new.npy", np.zeros((3, 3)))
    os.replace(path + ".new.npy", path)


def main():
    for disturb, is_harmless in ((write_one_number, False), (cut, False), (touch, True), (replace, True), (grow, True)):
        with scratch() as folder:
            # So many rounds and tokens that the disturbance comes long before the end.
            np.save(os.path.join(folder, "X.npy"), sample(rows=4000, channels=128))
            asked = 100 if ROUNDS >= 30 else 20  # the rounds of slow builds are longer
            code, errors, rounds = work(folder, disturb, asked)
            written = os.path.exists(os.path.join(folder, "R.npy"))
            if is_harmless:
                assert (code, errors, written, rounds) == (0, "", True, asked + 1), (disturb.__name__, code, errors, rounds)
            else:
                assert code == 3 and "X.npy" in errors and errors.count("\n") == 1 and not written, (disturb.__name__, code, errors)
            assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]


main()
