"""File names of any bytes: every output is what it should be, JSON and XML are whole, and what is shown stays on its line."""

import json
import os
import subprocess
import xml.etree.ElementTree

from support import PROGRAM, np, sample, scratch

NAMES = (b"plain.npy", "größe 空.npy".encode(), b"bad\xff\xfe.npy", b"cut\xe2\x82.npy", b"overlong\xc0\xaf.npy", b"surrogate\xed\xa0\x80.npy",
         b"line\nend.npy", b"escape\x1b[31m.npy", b"bell\x07tab\t.npy", b"c1\xc2\x9b31m.npy", b"non\xef\xbf\xbe.npy", b"<&\"'>.npy", b"back\\x41.npy",
         "line\u2028.npy".encode(), "turned\u202eypn.npy".encode(), b"%s%n{}$(x).npy", b"-dash.npy", b"l" * 240 + b".npy")


def run(folder, *arguments):
    return subprocess.run([os.fsencode(PROGRAM), *arguments], cwd=folder, capture_output=True, check=False)


def require_visible(text, what):
    shown = text.decode("utf-8")  # or it fails
    assert all(c.isprintable() or c == "\n" for c in shown), (what, shown)
    return shown


def main():
    with scratch() as place:
        folder = os.fsencode(place)
        for name in NAMES:
            path = os.path.join(folder, name)
            rotation = b"Q" + name
            with open(path, "wb") as file:
                np.save(file, sample(rows=40, channels=16))
            with open(os.path.join(folder, rotation), "wb") as file:
                np.save(file, np.eye(16))
            outputs = [prefix + name for prefix in (b"R", b"r", b"p", b"t", b"l", b"c")]
            work = [b"--input=" + name, b"--rotation", rotation, b"--rounds", b"2"]
            for option, output in zip((b"--output", b"--report", b"--plot", b"--csv", b"--log", b"--checkpoint"), outputs):
                work += [option, output]
            for resume in ([], [b"--resume"]):
                done = run(folder, *work, *resume)
                assert done.returncode == 0 and done.stderr == b"", (name, done.stderr)
                shown = require_visible(done.stdout, name)
                contents = {}
                for output in outputs:
                    with open(os.path.join(folder, output), "rb") as file:
                        contents[output[:1]] = file.read()
                report = json.loads(contents[b"r"].decode("utf-8"))
                assert shown.startswith(report["input"] + ": 40 tokens"), (name, shown)
                assert report["input"].endswith(".npy") and report["input"].isprintable()
                title = xml.etree.ElementTree.fromstring(contents[b"p"].decode("utf-8")).find("{http://www.w3.org/2000/svg}title")
                assert title.text.startswith(report["input"] + ":"), (name, title.text)
                if name.decode("utf-8", "replace").isprintable() and "\ufffd" not in name.decode("utf-8", "replace"):
                    assert report["input"] == name.decode("utf-8"), report["input"]
                [json.loads(line) for line in contents[b"l"].decode("utf-8").splitlines()]
                require_visible(contents[b"t"], name)
            # In messages, too.
            for arguments in ([b"--input=absent" + name[:200], b"--output", b"R.npy"], [b"--input=" + name, b"--output", name],
                              [b"--input=" + name, b"--output", b"absent/" + name], [b"--input=" + name, b"--output", b"R.npy", b"--rounds=" + name]):
                done = run(folder, *arguments)
                assert done.returncode in (2, 3) and done.stdout == b"", (arguments, done.returncode)
                require_visible(done.stderr, arguments)
                assert done.stderr.count(b"\n") == 1, (arguments, done.stderr)


main()
