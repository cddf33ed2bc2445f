#!/usr/bin/env python3
"""dfrot-llm quantize: a folder with weights in 4 bits, which other programs read, and runs that go on where they were killed.

    quantize_program_test.py <dfrot-llm>     exit status 0: passed, 1: failed, 77: skipped

Quantizes DFROT_DATA/stories260k, a small trained LLaMA, and reads the files with a reader of its own.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

try:
    import numpy
except ImportError:
    print("skipped: numpy is missing")
    sys.exit(77)

LAYERS = 5
LINEAR = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I32": "<i4", "I64": "<i8"}
failures = []


def check(holds, text):
    if not holds:
        failures.append(text)
        print(f"FAILED: {text}")


def run(*command):
    return subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=300)


def run_well(*command):
    done = run(*command)
    check(done.returncode == 0, f"{command[1:]}: exit status {done.returncode}: {done.stderr[-300:]}")
    return done


def read_file(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(data[8 + length:][slice(*entry["data_offsets"])], DTYPES[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items()}


def read_folder(folder):
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors.update(read_file(path))
    return tensors


def write_file(path, tensors):
    header, end = {}, 0
    for name, values in tensors.items():
        dtype = next(key for key, value in DTYPES.items() if numpy.dtype(value) == values.dtype)
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [end, end + values.nbytes]}
        end += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(values.tobytes() for values in tensors.values()))


def codes_of(tensors, module):
    """The whole numbers -8 ... 7 of a weight: eight in 32 bits, the first in the lowest, as code + 8."""
    rows, columns = tensors[module + ".weight_shape"]
    packed = tensors[module + ".weight_packed"].astype(numpy.uint32)
    codes = (packed[:, :, None] >> (4 * numpy.arange(8, dtype=numpy.uint32))) & 15
    codes = codes.reshape(rows, -1)
    check(not codes[:, columns:].any(), f"{module}: rows are filled up with zeros")
    return codes[:, :columns].astype(numpy.int32) - 8


def values_of(tensors, module):
    codes = codes_of(tensors, module)
    scales = tensors[module + ".weight_scale"].astype(numpy.float32)
    group = codes.shape[1] if scales.shape[1] == 1 else 32
    return codes.astype(numpy.float32) * numpy.repeat(scales, group, axis=1)[:, :codes.shape[1]]


def perplexities(program, model, ids, folder, schemes, *more):
    report = folder / "r.json"
    report.unlink(missing_ok=True)
    run_well(program, "perplexity", model, "--ids", ids, "--bos", 1, "--context", 64, "--sequences", 3, "--schemes", schemes, "--report",
             report, *more)
    return [each["perplexity"] for each in json.loads(report.read_text(encoding="utf-8"))["results"]]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check_resumed(command, whole, folder):
    """Killed ten times at random moments, then run to the end: the same files."""
    began = time.monotonic()
    run_well(*command, whole)
    seconds = time.monotonic() - began
    chance = random.Random(7)
    killed = 0
    for _ in range(10):
        with subprocess.Popen([str(each) for each in (*command, folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            time.sleep(chance.uniform(0.05, 0.5) * seconds)
            child.send_signal(signal.SIGKILL)
            killed += child.wait() == -signal.SIGKILL
    check(killed > 0, "a run was killed before its end")
    last = run_well(*command, folder)
    check(contents(folder) == contents(whole), f"{killed} times killed: the files are those of an undisturbed run: {sorted(contents(folder))}")
    again = run_well(*command, folder)
    check(again.stdout.startswith("0 of 6 files") and contents(folder) == contents(whole), f"nothing is left to do: {last.stdout} {again.stdout}")


def check_refused(command, folder, other_ids):
    """A folder that was begun with something else."""
    before = contents(folder)
    for option, value, named in (("--seed", 4, "--seed"), ("--group", 32, "--group"), ("--rotation", "orthogonal", "rotation"),
                                 ("--scale-type", "bfloat16", "--scale-type"), ("--gptq-sequences", 2, "--gptq-sequences"),
                                 ("--ids", other_ids, "text"), ("--down-hadamard", 4, "--down-hadamard")):
        arguments = list(command)
        if option in arguments:
            arguments[arguments.index(option) + 1] = value
        else:
            arguments[2:2] = [option, value]
        wrong = run(*arguments, folder)
        check(wrong.returncode == 3 and named in wrong.stderr, f"other {option}: {wrong.returncode}: {wrong.stderr}")
    check(contents(folder) == before, "nothing is written where something differs")


def check_codes(program, model, ids, folder):
    """Without rotations: codes of the file are the nearest of the original weights, and the program runs what the file says."""
    run_well(program, "quantize", model, "--rotation", "none", "--group", 32, "-o", folder / "plain", "--format", "dfrot")
    tensors = read_folder(folder / "plain")
    original = read_file(model / "model.safetensors")
    floats = {}
    for layer in range(LAYERS):
        for part in LINEAR:
            module = f"model.layers.{layer}.{part}"
            w = original[module + ".weight"].astype(numpy.float64)
            if not part.endswith(("o_proj", "down_proj")):
                norm = "input" if "attn" in part else "post_attention"
                w = w * original[f"model.layers.{layer}.{norm}_layernorm.weight"]
            check(tensors[module + ".weight_scale"].dtype == numpy.float16, f"{module}: scales of 16 bits")
            scales = numpy.repeat(tensors[module + ".weight_scale"].astype(numpy.float64), 32, axis=1)[:, :w.shape[1]]
            quotient = numpy.clip(w.astype(numpy.float32) / scales, -8, 7)
            check(abs(codes_of(tensors, module) - quotient).max() <= 0.5001, f"{module}: codes are the nearest to the rounded scale")
            floats[module + ".weight"] = values_of(tensors, module)
    floats.update({name: values.astype(numpy.float32) for name, values in tensors.items() if "weight_" not in name})
    (folder / "floats").mkdir()
    write_file(folder / "floats" / "model.safetensors", floats)
    config = json.loads((folder / "plain" / "config.json").read_text(encoding="utf-8"))
    for key in ("quantization_config", "dfrot"):
        del config[key]
    (folder / "floats" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    stored, plain = (perplexities(program, folder / name, ids, folder, "16-16-16", "--rotations", "none") for name in ("plain", "floats"))
    check(stored == plain, f"the program runs the numbers of the file: {stored}, {plain}")


def check_gains(program, ids, folder):
    """A folder of another program: its norms have gains, which stay before the codes."""
    shutil.copytree(folder / "plain", folder / "others")
    (folder / "turned").mkdir()
    floats = read_file(folder / "floats" / "model.safetensors")
    gains = {name: numpy.random.default_rng(8).uniform(0.2, 3, values.shape).astype(numpy.float16)
             for name, values in floats.items() if "layers" in name and "layernorm" in name}
    floats.update({name: values.astype(numpy.float32) for name, values in gains.items()})
    write_file(folder / "turned" / "model.safetensors", floats)
    shutil.copy(folder / "floats" / "config.json", folder / "turned")
    for path in (folder / "others").glob("*.safetensors"):
        tensors = read_file(path)
        write_file(path, {name: gains.get(name, values) for name, values in tensors.items()})
    config = json.loads((folder / "others" / "config.json").read_text(encoding="utf-8"))
    del config["dfrot"]
    config["quantization_config"]["quant_method"] = "compressed-tensors"
    (folder / "others" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found, expected, without = (perplexities(program, folder / name, ids, folder, "16-16-16,16-4-4", "--rotations", "none")
                                for name in ("others", "turned", "plain"))
    check(abs(found[0] / expected[0] - 1) < 1e-4 and abs(without[0] / expected[0] - 1) > 1e-2, f"gains count: {found}, {expected}, {without}")
    way = [perplexities(program, folder / "others", ids, folder, "4-4-4", "--rotations", "none", "--compute", each) for each in ("simulated", "codes")]
    check(way[0] == way[1], f"codes behind gains: {way}")


def check_engine_layout(program, model, folder):
    """What compressed-tensors says, with Hadamard matrices of 4 channels before down."""
    wrong = run(program, "quantize", model, "--down-hadamard", "full", "-o", folder / "refused")
    check(wrong.returncode == 3 and "--format dfrot" in wrong.stderr and "up to 4" in wrong.stderr, f"172 channels: {wrong.stderr}")
    check(not (folder / "refused").exists(), "nothing is written where something is refused")
    run_well(program, "quantize", model, "--rotation", "none", "--down-hadamard", 4, "--scheme", "4-4-16", "-o", folder / "blocks")
    config = json.loads((folder / "blocks" / "config.json").read_text(encoding="utf-8"))
    said = config["quantization_config"]
    group = said["config_groups"]["group_0"]
    check((said["quant_method"], said["format"], said["ignore"]) == ("compressed-tensors", "pack-quantized", ["lm_head"]), f"{said}")
    check(group["targets"] == ["Linear"] and group["weights"]["strategy"] == "channel" and group["weights"]["symmetric"] is True, f"{group}")
    check(group["input_activations"]["strategy"] == "token" and group["input_activations"]["dynamic"] is True, f"{group}")
    transform = said["transform_config"]["config_groups"]["R4"]
    check(transform["type"] == "hadamard" and transform["head_dim"] == 4, f"{transform}")
    check(config["tie_word_embeddings"] is False and config["torch_dtype"] == "float16", "config.json is kept true")
    tensors, original = read_folder(folder / "blocks"), read_file(model / "model.safetensors")
    index = json.loads((folder / "blocks" / "model.safetensors.index.json").read_text(encoding="utf-8"))
    check(set(index["weight_map"]) == set(tensors), "the index names all tensors")
    for layer in range(LAYERS):
        module = f"model.layers.{layer}.mlp.down_proj"
        signs = tensors[module + ".R4_input.weight"].astype(numpy.float64)
        check((signs @ signs.T == 4 * numpy.eye(4)).all(), f"{signs} is a Hadamard matrix")
        w = original[module + ".weight"].astype(numpy.float64)
        turned = (values_of(tensors, module).reshape(64, -1, 4) @ signs.T / 2).reshape(w.shape)
        check(numpy.linalg.norm(turned - w) < 0.15 * numpy.linalg.norm(w), f"{module}: turned back it is the weight")


def check_malformed(program, ids, folder):
    """Folders that say something else than they hold."""
    module = "model.layers.1.mlp.up_proj"
    good = folder / "plain"
    shard = next(path for path in good.glob("*.safetensors") if module + ".weight_packed" in read_file(path)).name
    def change_tensor(suffix, change):
        def apply(to):
            tensors = read_file(to / shard)
            tensors[module + suffix] = change(tensors[module + suffix].copy())
            write_file(to / shard, tensors)
        return apply
    def change_config(change):
        def apply(to):
            config = json.loads((to / "config.json").read_text(encoding="utf-8"))
            change(config["quantization_config"], config)
            (to / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return apply
    def set_nan(scales):
        scales[3, 0] = numpy.nan
        return scales
    weights = lambda said: said["config_groups"]["group_0"]["weights"]
    cases = [("NaN", change_tensor(".weight_scale", set_nan), "weight_scale"),
             ("too few scales", change_tensor(".weight_scale", lambda x: x[:, :1].copy()), "weight_scale"),
             ("too few codes", change_tensor(".weight_packed", lambda x: x[:, :-1].copy()), "weight_packed"),
             ("codes of floats", change_tensor(".weight_packed", lambda x: x.astype(numpy.float32)), "weight_packed"),
             ("another shape", change_tensor(".weight_shape", lambda x: x + 1), "weight_shape"),
             ("asymmetric", change_config(lambda said, _: weights(said).update(symmetric=False)), "symmetric"),
             ("reordered", change_config(lambda said, _: weights(said).update(actorder="weight")), "actorder"),
             ("8 bits", change_config(lambda said, _: weights(said).update(num_bits=8)), "num_bits"),
             ("another method", change_config(lambda said, _: said.update(quant_method="awq")), "awq"),
             ("another layout", change_config(lambda said, _: said.update(format="marlin-24")), "marlin-24"),
             ("a rotation that divides nothing", change_config(lambda _, all: all["dfrot"]["rotations"].update(down_hadamard=5)), "down_hadamard"),
             ("transforms of others", change_config(lambda said, all: (all.pop("dfrot"), said.update(transform_config={"a": 1}))), "transform_config")]
    for name, damage, named in cases:
        to = folder / "bad"
        shutil.copytree(good, to)
        damage(to)
        wrong = run(program, "perplexity", to, "--ids", ids, "--context", 16, "--sequences", 1, "--rotations", "none", "--schemes", "4-4-4")
        check(wrong.returncode == 3 and named in wrong.stderr, f"{name}: {wrong.returncode}: {wrong.stderr}")
        shutil.rmtree(to)


def main(arguments):
    data = os.environ.get("DFROT_DATA")
    if not data:
        print("skipped: DFROT_DATA does not name the folder with stories260k")
        return 77
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    program = arguments[1]
    model = pathlib.Path(data) / "stories260k"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text, judged, other = folder / "ids.npy", folder / "judged.npy", folder / "other.npy"
        for path, seed in ((text, 5), (judged, 6), (other, 7)):
            numpy.save(path, numpy.random.default_rng(seed).integers(3, 512, 600).astype(numpy.int32))
        method = ["--weights", "gptq", "--gptq-sequences", 5, "--seed", 3]
        command = [program, "quantize", model, "--ids", text, "--bos", 1, "--context", 64, *method, "--format", "dfrot", "-o"]

        dry = run_well(*command, folder / "dry", "--dry-run")
        check("memory" in dry.stdout and "5 of " in dry.stdout and not (folder / "dry").exists(), f"--dry-run: {dry.stdout}")
        check_resumed(command, folder / "whole", folder / "killed")
        check_refused(command, folder / "whole", other)
        wrong = run(*command, model)
        check(wrong.returncode == 2 and "overwritten" in wrong.stderr, f"onto itself: {wrong.returncode}: {wrong.stderr}")
        check_codes(program, model, judged, folder)
        check_gains(program, judged, folder)
        check_engine_layout(program, model, folder)
        check_malformed(program, judged, folder)

        run_well(*command, folder / "exact", "--scale-type", "float32")
        schemes = "4-16-16,4-4-4"
        expected = perplexities(program, model, judged, folder, schemes, "--rotations", "hadamard", "--calibration-ids", text, *method)
        for way in ("simulated", "codes"):
            found = perplexities(program, folder / "exact", judged, folder, schemes, "--compute", way)
            check(found == expected, f"--compute {way}: the folder runs as measured in one go: {found}, {expected}")
        for arguments_of_it, named in (("--rotations hadamard", "--rotations has to be none"), ("--rotations none --weights gptq", "stored"),
                                       ("--rotations none --schemes 8-16-16", "stored")):
            wrong = run(program, "perplexity", folder / "exact", "--ids", judged, "--context", 64, *arguments_of_it.split())
            check(wrong.returncode == 3 and named in wrong.stderr, f"{arguments_of_it}: {wrong.returncode}: {wrong.stderr}")
        for again in (["export", folder / "exact", "--rotation", "none"], ["quantize", folder / "exact"]):
            wrong = run(program, *again, "-o", folder / "new")
            check(wrong.returncode == 3 and "quantized" in wrong.stderr and not (folder / "new").exists(), f"{again}: {wrong.stderr}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
