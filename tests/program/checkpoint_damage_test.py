"""Checkpoints that are damaged, lie, or belong to other work: exit code 3, one line that names the file, nothing written. Damage that
keeps the checksum right is made with python3-xxhash, and skipped without it."""

import copy
import json
import os
import struct

from support import ROUNDS, np, refine, refine_well, sample, scratch

try:
    import xxhash
except ImportError:
    xxhash = None

WORK = ["--input", "X.npy", "--method", "full", "--rounds", "6", "--patience", "0", "--holdout", "0.2", "--threads", "1"]
KEPT = ["--checkpoint", "c.st", "--resume", "--output", "R2.npy"]
HUGE = (2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -1, -(2**63), 1e300, -1e300, 0.5)


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def write(folder, name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


class Parts:
    """A checkpoint taken apart: header, state, numbers; put together again with a right checksum."""

    def __init__(self, data):
        length = struct.unpack("<Q", data[:8])[0]
        self.header = json.loads(data[8:8 + length])
        self.state = json.loads(self.header["__metadata__"].pop("state"))
        self.numbers = bytearray(data[8 + length:-16])

    def bytes(self, text=None, length=None):
        if text is None:
            header = copy.deepcopy(self.header)
            if "__metadata__" in header and isinstance(header["__metadata__"], dict):
                header["__metadata__"].setdefault("state", json.dumps(self.state))
            text = json.dumps(header).encode()
        data = struct.pack("<Q", len(text) if length is None else length) + text + bytes(self.numbers)
        return data + xxhash.xxh3_128(data).digest()


def require_refusal(folder, data, why, *words):
    write(folder, "c.st", data)
    done = refine(*WORK, *KEPT, folder=folder)
    assert done.returncode == 3, f"{why}: exit code {done.returncode}: {done.stdout}{done.stderr}"
    assert done.stderr.count("\n") == 1 and "c.st" in done.stderr, f"{why}: {done.stderr!r}"
    assert "R2.npy" not in os.listdir(folder), f"{why}: a rotation was written"
    for word in words:
        assert word in done.stderr, f"{why}: '{word}' is missing in {done.stderr}"


def check_damage(folder, whole):
    """Any byte, anywhere."""
    length = struct.unpack("<Q", whole[:8])[0]
    numbers = len(whole) - 8 - length
    places = [*range(0, 9), *range(9, 8 + length, 97), *range(8 + length, len(whole), numbers // 29), len(whole) - 16, len(whole) - 1]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 0x10
        require_refusal(folder, bytes(changed), f"byte {place} changed")
    for size in (0, 1, 7, 8, 9, 8 + length - 1, 8 + length, 8 + length + 1, len(whole) - 16, len(whole) - 1):
        require_refusal(folder, whole[:size], f"cut to {size} bytes")
    require_refusal(folder, whole + b"\0", "a byte too many", "bytes")
    require_refusal(folder, whole + whole, "twice")
    for claimed in (2**63, 2**63 - 1, 2**64 - 1, 2**64 - 8, len(whole), len(whole) - 8):
        require_refusal(folder, struct.pack("<Q", claimed) + whole[8:], f"a header of {claimed} bytes")
    zeroed = bytearray(whole)
    zeroed[8 + length:-16] = bytes(numbers - 16)
    require_refusal(folder, bytes(zeroed), "all numbers zero", "checksum")
    write(folder, "c.st", whole)
    os.remove(os.path.join(folder, "c.st"))
    os.mkdir(os.path.join(folder, "c.st"))
    done = refine(*WORK, *KEPT, folder=folder)
    assert done.returncode == 3 and "c.st" in done.stderr, done.stderr
    os.rmdir(os.path.join(folder, "c.st"))


def header_lies(whole):
    """Headers that are whole and false: what, bytes."""
    for name in ("rotation", "previous", "best", "checksum"):
        for key, values in (("dtype", ("F64", "F16", "I32", "", "F" * 100000, 7, None, ["F32"])),
                            ("shape", ([], [32], [32, 32, 1], [32, 31], [31, 32], [0, 0], [0, 32], [1024, 1], [-32, -32], [2**32, 2**32],
                                       [2**63, 2], [2**62, 4], [2**31, 2**31], [32.0, 32.0], ["32", "32"], "32", None, {}, [[32, 32]])),
                            ("data_offsets", ([], [0], [0, 4096, 4096], [4096, 0], [1, 4097], [-4096, 0], [2**64 - 1, 4095],
                                              [2**63, 2**63 + 4096], [0, 2**64], [0.0, 4096.0], None, "0", [None, None]))):
            for value in values:
                parts = Parts(whole)
                parts.header[name][key] = value
                yield f"{name}: {key} {str(value)[:60]}", parts.bytes()
            parts = Parts(whole)
            del parts.header[name][key]
            yield f"{name} without {key}", parts.bytes()
        parts = Parts(whole)
        del parts.header[name]
        yield f"no {name}", parts.bytes()
        parts = Parts(whole)
        parts.header[name] = None
        yield f"{name} is null", parts.bytes()
    parts = Parts(whole)
    parts.header["previous"]["data_offsets"] = parts.header["best"]["data_offsets"]
    yield "two arrays in one place", parts.bytes()
    for text in (b"", b" ", b"{}", b"[]", b"null", b"1", b"{", b'{"__metadata__": {}}', b"[" * 200000, b'{"a":' * 200000, b"\xff" * 64,
                 b'{"__metadata__": {"state": 1}}', b'{"\\u0000": {}}', b'{"": {}}', b'{"a\xc0\x80": {}}'):
        yield f"the header {text[:40]}", Parts(whole).bytes(text=text)
    good = Parts(whole)
    text = json.dumps({**good.header, "__metadata__": {**good.header["__metadata__"], "state": json.dumps(good.state)}}).encode()
    best = b'"best": '
    assert text.count(best) == 1
    yield "best twice", good.bytes(text=text.replace(best, best + b'{"dtype": "F32", "shape": [0, 0], "data_offsets": [0, 0]}, "best": '))
    yield "metadata twice", good.bytes(text=b'{"__metadata__": {}, ' + text[1:])
    for value in (None, [], "x", 7, {"state": 7}, {"state": None}):
        parts = Parts(whole)
        parts.header["__metadata__"] = value
        yield f"metadata {value}", parts.bytes()


def state_lies(whole):
    """Numbers that no work comes to: what, bytes."""
    def changed(what, change):
        parts = Parts(whole)
        change(parts.state)
        return what, parts.bytes()

    good = Parts(whole).state
    for key, value in good.items():
        yield changed(f"no {key}", lambda state: state.pop(key))
        others = [*HUGE, None, "1", [], {}]
        if key == "rounds":
            others += [[None], [{}], [1], value + value, value[1:], value[::-1], value[:-1] + [None]]
        elif isinstance(value, bool):
            others += [not value] if key != "few_tokens" else []
        else:
            others += [value + 1, value - 1, True]
        for other in others:
            if other != value or isinstance(other, bool) != isinstance(value, bool):
                yield changed(f"{key} = {str(other)[:60]}", lambda state: state.update({key: other}))
    for number in (0, len(good["rounds"]) - 1):
        for key, value in good["rounds"][number].items():
            yield changed(f"round {number} without {key}", lambda state: state["rounds"][number].pop(key))
            if key in ("used", "held_out"):
                others = [[], value[:2], value + [0], None, 7, ["1", "1", "1"], [-1.0, *value[1:]], [None, *value[1:]], [value[0], -1, -1]]
            elif key == "restarted":
                others = [not value, None, 0]
            elif key == "share":
                others = [0, -1, 0.5, 2, None, 1e300]
            else:
                others = [-1, None, "1", 1e300] if number == 0 else [-1, None, "1"]
            for other in others:
                yield changed(f"round {number}: {key} = {other}", lambda state: state["rounds"][number].update({key: other}))


def number_lies(whole):
    """Matrices that are no rotations."""
    for name in ("rotation", "previous", "best"):
        for what, change in (("zero", lambda x: 0 * x), ("nan", lambda x: x * np.nan), ("inf", lambda x: np.full_like(x, np.inf)),
                             ("1.01 times", lambda x: x * 1.01), ("one bit", lambda x: np.where(np.arange(x.size) == 5, -2.0, x))):
            parts = Parts(whole)
            begin, end = parts.header[name]["data_offsets"]
            x = np.frombuffer(bytes(parts.numbers[begin:end]), "<f4")
            parts.numbers[begin:end] = change(x).astype("<f4").tobytes()
            yield f"{name}: {what}", parts.bytes(), name


def check_lies(folder, whole):
    if xxhash is None:
        print("skipped: checkpoints that lie with a right checksum: python3-xxhash is not installed")
        return
    again = Parts(whole).bytes()
    write(folder, "c.st", again)
    refine_well(*WORK, "--checkpoint", "c.st", "--resume", "--output", "R.npy", folder=folder)  # taking apart is no lie
    old = Parts(whole)  # written before these options were: their defaults are meant
    for name in ("--first-share", "--first-rounds"):
        del old.header["__metadata__"][name]
    write(folder, "c.st", old.bytes())
    refine_well(*WORK, "--checkpoint", "c.st", "--resume", "--output", "R.npy", folder=folder)
    write(folder, "c.st", old.bytes())
    done = refine(*WORK, "--first-share", 0.5, *KEPT, folder=folder)
    assert done.returncode == 3 and "--first-share was 1, now it is 0.5" in done.stderr, done.stderr
    count = 0
    for lies in (header_lies, state_lies):
        for what, data in list(lies(whole))[::1 if ROUNDS >= 30 else 7]:  # fewer in slow builds
            require_refusal(folder, data, what)
            count += 1
    for what, data, name in number_lies(whole):
        require_refusal(folder, data, what, name, "no rotation")
        count += 1
    print(f"{count} lies refused")


def check_other_work(folder, whole):
    """Files are told by what is in them, not by their names or times."""
    x = np.load(os.path.join(folder, "X.npy"))
    changes = [("its negative", -x), ("two rows exchanged", x[[1, 0, *range(2, len(x))]]), ("channels exchanged", x[:, ::-1].copy()),
               ("one bit", np.where(np.arange(x.size).reshape(x.shape) == x.size - 1, np.nextafter(x, np.float32(np.inf)), x))]
    for what, other in changes:
        np.save(os.path.join(folder, "X.npy"), other.astype(x.dtype))
        require_refusal(folder, whole, f"input: {what}", "content of the input")
    np.save(os.path.join(folder, "X.npy"), x)
    np.save(os.path.join(folder, "Y.npy"), np.asfortranarray(x.astype(np.float64)))
    write(folder, "c.st", whole)
    renamed = ["Y.npy" if word == "X.npy" else word for word in WORK]
    refine_well(*renamed, "--checkpoint", "c.st", "--resume", "--output", "R.npy", folder=folder)  # the same numbers
    # The start rotation: the same name with other numbers, another name with the same.
    generator = np.random.default_rng(3)
    first, second = (np.eye(32)[generator.permutation(32)] for _ in range(2))
    np.save(os.path.join(folder, "Q.npy"), first)
    refine_well(*WORK, "--rotation", "Q.npy", "--checkpoint", "q.st", "--output", "R.npy", folder=folder)
    np.save(os.path.join(folder, "P.npy"), first)
    refine_well(*WORK, "--rotation", "P.npy", "--checkpoint", "q.st", "--resume", "--output", "R.npy", folder=folder)
    np.save(os.path.join(folder, "Q.npy"), second)
    done = refine(*WORK, "--rotation", "Q.npy", "--checkpoint", "q.st", "--resume", "--output", "R2.npy", folder=folder)
    assert done.returncode == 3 and "--rotation" in done.stderr and "R2.npy" not in os.listdir(folder), done.stderr


def main():
    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=60, channels=32))
        refine_well(*WORK, "--checkpoint", "c.st", "--output", "R.npy", folder=folder)
        whole = content(folder, "c.st")
        check_damage(folder, whole)
        check_other_work(folder, whole)
        check_lies(folder, whole)


main()
