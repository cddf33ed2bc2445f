#!/usr/bin/env python3
"""E2M1, E4M3 and E8M0 against the Python package ml_dtypes: small_floats_test.py PROGRAM

Exits with 77, and says so, where numpy or ml_dtypes is not installed.
"""

import subprocess
import sys

try:
    import ml_dtypes
    import numpy as np

    E2M1, E4M3, E8M0 = ml_dtypes.float4_e2m1fn, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e8m0fnu
except (ImportError, AttributeError):
    print("skipped: Python has no numpy, or no ml_dtypes with float4_e2m1fn (pip install numpy ml_dtypes)")
    sys.exit(77)

failures = []


def check(what, found, expected, points):
    wrong = np.flatnonzero(found != expected)
    print(f"{what}: {len(points)} points, {len(wrong)} differ")
    if len(wrong) or not len(points):
        i = wrong[0] if len(wrong) else 0
        failures.append(what)
        print("FAILED:", what, "" if not len(points) else f"{points[i]!r} gave {found[i]}, expected {expected[i]}")


def around(values):
    """Values, what lies half way between them, and the floats next to all of these; both signs."""
    values = np.unique(np.asarray(values, np.float32))
    points = np.concatenate([values, (values[:-1] + values[1:]) / np.float32(2)])
    points = np.concatenate([points, np.nextafter(points, np.float32(0)), np.nextafter(points, np.float32(np.inf))])
    return np.concatenate([points, -points])


def main(program):
    codes = np.arange(256, dtype=np.uint8)
    e2m1 = codes[:8].view(E2M1).astype(np.float32)
    e4m3 = codes[:127].view(E4M3).astype(np.float32)
    rng = np.random.default_rng(1)
    wide = (rng.choice([-1, 1], 20000) * np.exp2(rng.uniform(-140, 127, 20000))).astype(np.float32)
    x = np.concatenate([around(e2m1), around(e4m3), np.linspace(-9, 9, 4097, dtype=np.float32), wide,
                        np.exp2(np.arange(-149, 128)).astype(np.float32), codes.astype(np.uint32).view(np.float32)])
    record = np.dtype([("e2m1", "u1"), ("e4m3", "u1"), ("floor", "u1"), ("ceil", "u1"), ("values", "<f4", 3)])
    output = subprocess.run([program], input=x.tobytes(), capture_output=True, check=True).stdout
    found = np.frombuffer(output, record)
    assert len(found) == len(x)

    check("codes of E2M1", found["e2m1"], x.astype(E2M1).view(np.uint8), x)
    # ml_dtypes makes NaN of what is too large for E4M3; here, it saturates.
    expected = np.where(np.abs(x) > 448, np.where(x < 0, 0xfe, 0x7e), x.astype(E4M3).view(np.uint8))
    check("codes of E4M3", found["e4m3"], expected, x)
    # Any power of two that E8M0 has is itself under all rules; numbers between them go down or up by one.
    size = np.abs(x)
    power = (x.view(np.uint32) & 0x7fffff == 0) & (size >= np.float32(2.0 ** -126))
    check("powers of two in E8M0", found["floor"][power], size[power].astype(E8M0).view(np.uint8), x[power])
    check("powers of two in E8M0, ceil", found["ceil"][power], size[power].astype(E8M0).view(np.uint8), x[power])
    between = ~power & (size > np.float32(2.0 ** -126)) & (size < np.float32(2.0 ** 127))
    below = np.exp2(np.floor(np.log2(size[between].astype(np.float64)))).astype(np.float32)
    check("between powers, floor", found["floor"][between], below.astype(E8M0).view(np.uint8), x[between])
    check("between powers, ceil", found["ceil"][between], (2 * below).astype(E8M0).view(np.uint8), x[between])

    byte = (x.view(np.uint32) & 0xff).astype(np.uint8)
    assert len(np.unique(byte)) == 256
    for k, expected in enumerate([(byte & 15).view(E2M1), byte.view(E4M3), byte.view(E8M0)]):
        value = found["values"][:, k]
        expected = expected.astype(np.float32)
        same = (value == expected) | (np.isnan(value) & np.isnan(expected))
        check(("values of E2M1", "values of E4M3", "values of E8M0")[k], same, np.ones(len(x), bool), byte)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
