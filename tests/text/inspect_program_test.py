#!/usr/bin/env python3
"""dfrot-llm inspect on a real model.

Reads the model that DFROT_MODEL names (SmolLM2-135M-Instruct, see scripts/fetch-model.sh) and DFROT_DATA/wikitext2/ids.npy. What a
program of another kind (NumPy) found in that model has to be there: the first token's channel 507 in layers 12 to 28, the input of
down in layer 11, and token 260.
"""

import json
import pathlib
import tempfile

from support import check, data_folder, finish, model_file, run


def main():
    model, ids = model_file(), data_folder() / "wikitext2" / "ids.npy"
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        plot = pathlib.Path(folder) / "plot.svg"
        done = run("inspect", model, "--ids", ids, "--bos", "1", "--sequences", "1", "--report", report, "--plot", plot)
        check(done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-500:]}")
        found = json.loads(report.read_text(encoding="utf-8"))
        check(found["sequences"] == 1 and found["tokens"] == 512, f"512 tokens: {found['sequences']}, {found['tokens']}")
        sites = {(each["layer"], each["site"]): each for each in found["sites"]}
        check(len(sites) == 30 * 5, f"150 sites: {len(sites)}")
        for layer in range(12, 29):
            stream = sites[layer, "residual"]
            first = stream["tokens"][0] if stream["tokens"] else None
            check(stream["massive"] == 1 and first and first["position"] == 0 and first["channel"] == 507, f"layer {layer}: {stream}")
            check(24000 < stream["largest"] < 25500, f"layer {layer}: largest {stream['largest']}")
        down = sites[11, "down"]["largest"]
        check(abs(down / 3065 - 1) < 0.01, f"the input of down in layer 11 reaches {down}, not 3065")
        check(any(token["token"] == 260 for token in sites[5, "residual"]["tokens"]), "token 260 is massive in layer 5")
        check("507" in done.stdout and "residual" in done.stdout, f"the table: {done.stdout[:300]}")
        check(plot.read_text(encoding="utf-8").startswith("<"), "a picture")
    finish()


main()
