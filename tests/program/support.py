"""What the tests of dfrot-refine share. Each test is a script: argument 1 is the program; exit code 77 means skipped.

DFROT_DATA         the folder with real activations; tests of them are skipped without it
DFROT_TEST_ROUNDS  fewer rounds for slow builds (sanitizers), 30 where it is not set
"""

import contextlib
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed")
    sys.exit(77)

# Tests run side by side: threads that wait for one another must not do so at the others' expense.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "dfrot-refine"
ROUNDS = int(os.environ.get("DFROT_TEST_ROUNDS", "30"))


def refine(*arguments, folder=None):
    """Runs the program and returns the finished process with its output as text."""
    command = [PROGRAM] + [str(argument) for argument in arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def refine_well(*arguments, folder=None, warns=False):
    """Runs the program; anything but success and silence on standard error fails the test, or, where it may warn, but warnings."""
    done = refine(*arguments, folder=folder)
    assert done.returncode == 0, f"{arguments}: exit code {done.returncode}: {done.stderr}"
    assert all(warns and line.startswith("dfrot-refine: warning: ") for line in done.stderr.splitlines()), f"{arguments}: {done.stderr}"
    return done


@contextlib.contextmanager
def scratch():
    """A folder of its own, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="dfrot-program-test-") as folder:
        yield folder


def real_rows():
    """The path of the real activations, or exit with 77."""
    folder = os.environ.get("DFROT_DATA", "")
    path = os.path.join(folder, "qwen2.5-0.5b_layer12", "hidden.npy")
    if not folder or not os.path.exists(path):
        print("skipped: DFROT_DATA does not name the folder with qwen2.5-0.5b_layer12/hidden.npy")
        sys.exit(77)
    return path


def sample(rows, channels, massive=4, seed=0):
    """Float32 rows with outlier channels; the first `massive` of them have nearly all energy in one channel."""
    generator = np.random.default_rng(seed)
    spread = np.exp(0.5 * generator.normal(size=channels))
    spread[3] = 12.0
    x = generator.normal(size=(rows, channels)) * spread
    x[:massive] = 0.02 * generator.normal(size=(massive, channels))
    x[:massive, 5] = 50.0
    return (x / np.sqrt((x**2).mean(axis=1, keepdims=True))).astype(np.float32)


def rms_norm(x):
    x = x.astype(np.float64)
    return (x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6)).astype(np.float32).astype(np.float64)


def quantized_symmetric(x, clip=1.0):
    scale = clip * np.abs(x).max(axis=1, keepdims=True) / 7
    scale[scale == 0] = 1
    return np.clip(np.rint(x / scale), -8, 7) * scale


def quantized_asymmetric(x, clip=1.0):
    low = clip * np.minimum(x.min(axis=1, keepdims=True), 0)
    high = clip * np.maximum(x.max(axis=1, keepdims=True), 0)
    scale = (high - low) / 15
    scale[scale == 0] = 1
    zero = np.clip(np.rint(-low / scale), 0, 15)
    return (np.clip(np.rint(x / scale) + zero, 0, 15) - zero) * scale


def token_errors(x, quantized=quantized_symmetric, search=False):
    """Squared error of each row; with `search` the best of 17 clip ratios from 1 to 0.6."""
    ratios = [1 - 0.025 * i for i in range(17)] if search else [1.0]
    return np.min([((x - quantized(x, ratio)) ** 2).sum(axis=1) for ratio in ratios], axis=0)


def summary(x, errors, massive, alpha=100.0):
    """The three figures of the report, from squared errors."""
    relative = errors / (x**2).sum(axis=1)
    mean = lambda rows: relative[rows].mean() if rows.any() else None
    return {"ordinary": mean(~massive), "massive": mean(massive),
            "weighted_loss": errors[~massive].sum() + alpha**2 * errors[massive].sum()}


def require_close(name, found, expected, tolerance=1e-3):
    """Compares the figures of a report, each to a relative tolerance."""
    assert set(found) == {"ordinary", "massive", "weighted_loss"}, f"{name}: {found}"
    for key, value in expected.items():
        if value is None:
            assert found[key] is None, f"{name}.{key}: {found[key]}, expected null"
        else:
            assert abs(found[key] - value) <= tolerance * abs(value), f"{name}.{key}: {found[key]}, recomputed {value}"


def orthogonality(rotation):
    r = rotation.astype(np.float64)
    return np.linalg.norm(r.T @ r - np.eye(len(r))) / np.sqrt(len(r))
