"""Outputs of every kind, from the outside: pipes, descriptors of the caller, devices, links, files that cannot be replaced, standard
output. Nothing that stood there is destroyed, no reader is left waiting, and no result is lost without a word."""

import os
import shutil
import signal
import subprocess
import sys
import threading

from support import PROGRAM, np, refine, refine_well, sample, scratch

WORK = ["--input", "X.npy", "--rounds", "2", "--threads", "1"]
FILES = {"--output": "R.npy", "--start-output": "S.npy", "--report": "r.json", "--plot": "p.svg", "--csv": "t.csv", "--log": "l.jsonl",
         "--short-output": "R.short"}


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def arguments_with(option, name):
    """A run in which one output has another name; the short method where the option asks for it."""
    method = ["--method", "short"] if option == "--short-output" else []
    output = [] if option == "--output" else ["--output", "R.npy"]
    return [*WORK, *method, *output, option, name]


def without_times(text):
    """Bytes of an output, but for how long the work took."""
    return b"\n".join(line for line in text.replace(b",", b"\n").split(b"\n") if b"seconds" not in line)


def expected_contents(folder):
    expected = {}
    for option, name in FILES.items():
        refine_well(*arguments_with(option, name), folder=folder)
        expected[option] = without_times(content(folder, name))
    return expected


