# SPDX-License-Identifier: Apache-2.0
"""Random runs: a command, its options, and the files that it finds in its folder."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import signal
from typing import Any

from black_box import documents, specs, words
from black_box.commands import Command, Option

# How often a command is run; one that is not here is run as often as USUAL_WEIGHT says.
WEIGHTS = {"predict": 22, "explain": 10, "simulate": 8, "verify": 7, "check": 9, "experiment": 1.5, "init": 11, "compare": 5, "sweep": 8, "report": 5, "schemes": 1,
           "expand": 6, "import": 10, "formulas": 1, "schema": 0.5, "man": 0.3, "completion": 0.5, "plot": 0.3, "": 0.7}
USUAL_WEIGHT = 5
DRAWING = ("simulate", "verify", "experiment")  # commands that always draw networks
NEEDED = {"sweep": ("--set",), "compare": ("--schemes",), "report": ("--output",)}
LIKELY = {"init": ("--scheme", "--target"), "import": ("--sequence-length",)}
TOGETHER = {"--target": "--adjust", "--adjust": "--target"}
EXCLUDED = (("--resume", "--checkpoint"), ("--device", "--precision"), ("--pytorch", "--recipe"), ("--text", "--latex"), ("--format", "--latex"), ("--format", "--plot"),
            ("--format", "--text"), ("--all", "--settings"))
FIGURES = ("profile", "verify", "schemes", "experiment", "tokens", "phase", "across")


@dataclasses.dataclass(frozen=True)
class Seeds:
    """Documents of the repository that runs begin with."""

    specs: tuple[Any, ...]
    configurations: tuple[Any, ...]
    results: tuple[tuple[str, bytes], ...]
    texts: tuple[bytes, ...]  # of specs, good or bad

    @staticmethod
    def of(root: pathlib.Path) -> Seeds:
        good = [path for path in sorted((root / "specs").glob("*.json")) if "schema" not in path.name]
        bad = sorted((root / "tests/spec/bad").rglob("*.json"))
        data = root / "tests/plot/data"
        return Seeds(tuple(documents.read(path) for path in good),
                     tuple(documents.read(path) for path in sorted((root / "tests/data/hugging_face").rglob("config.json"))),
                     tuple((path.name, path.read_bytes()) for path in sorted(data.glob("*.json*")) if path.stat().st_size < 200000),
                     tuple(path.read_bytes() for path in [*good, *bad]))


@dataclasses.dataclass
class Step:
    """One start of the program."""

    command: str
    arguments: list[str]
    stdin: bytes = b""
    stdout: str = "file"  # or full, or closed
    signal: tuple[int, float] | None = None  # which, and after how many seconds
    columns: str | None = None
    damage: tuple[str, int] | None = None  # a file that is damaged before, with a seed
    is_spec_reader: bool = False  # reads what the step before wrote, which must be a good spec

    @property
    def draws(self) -> bool:
        return self.command in DRAWING or any(word.startswith("--replicates") for word in self.arguments)

    @property
    def may_take_long(self) -> bool:
        """Commands that end with what they have when they are interrupted."""
        return self.draws or self.command == "sweep"


@dataclasses.dataclass
class Run:
    index: int
    files: dict[str, bytes]
    steps: list[Step]


class Composer:
    """Composes runs; run i of a seed is always the same."""

    def __init__(self, seed: int, commands: list[Command], seeds: Seeds, with_plots: bool) -> None:
        self.seed = seed
        self.commands = {command.name: command for command in commands}
        self.seeds = seeds
        self.names = [*self.commands, "", *(["plot"] if with_plots else [])]
        self.weights = [WEIGHTS.get(name, USUAL_WEIGHT) for name in self.names]

    def run(self, index: int) -> Run:
        rng = random.Random(f"{self.seed} {index}")
        name = rng.choices(self.names, self.weights)[0]
        if name == "":
            return Run(index, {}, [Step("", odd_words(rng))])
        if name == "plot":
            return self.figure(rng, index)
        return RunMaker(rng, index, self.commands[name], self.seeds).run()

    def figure(self, rng: random.Random, index: int) -> Run:
        """A figure of tools/plot from a result that is changed a little."""
        files = {}
        for name, content in rng.sample(self.seeds.results, min(len(self.seeds.results), rng.choice((1, 1, 2)))):
            files[name] = spoilt_result(rng, content)
        words_of = ["--quantity", words.quantity(rng)] if rng.random() < 0.2 else []
        suffix = rng.choice(("svg", "svg", "png", "x"))
        return Run(index, files, [Step("plot", [rng.choice(FIGURES), *files, *words_of, "-o", f"out.{suffix}"])])


def spoilt_result(rng: random.Random, content: bytes) -> bytes:
    lines = content.decode().splitlines() if content.count(b"}\n{") else [content.decode()]
    spot = rng.randrange(len(lines))
    document = documents.mutated(rng, documents.parsed(lines[spot]), rng.choice((1, 1, 2, 5)))
    lines[spot] = documents.text_of(document)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def odd_words(rng: random.Random) -> list[str]:
    return rng.choice(([], ["--help"], ["--version"], ["-h"], [""], ["-"], ["--"], ["nosuch"], ["--nosuch"], ["predic", "spec.json"], ["PREDICT"], ["--help", "predict"],
                       ["predict", "simulate"], ["\x1b[31m"], ["\u00e9"], ["x" * 5000], ["--version", "--help"], ["--format", "json"], ["-o"], ["--help=1"]))


class RunMaker:
    """Makes one run of a command."""

    def __init__(self, rng: random.Random, index: int, command: Command, seeds: Seeds) -> None:
        self.rng = rng
        self.index = index
        self.command = command
        self.seeds = seeds
        self.is_clean = rng.random() < 0.5  # nothing is wrong on purpose
        self.wrong = 0 if self.is_clean else rng.choice((0, 0, 0.03, 0.3))  # the probability of a wrong value
        self.options = {option.name: option for option in command.options}
        self.document: Any = None
        self.files: dict[str, bytes] = {}
        self.names: set[str] = set()

    def maybe(self, probability: float) -> bool:
        return self.rng.random() < probability

    def run(self) -> Run:
        arguments = self.chosen_options()
        self.files["spec.json"] = self.input(arguments)
        self.files["old"] = b"what was here before\n"
        arguments = [word for option in arguments for word in self.written(option)]
        stdin, positionals = self.positionals()
        spot = self.rng.choice((0, len(arguments))) if self.is_clean or self.maybe(0.98) else self.rng.randrange(len(arguments) + 1)
        step = Step(self.command.name, [self.command.name, *arguments[:spot], *positionals, *arguments[spot:]], stdin)
        self.add_circumstances(step)
        return Run(self.index, self.files, [step, *self.later_steps(step)])

    def chosen_options(self) -> list[Option]:
        names = list(NEEDED.get(self.command.name, ())) if self.maybe(0.98) else []
        names += [name for name in LIKELY.get(self.command.name, ())[:1] if self.maybe(0.8)]
        names += [name for name in LIKELY.get(self.command.name, ())[1:] if self.maybe(0.15)]
        for name in ("--replicates", "--settings"):
            if self.command.name in DRAWING and name in self.options and self.maybe(0.98):
                names.append(name)
        others = [name for name in self.options if name not in names and not name.startswith("--all")]
        share = self.rng.choice((0, 1, 1, 2, 4))
        names += self.rng.sample(others, min(share, len(others)))
        names += ["--all"] if "--all" in self.options and self.command.name != "experiment" and self.maybe(0.2) else []
        names += [TOGETHER[name] for name in names if name in TOGETHER and TOGETHER[name] not in names and self.maybe(0.95)]
        if "--set" in names and self.maybe(0.3):
            names.append("--set")
        if self.is_clean or self.maybe(0.9):
            names = self.agreeing(names)
        if names and self.maybe(0.02):
            names.append(self.rng.choice(names))
        self.names = set(names)
        return [self.options[name] for name in names if name in self.options]

    def agreeing(self, names: list[str]) -> list[str]:
        """The names without those that do not go together, and with those that others need."""
        if self.command.name == "init" and "--target" in names:
            names = [name for name in names if name not in ("--recipe", "--pytorch", "--scheme", "--keep-norm")] + ["--scheme"] * self.maybe(0.2)
        elif self.command.name == "init":
            names = [name for name in names if name not in ("--theory", "--adjust")]
        if {"--gram", "--tokens"} & set(names) and self.command.name != "verify":
            names = [name for name in names if name not in ("--plot", "--sensitivity")] + ["--format"]
        if "--sensitivity" in names:
            names = [name for name in names if name not in ("--plot", "--all")]
        if "--replicates" not in names and self.command.name in ("sweep", "report"):
            names = [name for name in names if name in ("--set", "--quantity", "--output", "--theory", "--prefix", "--quiet")]
        left_out = {name for name, other in EXCLUDED if other in names}
        names = [name for name in names if name not in left_out]
        return [name for spot, name in enumerate(names) if name in ("--set", "--quantity") or name not in names[:spot]]

    def written(self, option: Option) -> list[str]:
        """The words of an option on the command line."""
        if self.maybe(0.005) and not self.is_clean:
            return [self.rng.choice(("--nosuch", option.name[:-1], option.name.upper(), "-q", "---", option.name + "="))]
        if option.name == "--format" and {"--gram", "--tokens"} & self.names:
            return ["--format", self.rng.choice(("json", "csv"))]
        if not option.kind:
            return [option.name] if self.maybe(0.99) else [f"{option.name}=x"]
        value = "out" if option.is_file and self.is_clean else words.value_of(self.rng, option, self.document, self.wrong)
        value = value.replace("\x00", "")
        return [f"{option.name}={value}"] if self.maybe(0.15) else [option.name, value] if self.maybe(0.995) else [option.name]

    def positionals(self) -> tuple[bytes, list[str]]:
        """Standard input, and the words that are no options."""
        kind = self.command.positional
        if kind in ("SPEC", "CONFIG"):
            return self.named_inputs()
        if not kind or self.command.name != "experiment" and self.maybe(0.3):
            return b"", []
        if self.command.name == "experiment" and self.maybe(0.95):
            return b"", [self.rng.choice(("linear", "relu", "relu", "gelu", "layer_norm", "dropout", "softmax", "attention", "all"))]
        return b"", [self.rng.choice((*words.NAMES, *specs.SCHEMES))]

    def named_inputs(self) -> tuple[bytes, list[str]]:
        kind = self.rng.uniform(0, 0.96 if self.is_clean else 1)
        if kind < 0.55:
            return b"", ["spec.json"]
        if kind < 0.96:
            return self.files["spec.json"], ["-"]
        if kind < 0.98 and self.command.name == "check":
            self.files["second.json"] = self.rng.choice(self.seeds.texts)
            return self.files["spec.json"], self.rng.choice((["spec.json", "second.json"], ["-", "second.json"], ["spec.json", "spec.json"], ["-", "-"]))
        return b"", self.rng.choice(([], [""], ["missing.json"], ["folder"], ["/dev/null"], ["spec.json", "spec.json"], ["--", "spec.json"], ["old"], ["link"],
                                     ["x" * 5000]))

    def input(self, options: list[Option]) -> bytes:
        """The spec or the configuration that the command reads."""
        if self.command.name == "import":
            return self.configuration()
        if self.maybe(0.03) and not self.is_clean:
            return self.rng.choice(self.seeds.texts)
        seeded = self.maybe(0.1)
        document = self.rng.choice(self.seeds.specs) if seeded else specs.Maker(self.rng, self.rng.choice((0, 0, 0.03, 0.2))).spec()
        document = document if self.is_clean else documents.varied(self.rng, document)
        if "causal" in str(document) or self.maybe(0.985):
            names = [option.name for option in options]
            largest = specs.SIMULATED if self.command.name in DRAWING or "--replicates" in names else specs.MASKED if "causal" in str(document) else specs.PREDICTED
            document = specs.tame(document, largest)
        self.document = document
        return documents.encoded(self.rng, document, self.spoilt())

    def configuration(self) -> bytes:
        document = self.rng.choice(self.seeds.configurations)
        document = document if self.is_clean else documents.varied(self.rng, document)
        return documents.encoded(self.rng, document, self.spoilt())

    def spoilt(self) -> float:
        """The probability of a text that is spoilt."""
        return 0 if self.is_clean else self.rng.choice((0, 0, 0, 0, 0.3))

    def add_circumstances(self, step: Step) -> None:
        if self.maybe(0.02):
            step.signal = (self.rng.choice((signal.SIGINT, signal.SIGTERM)), self.rng.uniform(0, 0.05))
        elif self.maybe(0.02):
            step.stdout = self.rng.choice(("full", "closed"))
        if self.maybe(0.05):
            step.columns = self.rng.choice(("0", "1", "7", "20", "80", "300", "100000", "-1", "x", "", "18446744073709551615", "1000000000"))

    def later_steps(self, step: Step) -> list[Step]:
        kept = next((word for name in ("--checkpoint", "--resume") for word in following(step.arguments, name)), "")
        if kept in ("out", "old") and self.maybe(0.9):
            return [self.resumed(step, kept)]
        if step.command == "sweep" and self.maybe(0.3):
            return self.interrupted_sweep(step)
        written = following(step.arguments, "--output")
        if step.command in ("import", "init", "expand") and not written and step.stdout == "file" and not {"--recipe", "--pytorch", "--list"} & set(step.arguments):
            return [Step("simulate", ["simulate", "-", "--replicates", "1", "--memory", "1b"], is_spec_reader=True)]
        return []

    def resumed(self, step: Step, kept: str) -> Step:
        """The same command once more, with a checkpoint that may be damaged."""
        words_of = ["--resume" if word == "--checkpoint" else word for word in step.arguments]
        damage = (kept, self.rng.randrange(10**9)) if self.maybe(0.6) else None
        return Step(step.command, words_of, step.stdin, damage=damage)

    def interrupted_sweep(self, step: Step) -> list[Step]:
        """The sweep goes to a file, is interrupted, and goes on with lines that may be damaged."""
        if not following(step.arguments, "--output"):
            step.arguments += ["--output", "out"]
        step.signal = (signal.SIGINT, self.rng.uniform(0.005, 0.05))
        damage = ("out.partial", self.rng.randrange(10**9)) if self.maybe(0.6) else None
        return [Step("sweep", list(step.arguments), step.stdin, damage=damage)]


def following(arguments: list[str], name: str) -> list[str]:
    """The values of an option on a command line."""
    spaced = [value for word, value in zip(arguments, arguments[1:]) if word == name]
    return spaced + [word[len(name) + 1:] for word in arguments if word.startswith(name + "=")]
