"""Ctrl-C: the best rotation so far is written, exit code 130. A second one ends the program, nothing half written."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

from support import PROGRAM, np, orthogonality, sample, scratch


def start(folder, rounds=1000000):
    """Starts a run that would take for ever, its standard error a terminal, and waits until the rounds have begun."""
    try:
        terminal, behind = pty.openpty()
    except OSError as error:
        print(f"skipped: this machine has no pseudo-terminals ({error}); is devpts mounted?")
        sys.exit(77)
    command = [PROGRAM, "--input", "X.npy", "--output", "R.npy", "--report", "r.json", "--plot", "p.svg", "--method",
               "full", "--patience", "0", "--rounds", str(rounds)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=behind, text=True)
    os.close(behind)
    seen = b""
    deadline = time.monotonic() + 300
    while b"round 2/" not in seen:
        assert time.monotonic() < deadline, f"no progress was shown: {seen}"
        seen += os.read(terminal, 4096)
    return process, terminal


def drain(terminal):
    """Reads what is left on the terminal, so that the program never waits for a reader."""
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # the other end was closed
        pass
    os.close(terminal)


def main():
    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=600, channels=192))
        process, terminal = start(folder)
        process.send_signal(signal.SIGINT)
        drain(terminal)
        text, _ = process.communicate(timeout=300)
        assert process.returncode == 130, process.returncode
        assert "interrupted" in text, text
        rotation = np.load(os.path.join(folder, "R.npy"))
        assert rotation.shape == (192, 192) and rotation.dtype == np.float32
        assert orthogonality(rotation) < 1e-5, orthogonality(rotation)
        with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
            report = json.load(file)
        assert report["interrupted"] and len(report["rounds"]) >= 3
        losses = [round["loss"] for round in report["rounds"]]
        assert report["best_round"] == losses.index(min(losses))
        assert sorted(os.listdir(folder)) == ["R.npy", "X.npy", "p.svg", "r.json"]

    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=600, channels=192))
        process, terminal = start(folder)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        drain(terminal)
        process.communicate(timeout=300)
        # The two may arrive as one; whichever happens, the folder holds all outputs or none.
        assert process.returncode in (-signal.SIGINT, 130), process.returncode
        expected = ["X.npy"] if process.returncode < 0 else ["R.npy", "X.npy", "p.svg", "r.json"]
        assert sorted(os.listdir(folder)) == expected, os.listdir(folder)


main()