def check_pipes(folder, expected):
    """The reader of a named pipe gets all bytes, then the end."""
    for option in FILES:
        pipe = os.path.join(folder, "pipe")
        os.mkfifo(pipe)
        received = []

        def read():
            with open(pipe, "rb") as reader:
                received.append(reader.read())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        process = subprocess.Popen([PROGRAM, *arguments_with(option, "pipe")], cwd=folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        try:
            _, errors = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            sys.exit(f"{option} to a pipe: the program waits for a reader that has gone")
        reader.join(timeout=60)
        assert process.returncode == 0, (option, errors)
        assert received and without_times(received[0]) == expected[option], f"{option} to a pipe: other bytes"
        os.remove(pipe)
    # A dry run opens no pipe: it would wait for a reader, who would get nothing.
    os.mkfifo(os.path.join(folder, "pipe"))
    subprocess.run([PROGRAM, *WORK, "--output", "pipe", "--dry-run"], cwd=folder, stdout=subprocess.DEVNULL, check=True, timeout=300)
    # A checkpoint is read again: no pipe can hold it.
    done = refine(*WORK, "--output", "R.npy", "--checkpoint", "pipe", folder=folder)
    assert done.returncode == 3 and "regular file" in done.stderr, done.stderr
    os.remove(os.path.join(folder, "pipe"))


def check_reader_that_leaves(folder):
    """A pipe whose reader goes away is an error of that output; the others are written."""
    os.mkfifo(os.path.join(folder, "pipe"))
    for name in ("R.npy", "r.json"):
        os.remove(os.path.join(folder, name))
    process = subprocess.Popen([PROGRAM, *WORK, "--output", "R.npy", "--csv", "pipe", "--report", "r.json"], cwd=folder,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    os.close(os.open(os.path.join(folder, "pipe"), os.O_RDONLY))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 3 and "pipe" in errors and errors.count("\n") == 1, (process.returncode, errors)
    assert os.path.exists(os.path.join(folder, "R.npy")) and os.path.exists(os.path.join(folder, "r.json"))
    os.remove(os.path.join(folder, "pipe"))
    process = subprocess.Popen([PROGRAM, *WORK, "--output", "R.npy"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=300) == 3 and "standard output" in errors, (process.returncode, errors)


def check_descriptors(folder, expected):
    """What a shell has opened to append to keeps what it holds, and gets the output behind it."""
    os.symlink("/dev/stdout", os.path.join(folder, "to_stdout"))
    names = [("/dev/stdout", 1), ("/dev/stderr", 2), ("/dev/fd/1", 1), ("/dev/fd/7", 7), ("/proc/self/fd/7", 7), ("to_stdout", 1),
             (os.path.relpath("/dev/fd/7", os.path.realpath(folder)), 7)]
    for name, number in names:
        if not os.path.exists("/proc/self/fd") and "fd" in name:
            print(f"skipped: {name}: this system has no /proc")
            continue
        for option in FILES if name == "/dev/fd/7" else ("--report", "--log"):
            with open(os.path.join(folder, "all.log"), "wb") as file:
                file.write(b"first line\n")
            words = [f"'{word}'" for word in arguments_with(option, name)]
            redirected = f"{number}>>all.log" + ("" if number == 1 else " >/dev/null")
            done = subprocess.run(["bash", "-c", f"'{PROGRAM}' {' '.join(words)} {redirected}"], cwd=folder, capture_output=True, check=False)
            assert done.returncode == 0, (option, name, done.stderr)
            found = content(folder, "all.log")
            assert found.startswith(b"first line\n"), f"{option} {name}: the file was written over: {found[:40]}"
            rest = without_times(found[len(b"first line\n"):])
            assert rest.startswith(expected[option]) if number == 1 else rest == expected[option], (option, name)
    # A descriptor that is not open, or open for reading only.
    for name, redirected in (("/dev/fd/9", ""), ("/dev/fd/9", "9</dev/null"), ("/dev/stdout", ">&-")):
        done = subprocess.run(["bash", "-c", f"'{PROGRAM}' {' '.join(WORK)} --output R.npy --report {name} {redirected}"], cwd=folder,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 3 and name in done.stderr, (name, redirected, done.stderr)
    # The log of another process's descriptor is added to, too.
    with open(os.path.join(folder, "all.log"), "wb") as file:
        file.write(b"first line\n")
    if os.path.exists("/proc/self/fd"):
        with open(os.path.join(folder, "all.log"), "ab") as file:
            refine_well(*WORK, "--output", "R.npy", "--report", f"/proc/{os.getpid()}/fd/{file.fileno()}", folder=folder)
        assert content(folder, "all.log").startswith(b"first line\n{")


def check_standard_output(folder):
    """Everything that goes to standard output is checked, and a closed one is given to no other file."""
    if os.path.exists("/dev/full"):
        for arguments in (["--help"], ["--version"], [*WORK, "--output", "R.npy", "--dry-run"], [*WORK, "--output", "R.npy"],
                          [*WORK, "--output", "R.npy", "--report", "/dev/stdout"], [*WORK, "--output", "R.npy", "--log", "/dev/full"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, *arguments], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            assert done.returncode == 3 and "No space left" in done.stderr, (arguments, done.returncode, done.stderr)
    else:
        print("skipped: this system has no /dev/full")
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        for name in FILES.values():
            if os.path.exists(os.path.join(folder, name)):
                os.remove(os.path.join(folder, name))
        command = f"'{PROGRAM}' {' '.join(WORK)} --output R.npy --report r.json --csv t.csv --log l.jsonl {closed}"
        done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == (3 if ">&-" in closed.replace("2>&-", "") else 0), (closed, done.returncode, done.stderr)
        for name, begins in (("R.npy", b"\x93NUMPY"), ("r.json", b"{"), ("t.csv", b"token,"), ("l.jsonl", b'{"round":0')):
            assert content(folder, name).startswith(begins), (closed, name)
        assert b"DFRot" not in content(folder, "l.jsonl") + content(folder, "r.json"), f"{closed}: the table went into a file"


def check_links(folder, expected):
    """A link stays a link, wherever it leads."""
    os.mkdir(os.path.join(folder, "other"))
    links = {"relative": "other/a", "absolute": os.path.join(os.path.realpath(folder), "other", "b"), "chain": "relative2",
             "relative2": "other/c", "into_folder": "folder_link/d", "folder_link": "other", "circle": "circle2", "circle2": "circle",
             "nowhere": "absent/e"}
    for name, to in links.items():
        os.symlink(to, os.path.join(folder, name))
    for option in ("--output", "--log"):  # the two ways to open a file
        for name, final in (("relative", "other/a"), ("absolute", "other/b"), ("chain", "other/c"), ("into_folder", "other/d")):
            for _ in range(2):  # the file is not there, and then is
                refine_well(*arguments_with(option, name), folder=folder)
                assert all(os.path.islink(os.path.join(folder, each)) for each in links), f"{option} {name}: a link was replaced"
                assert without_times(content(folder, final)) == expected[option], (option, name)
            os.remove(os.path.join(folder, final))
        for name in ("circle", "nowhere"):
            done = refine(*arguments_with(option, name), folder=folder)
            assert done.returncode == 3 and name in done.stderr and done.stderr.count("\n") == 1, (option, name, done.stderr)
            assert all(os.path.islink(os.path.join(folder, each)) for each in links)
    # Two names of one file that is not there yet.
    done = refine(*WORK, "--output", "relative", "--report", "other/a", folder=folder)
    assert done.returncode == 2 and "same file" in done.stderr, done.stderr
    for name in links:
        os.remove(os.path.join(folder, name))
    shutil.rmtree(os.path.join(folder, "other"))


def check_mounts(folder, expected):
    """A file that is a mount of its own, as containers have them, cannot be replaced: it is written in place."""
    with open(os.path.join(folder, "mounted"), "wb") as file:
        file.write(b"something longer than nothing" * 1000)
    with open(os.path.join(folder, "R.mount"), "wb"):
        pass
    may = subprocess.run(["unshare", "--mount", "mount", "--bind", "mounted", "R.mount"], cwd=folder, capture_output=True, check=False) \
        if shutil.which("unshare") else None
    if may is None or may.returncode != 0:
        print("skipped: no mount of a single file: that is not permitted here")
        return
    for option in (*FILES, "--checkpoint"):
        words = " ".join(f"'{word}'" for word in arguments_with(option, "R.mount"))
        done = subprocess.run(["unshare", "--mount", "bash", "-c", f"mount --bind mounted R.mount && '{PROGRAM}' {words}"], cwd=folder,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, (option, done.stderr)
        if option in expected:
            assert without_times(content(folder, "mounted")) == expected[option], option
        assert content(folder, "R.mount") == b"" and not [name for name in os.listdir(folder) if name.endswith(".tmp")]
    # Full in place: the whole output stays beside, and the message says where.
    script = ("mkdir small && mount -t tmpfs -o size=4k none small && touch small/t.csv && mount --bind small/t.csv R.mount && "
              f"'{PROGRAM}' {' '.join(WORK)} --output R.npy --csv R.mount")
    done = subprocess.run(["unshare", "--mount", "bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "R.mount" in done.stderr, (done.returncode, done.stderr)
    kept = [name for name in os.listdir(folder) if name.endswith(".tmp")]
    assert len(kept) == 1 and kept[0] in done.stderr, (kept, done.stderr)
    assert without_times(content(folder, kept[0])) == expected["--csv"]
    assert without_times(content(folder, "R.npy")) == expected["--output"]
    os.remove(os.path.join(folder, kept[0]))


def check_folders_without_permission(folder, expected):
    """A file that may be written in a folder that may not: in place. One that may not be replaced (sticky folder): the same."""
    if os.geteuid() == 0:
        if subprocess.run(["true"], user=65534, group=65534, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            print("skipped: no other user to be")
            return
        program = os.path.join(folder, "program")
        shutil.copy(PROGRAM, program)
        os.chmod(program, 0o755)
        as_user = {"user": 65534, "group": 65534, "extra_groups": []}
    else:
        print("skipped: folders of another user: only the administrator can make them")
        return
    os.chmod(folder, 0o755)
    os.chmod(os.path.join(folder, "X.npy"), 0o644)
    for place, mode in (("closed", 0o555), ("sticky", 0o1777)):
        os.mkdir(os.path.join(folder, place))
        path = os.path.join(folder, place, "R.npy")
        with open(path, "wb") as file:
            file.write(b"old" * 10000)
        os.chmod(path, 0o666)
        os.chmod(os.path.join(folder, place), mode)
        done = subprocess.run([program, *WORK, "--output", f"{place}/R.npy"], cwd=folder, capture_output=True, text=True, check=False, **as_user)
        assert done.returncode == 0, (place, done.stderr)
        assert without_times(content(folder, f"{place}/R.npy")) == expected["--output"] and os.listdir(os.path.join(folder, place)) == ["R.npy"], place
        os.chmod(path, 0o444)
        done = subprocess.run([program, *WORK, "--output", f"{place}/R.npy"], cwd=folder, capture_output=True, text=True, check=False, **as_user)
        assert done.returncode == 3 and "Permission denied" in done.stderr, (place, done.stderr)
    done = subprocess.run([program, *WORK, "--output", "closed/new.npy"], cwd=folder, capture_output=True, text=True, check=False, **as_user)
    assert done.returncode == 3 and "Permission denied" in done.stderr, done.stderr


def check_before_the_work(folder):
    """Every output is checked before anything is read, and stays as it is where something else is wrong."""
    for option in (*FILES, "--checkpoint"):
        for name, word in (("absent/x", "absent"), ("a_folder", "folder"), ("X.npy/x", "X.npy/x"), ("a_socket", "socket")):
            done = refine(*arguments_with(option, name)[2:], "--input", "no_such_input.npy", folder=folder)
            assert done.returncode == 3 and name in done.stderr, (option, name, done.stderr)
            assert "no_such_input" not in done.stderr, f"{option} {name}: looked at after the input was"
        with open(os.path.join(folder, "old"), "wb") as file:
            file.write(b"old")
        done = refine(*arguments_with(option, "old")[2:], "--input", "no_such_input.npy", folder=folder)
        assert done.returncode == 3 and "no_such_input" in done.stderr, (option, done.stderr)
        assert content(folder, "old") == b"old", f"{option}: the old file has gone though nothing was done"
        os.remove(os.path.join(folder, "old"))
        done = refine(*arguments_with(option, "new")[2:], "--input", "no_such_input.npy", folder=folder)
        assert done.returncode == 3 and not os.path.exists(os.path.join(folder, "new")), (option, done.stderr)


def main():
    import socket

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=60, channels=16))
        os.mkdir(os.path.join(folder, "a_folder"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(folder, "a_socket"))
        expected = expected_contents(folder)
        check_before_the_work(folder)
        check_pipes(folder, expected)
        check_descriptors(folder, expected)
        check_reader_that_leaves(folder)
        check_standard_output(folder)
        check_links(folder, expected)
        check_mounts(folder, expected)
        check_folders_without_permission(folder, expected)
        listener.close()


main()
