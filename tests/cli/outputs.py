#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where results are written: files, links, devices, folders. Usage: outputs.py SIGPROP SOURCE."""
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile

SIGPROP, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
SPEC = SOURCE / "specs" / "vit-base.json"


def run(*arguments):
    done = subprocess.run([SIGPROP, *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.splitlines()[:1]


def check(found, wanted):
    assert found == wanted, f"{found} is not {wanted}"


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    target, link = folder / "target.json", folder / "link.json"
    target.write_text("before", encoding="utf-8")
    link.symlink_to(target)
    check(run("predict", SPEC, "--quiet", "--format", "json", "--output", link)[0], 0)
    assert link.is_symlink() and target.read_text(encoding="utf-8").startswith("{"), "a link must stay, its target be written"

    pipe = folder / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        check(run("predict", SPEC, "--quiet", "--output", pipe)[0], 0)
        assert reader.stdout.read().startswith(b"vit-base"), "a pipe must get the result"
    assert stat.S_ISFIFO(pipe.stat().st_mode), "what is no file must stay what it is"

    check(run("predict", "x" * 300), (2, [f"sigprop: {'x' * 300}: cannot be read: File name too long"]))
    check(run("predict", ""), (2, ["sigprop: the name of a spec is empty: name a JSON file, or - for standard input"]))
    check(run("predict", SPEC, "--output", folder), (2, [f"sigprop: --output {folder}: cannot be written: Is a directory; name a file in a "
                                                         "folder that exists and is yours"]))

    spec = folder / "spec.json"
    spec.write_text(SPEC.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "sub").mkdir()
    again = f"{folder}/sub/../spec.json"
    check(run("check", spec, "--preset", "stable", "--junit", again),
          (2, [f"sigprop: --junit {again}: is a spec, or written by another option already; name another file"]))
    check(run("check", spec, "--preset", "stable", "--junit", folder / "x", "--sarif", f"{folder}/sub/../x"),
          (2, [f"sigprop: --sarif {folder}/sub/../x: is a spec, or written by another option already; name another file"]))
    check(run("check", spec, "--preset", "stable", "--junit", "-"),
          (2, ["sigprop: --junit -: must be a file: standard output has the checks"]))
    for command in (["predict"], ["expand"], ["explain", "--layer", "1"], ["simulate", "--replicates", "1"], ["report"],
                    ["sweep", "--set", "stack.layers=1,2"]):
        for target in (spec, again):
            check(run(command[0], spec, *command[1:], "--output", target),
                  (2, [f"sigprop: --output {target}: is a file that this command reads; name another file for the result"]))
    # Files that the spec's input names are read too, and lie beside it, wherever the command runs.
    ids, reading = folder / "ids.json", folder / "reading.json"
    before = json.dumps([[1, 2, 3, 1], [4, 5, 6, 7]])
    ids.write_text(before, encoding="utf-8")
    reading.write_text(json.dumps({
        "sequence_length": 4, "input": {"embedding": {"vocabulary": 9, "tables": ["token"], "std": 1, "words": {"file": "ids.json"}}},
        "stack": {"layers": 2, "width": 16, "attention": {"heads": 2}, "ffn": {"width": 32, "activation": "relu"}, "norm": {"kind": "layer_norm"}},
        "init": {"scheme": "lecun"}}), encoding="utf-8")
    for command in (["predict"], ["expand"], ["simulate", "--replicates", "2"], ["report"], ["sweep", "--set", "stack.layers=1,2"],
                    ["init", "--scheme", "xavier"]):
        check(run(command[0], reading, *command[1:], "--output", ids),
              (2, [f"sigprop: --output {ids}: is a file that this command reads; name another file for the result"]))
        check(run(command[0], reading, *command[1:], "--output", folder / "result")[0], 0)
    assert ids.read_text(encoding="utf-8") == before, "a file that a spec names must stay as it is"
    check(run("check", reading, "--preset", "stable", "--junit", ids),
          (2, [f"sigprop: --junit {ids}: is a file that this command reads; name another file for the result"]))
    kept = folder / "kept"
    check(run("simulate", reading, "--quiet", "--replicates", "2", "--checkpoint", kept), (0, []))
    ids.write_text(json.dumps([[1, 2, 3, 1], [4, 5, 6, 6]]), encoding="utf-8")
    status, said = run("simulate", reading, "--quiet", "--replicates", "4", "--resume", kept)
    assert status == 2 and str(kept) in said[0], f"a run over other words must not be resumed: {said}"

    for file in (ids, reading, kept, folder / "result"):
        file.unlink()

    run_file = folder / "run"
    for option in ("--checkpoint", "--resume"):
        check(run("simulate", spec, "--replicates", "1", option, run_file, "--output", run_file)[0], 2)
        assert not run_file.exists(), "a refused command must leave nothing"
    os.link(spec, folder / "hard")
    check(run("predict", spec, "--output", folder / "hard")[0], 2)
    os.remove(folder / "hard")
    assert spec.read_text(encoding="utf-8") == SPEC.read_text(encoding="utf-8"), "a spec must not be overwritten"

    for arguments in (["--help"], ["--version"], ["predict", "--help"], ["schemes"], ["predict", SPEC], ["sweep", SPEC, "--set", "stack.layers=1,2"]):
        for name, reason, status in (("/dev/full", "standard output: writing failed: No space left on device", 3),):
            with open(name, "wb") as full:
                done = subprocess.run([SIGPROP, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            check((done.returncode, done.stderr.splitlines()[-1:]), (status, [f"sigprop: {reason}"]))
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([SIGPROP, *map(str, arguments)], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
        os.close(writer)
        check((done.returncode, done.stderr), (141, ""))
    check(sorted(path.name for path in folder.iterdir()), ["link.json", "pipe", "spec.json", "sub", "target.json"])
print("ok")
