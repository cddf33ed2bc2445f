"""Every option that takes a number, found in --help, reads it strictly: what is no plain decimal number, or does not fit, is refused
with exit code 2 before anything is done, and never becomes another number in silence."""

import os
import re

from support import np, refine, refine_well, sample, scratch

GOOD = ("--input", "X.npy", "--output", "R.npy", "--dry-run")
# What no number may look like, whatever its type.
NO_NUMBERS = ("", " ", "x", "3 ", " 3", "\t3", "3\n", "3x", "3;", "3,5", "+3", "--3", "0x3", "0X3", "0b1", "1e999", "-1e999", "nan", "NAN",
              "-nan", "inf", "-inf", "infinity", "1e", "1e+", "e3", ".", "-", "1_000", "1'000", "٣", "３", "3\xa0", "1e99999999999999")
NO_INTEGERS = ("1.0", "3.", "1e1", "010", "00", "-0", "0o7", "9223372036854775808x", "18446744073709551616",
               "36893488147419103232", "99999999999999999999999999", "-18446744073709551615")


def number_options():
    """Name of each option that takes a number, and whether it is a whole one."""
    found = {}
    for name, kind in re.findall(r"^ +(?:-\w,)?(--[\w-]+) ([^\s=]+)", refine_well("--help").stdout, flags=re.MULTILINE):
        if kind in ("INT", "UINT"):
            found[name] = True
        elif kind in ("FLOAT", "RATIO", "FRACTION", "NUMBER") or "VALUE" in kind:
            found[name] = False
    return found


def main():
    options = number_options()
    print("number options:", " ".join(sorted(options)))
    known = {"--starts", "--rounds", "--patience", "--momentum", "--target-clip", "--first-share", "--first-rounds", "--block", "--prototypes", "--alpha", "--massive",
             "--holdout", "--seed", "--threads", "--bits", "--clip"}
    assert known <= set(options), known - set(options)
    assert {name for name in known if options[name]} == {"--starts", "--rounds", "--patience", "--first-rounds", "--block", "--prototypes", "--seed",
                                                         "--threads", "--bits"}
    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=40, channels=16))
        for name, is_whole in options.items():
            for text in NO_NUMBERS + (NO_INTEGERS if is_whole else ()):
                done = refine(*GOOD, f"{name}={text}", folder=folder)
                assert done.returncode == 2, f"{name}={text!r}: exit code {done.returncode}: {done.stdout}{done.stderr}"
                assert done.stdout == "" and done.stderr.count("\n") == 1 and name in done.stderr, f"{name}={text!r}: {done.stderr!r}"
        # The largest numbers that fit are themselves.
        refine_well("--input", "X.npy", "--output", "R.npy", "--rounds", 0, "--report", "r.json", "--seed", 18446744073709551615,
                    folder=folder)
        with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
            assert '"seed": 18446744073709551615' in file.read()


main()
