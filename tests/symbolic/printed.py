#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents against the equations that the program prints: python3 tests/symbolic/printed.py SIGPROP ROOT [--update]

docs/formulas.md and .tex are printed as a whole; the console blocks of docs/explain.md are what the commands print, with "..." for what is left
out; docs/theory.md takes the block below every mark from it: <!-- equations of NAME --> for
what the code of a closed formula gives, <!-- definition of NAME --> for its head comment, symbols below. Every formula has one of them, every closed one
its equations. What explain prints with numbers is worked out and compared with its values. Exit status 77 where pdflatex is absent and all else is right."""
import json
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

MARK = re.compile(r"<!-- (equations|definition) of (\w+) -->\n```\n.*?```", re.DOTALL)

STRANGE = "C:\\models\\x_1 ~<50 %> {κ} & #2 $ ^ \" 模 ü"


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def fail(document, why):
    sys.exit(f"docs/{document} {why}; make it anew with python3 tests/symbolic/printed.py SIGPROP ROOT --update")


def theory_of(sigprop, text):
    """The document with every marked block as the program prints it."""
    catalog = json.loads(output_of(sigprop, "formulas", "--format", "json"))["formulas"]
    definitions = {one["name"]: f"{one['equation']}\n\n{textwrap.fill(one['symbols'], 110)}" for one in catalog}
    equations = {}
    for block in output_of(sigprop, "formulas", "--text").split("\n\n"):
        name, *lines = block.strip("\n").split("\n")
        equations[name] = "\n".join(lines)

    def printed(mark):
        kind, name = mark.groups()
        of = equations if kind == "equations" else definitions
        if name not in of:
            fail("theory.md", f"has a mark for {kind} of {name}, which there are not")
        return f"<!-- {kind} of {name} -->\n```\n{of[name]}\n```"

    marks = [match.groups() for match in MARK.finditer(text)]
    twice = {mark for mark in marks if marks.count(mark) > 1}
    if twice:
        fail("theory.md", f"has the marks {twice} more than once")
    for name in definitions:
        wanted = "equations" if name in equations else "definition"
        if (wanted, name) not in marks:
            fail("theory.md", f"has no mark for the {wanted} of {name}")
    return MARK.sub(printed, text)


def check_console(sigprop, root, document):
    """Every line of a console block stands in what its command prints, in this order."""
    for block in re.findall(r"```console\n\$ sigprop (.*?)\n(.*?)```", (root / "docs" / document).read_text(), re.DOTALL):
        command, lines = block[0].split(" | ")[0].split(), block[1].splitlines()
        printed = iter(output_of(sigprop, *(root / part if part.startswith("specs/") else part for part in command)).splitlines())
        for line in lines:
            if line.strip() != "..." and line not in printed:
                sys.exit(f"docs/{document}: sigprop {block[0]} does not print, or not there: {line}")


RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
MATHEMATICS = {"sqrt": math.sqrt, "pi": math.pi, "asin": math.asin, "acos": math.acos, "exp": math.exp, "ln": math.log}
TABULATED = re.compile(r"\b(S2|T_q|T_k|P|P_r|J_r|T12_q|ρT12_k|entropy|λ|M1|M2|M11|D2|D11|κ̄|κ̄₂)\(")


def evaluated(line):
    """The value of an equation's right side as it is printed with numbers."""
    line = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda raised: "**(" + "".join(RAISED[c] for c in raised.group()) + ")", line)
    for sign, python in (("·", "*"), ("√(", "sqrt("), ("^", "**"), ("π", "pi"), ("arcsin", "asin"), ("arccos", "acos")):
        line = line.replace(sign, python)
    return eval(line, {"__builtins__": {}}, MATHEMATICS)  # what our own program printed


def check_numbers(sigprop, specs):
    """Whoever works an explanation out on paper comes to what it says."""
    count = 0
    for name, *options in (("bert-base", "--layer", "3"), ("bert-base", "--layer", "12", "--theory", "paper"),
                           ("vit-base", "--layer", "5", "--across"), ("mixtral-8x7b", "--unmasked"),
                           ("t5-small", "--unmasked", "--layer", "decoder/layer 2")):
        found = json.loads(output_of(sigprop, "explain", specs / f"{name}.json", "--quiet", "--format", "json", *options))
        for step in found["forward"] + found["backward"]:
            for one in step["equations"]:
                if TABULATED.search(one["with_numbers"]):
                    continue
                count += 1
                if not math.isclose(evaluated(one["with_numbers"]), one["value"], rel_tol=1e-3):
                    sys.exit(f"{name}, {step['step']}: {one['quantity']} = {one['with_numbers']} is not {one['value']}")
    if count < 400:
        sys.exit(f"only {count} equations were worked out")


def compile_all(folder, documents):
    for document in documents:
        done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", document], cwd=folder, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0 or not (folder / document).with_suffix(".pdf").exists():
            sys.exit(f"{document} does not compile:\n" + done.stdout[-2000:])


def main(sigprop, root, *more):
    root = pathlib.Path(root)
    docs, specs = root / "docs", root / "specs"
    theory = docs / "theory.md"
    if more == ("--update",):
        subprocess.run([sigprop, "formulas", "--all", docs], check=True)
        theory.write_text(theory_of(sigprop, theory.read_text()))
    if theory_of(sigprop, theory.read_text()) != theory.read_text():
        fail("theory.md", "has other equations than sigprop formulas prints")
    check_console(sigprop, root, "explain.md")
    check_numbers(sigprop, specs)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([sigprop, "formulas", "--all", folder], check=True)
        for page in ("formulas.md", "formulas.tex"):
            if (folder / page).read_bytes() != (docs / page).read_bytes():
                fail(page, "is not what sigprop formulas --all prints")
        (folder / "strange.json").write_text(json.dumps(json.loads((specs / "mlp.json").read_text()) | {"name": STRANGE}))
        for output, *arguments in (("strange.tex", folder / "strange.json"),
                                   ("layer.tex", specs / "bert-base.json", "--layer", "3"),
                                   ("rotary.tex", specs / "mixtral-8x7b.json", "--unmasked", "--across"),
                                   ("decoder.tex", specs / "t5-small.json", "--unmasked", "--layer", "decoder/layer 2")):
            subprocess.run([sigprop, "explain", *arguments, "--quiet", "--latex", "--output", folder / output], check=True)
        if not shutil.which("pdflatex"):
            print("skipped: pdflatex is absent, so nothing was compiled")
            sys.exit(77)
        compile_all(folder, ("formulas.tex", "strange.tex", "layer.tex", "rotary.tex", "decoder.tex"))


if __name__ == "__main__":
    main(*sys.argv[1:])
