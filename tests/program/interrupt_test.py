"""Ctrl-C, SIGTERM, SIGHUP: the best rotation so far is written, exit code 128 + the signal's number. A second signal ends the program,
nothing half written. A signal that whoever started the program ignores is ignored."""

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


def check_each_signal():
    for number in (signal.SIGTERM, signal.SIGHUP):
        with scratch() as folder:
            np.save(os.path.join(folder, "X.npy"), sample(rows=200, channels=64))
            process, terminal = start(folder)
            process.send_signal(number)
            drain(terminal)
            text, _ = process.communicate(timeout=300)
            assert process.returncode == 128 + number and "interrupted" in text, (number, process.returncode, text)
            assert orthogonality(np.load(os.path.join(folder, "R.npy"))) < 1e-5


def check_ignored_signals():
    """As under nohup, or in the background of a shell: the work goes on, whatever comes."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=200, channels=64))
        rounds = 12
        command = [PROGRAM, "--input", "X.npy", "--output", "R.npy", "--report", "r.json", "--log", "pipe", "--patience", "0", "--rounds",
                   str(rounds)]
        pipe = os.path.join(folder, "pipe")
        os.mkfifo(pipe)
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in numbers])
        with open(pipe, encoding="utf-8") as log:
            lines = 0
            for lines, _ in enumerate(log, 1):
                if lines <= 3:
                    process.send_signal(numbers[lines - 1])
        text, _ = process.communicate(timeout=300)
        assert process.returncode == 0 and "interrupted" not in text, (process.returncode, text)
        assert lines == rounds + 1, lines
        with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
            assert not json.load(file)["interrupted"]


def drain(terminal):
    """Reads what is left on the terminal, so that the program never waits for a reader."""
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # the other end was closed
        pass
    os.close(terminal)


def main():
    check_ignored_signals()
    check_each_signal()
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
