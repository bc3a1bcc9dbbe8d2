#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual page as groff reads it, and the completions as bash and zsh do. Usage: shells.py SIGPROP."""
import os
import pathlib
import subprocess
import sys
import tempfile

SIGPROP = pathlib.Path(sys.argv[1]).resolve()


def run(*words, stdin=""):
    done = subprocess.run(list(map(str, words)), input=stdin, capture_output=True, text=True, check=False,
                          env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and not done.stderr, f"{words[0]} ended with {done.returncode}: {done.stderr}"
    return done.stdout


def of_bash(script, *words):
    """What bash offers after these words, the last being incomplete."""
    line = " ".join(f"'{word}'" for word in ("sigprop", *words))
    return run("bash", "-c", f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; compopt() {{ :; }}; _sigprop; "
               "printf '%s\\n' \"${COMPREPLY[@]}\"").split()


# zsh in a terminal of its own: what it writes after the words and a tabulator.
OF_ZSH = """
zmodload zsh/zpty
zpty -b z zsh -f -i
zpty -w z "PS1=; stty columns 200; autoload -Uz compinit && compinit -u -d $1/dump; source $1/_sigprop; zstyle ':completion:*' list-prompt ''; PATH=$2:\\$PATH; echo rea''dy"
zpty -r -m z one '*ready*'
zpty -w -n z "$3"$'\\t'
all=
for i in {1..50}; do
  sleep 0.1
  zpty -r -t z part && all+=$part
  [[ $all == *"$4"* ]] && break
done
zpty -d z
print -r -- "$all"
"""


def of_zsh(folder, line, wanted):
    """What a terminal shows after the line and a tabulator, until it has what is wanted, or 5 seconds later."""
    done = subprocess.run(["zsh", "-f", "-c", OF_ZSH, "zsh", folder, SIGPROP.parent, line, wanted], capture_output=True, text=True, check=False)
    return done.stdout


def check(found, wanted):
    assert found == wanted, f"{found} is not {wanted}"


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    page, script = folder / "sigprop.1", folder / "sigprop.bash"
    run(SIGPROP, "man", "--output", page)
    check(subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True, check=True).stderr, "")
    shown = run("man", "--warnings", "-l", page)
    commands = [line.split()[0] for line in run(SIGPROP, "--help").partition("Subcommands:\n")[2].partition("\n\n")[0].splitlines() if line[2] != " "]
    for command in commands:
        assert f"\n   {command}\n" in shown, f"the page has no section on {command}"
    for wanted in ("--theory full|paper", "range [0 - 1000]", "sigprop predict specs/bert-base.json --sensitivity \"backward.variance first/last\""):
        assert wanted in shown, f"the page lacks {wanted}:\n{shown}"

    run(SIGPROP, "completion", "bash", "--output", script)
    run("bash", "-n", script)
    check(of_bash(script, "s"), ["simulate", "sweep", "schemes", "schema"])
    check(sorted(of_bash(script, "")), sorted([*commands, "--help", "--version"]))
    check(of_bash(script, "predict", "--theory", ""), ["full", "paper"])
    check(of_bash(script, "predict", "--th"), ["--theory"])
    check(sorted(of_bash(script, "predict", f"{folder}/sig")), [str(page), str(script)])
    check(sorted(of_bash(script, "predict", "--output", f"{folder}/sig")), [str(page), str(script)])
    check(of_bash(script, "completion", "z"), ["zsh"])
    check(of_bash(script, "experiment", "layer"), ["layer_norm"])

    run(SIGPROP, "completion", "zsh", "--output", folder / "_sigprop")
    run("zsh", "-n", folder / "_sigprop")
    for line, wanted in (("sigprop simu", "late"), ("sigprop predict --theo", "ry"), ("sigprop completion z", "sh"), ("sigprop predict --theory pa", "per")):
        assert wanted in of_zsh(folder, line, wanted), f"zsh completes {line!r} with {of_zsh(folder, line, wanted)!r}"
print("The page and both completions are right")
