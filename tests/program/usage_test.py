"""Mistakes in the command line: exit code 2, nothing written. Also --help, --version, and a run without extras."""

import json
import os

from support import np, refine, refine_well, sample, scratch

GOOD = ("--input", "X.npy", "--output", "R.npy")
MISTAKES = (
    (),
    ("--input", "X.npy"),
    (*GOOD, "--unknown"),
    (*GOOD, "stray"),
    (*GOOD, "--rounds"),
    (*GOOD, "--rounds", "-1"),
    (*GOOD, "--rounds", "2.5"),
    (*GOOD, "--rounds", "many"),
    (*GOOD, "--alpha", "0"),
    (*GOOD, "--alpha", "-3"),
    (*GOOD, "--alpha", "nan"),
    (*GOOD, "--alpha", "inf"),
    (*GOOD, "--threads", "0"),
    (*GOOD, "--holdout", "1"),
    (*GOOD, "--holdout", "-0.1"),
    (*GOOD, "--holdout", "nan"),
    (*GOOD, "--seed", "-1"),
    (*GOOD, "--seed", "one"),
    (*GOOD, "--bits", "four"),
    (*GOOD, "--clip", "0"),
    (*GOOD, "--clip", "1.5"),
    (*GOOD, "--clip", "best"),
    (*GOOD, "--massive", "some"),
    (*GOOD, "--massive", "0"),
    (*GOOD, "--output", ""),
    ("--input", "X.npy", "--output", "X.npy"),
    ("--input", "X.npy", "--output", "./X.npy"),
    ("--input", "X.npy", "--output", "link.npy"),
    (*GOOD, "--report", "X.npy"),
    (*GOOD, "--csv", "R.npy"),
    (*GOOD, "--rotation", "Q.npy", "--plot", "Q.npy"),
    (*GOOD, "--method", "short", "--rotation", "Q.npy"),
    (*GOOD, "--method", "both"),
    (*GOOD, "--scale", "best"),
    (*GOOD, "--method", "short", "--momentum", "0.5"),
    (*GOOD, "--method", "short", "--target-clip", "0.5"),
    (*GOOD, "--target-clip", "0"),
    (*GOOD, "--target-clip", "1.5"),
    (*GOOD, "--target-clip", "nan"),
    (*GOOD, "--method", "short", "--first-share", "0.5"),
    (*GOOD, "--method", "short", "--first-rounds", "3"),
    (*GOOD, "--first-share", "0"),
    (*GOOD, "--first-share", "1.1"),
    (*GOOD, "--momentum", "1"),
    (*GOOD, "--momentum", "nan"),
    (*GOOD, "--patience", "-1"),
    (*GOOD, "--prototypes", "2"),
    (*GOOD, "--short-output", "R.short"),
    (*GOOD, "--rotation", "Q.npy", "--starts", "2"),
    (*GOOD, "--starts", "0"),
    (*GOOD, "--method", "short", "--checkpoint", "c.safetensors"),
    (*GOOD, "--resume"),
    (*GOOD, "--checkpoint", "X.npy"),
    (*GOOD, "--log", "R.npy"),
    (*GOOD, "--device", "gpu"),
    (*GOOD, "--method", "short", "--device", "cuda"),
)


def main():
    with scratch() as folder:
        x = sample(rows=64, channels=32, massive=0)
        np.save(os.path.join(folder, "X.npy"), x)
        np.save(os.path.join(folder, "Q.npy"), np.eye(32))
        os.symlink("X.npy", os.path.join(folder, "link.npy"))
        names = sorted(os.listdir(folder))
        for arguments in MISTAKES:
            done = refine(*arguments, folder=folder)
            assert done.returncode == 2, f"{arguments}: exit code {done.returncode}: {done.stderr}"
            assert done.stdout == "" and done.stderr.count("\n") == 1, f"{arguments}: {done.stdout}{done.stderr}"
            assert sorted(os.listdir(folder)) == names, f"{arguments}: something was written"

        help_text = refine_well("--help").stdout
        for option in ("--input", "--output", "--rms-norm", "--rotation", "--alpha", "--massive", "--bits",
                       "--asymmetric", "--clip", "--scale", "--method", "--device", "--prototypes",
                       "--momentum", "--target-clip", "--patience", "--first-share", "--first-rounds", "--starts", "--block", "--checkpoint", "--resume",
                       "--log", "--dry-run", "--short-output", "--rounds", "--seed", "--threads", "--holdout", "--start-output", "--report", "--plot",
                       "--csv", "Examples:"):
            assert option in help_text, f"{option} is missing in the help"
        assert refine_well("--version").stdout.startswith("dfrot-refine ")

        # Nothing but the outputs asked for; rows without massive tokens have no massive error.
        refine_well(*GOOD, "--rounds", 2, "--report", "r.json", folder=folder)
        assert sorted(os.listdir(folder)) == sorted(names + ["R.npy", "r.json"])
        with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
            report = json.load(file)
        assert report["massive"]["count"] == 0
        assert all(errors["massive"] is None for errors in report["errors"].values())
        assert np.array_equal(np.load(os.path.join(folder, "X.npy")), x), "the input was changed"


main()
