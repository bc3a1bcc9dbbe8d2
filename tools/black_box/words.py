# SPDX-License-Identifier: Apache-2.0
"""Random values of options: good ones, ones at the ends of what is allowed, and wrong ones."""

from __future__ import annotations

import random
from typing import Any, Callable

from black_box import documents, specs
from black_box.commands import Option

WRONG = ("", " ", "x", "0", "-1", "1e400", "-1e400", "nan", "-nan", "inf", "-inf", "NaN", "1e-400", "5e-324", "1.5", "18446744073709551616", "9223372036854775808",
         "99999999999999999999999", "0x10", "1,2", "1;2", "--", "-", "\u00e9", "\x1b[31m", "a\nb", "x" * 5000, "%s%n", "true", "first", "2147483648", "4294967296",
         "1e9", "+1", "01", " 1", "1 ")
FILES = ("out", "out", "out", "out.json", "spec.json", "./spec.json", "missing/out", "folder", "", ".", "/dev/null", "/dev/full", "-", "x" * 250, "x" * 300, "link",
         "a b", "\u00e9", "old", "old", "--output")
KNOBS = ("init.std.query", "init.std.ffn_out", "init.std.ffn_in", "init.std.value", "residual.branch", "residual.skip", "stack.residual.branch", "input.variance",
         "gradient.variance", "init.std.bias", "attention.dropout", "residual.dropout", "input.token_correlation", "norm.gain", "components.0.linear.weight_std",
         "attention.score_scale", "sequence_length", "width", "encoder.residual.skip", "decoder.residual.branch", "linear.weight_std", "linear")
PLACES = ("first", "last", "1", "2", "0", "every", "input", "1000001", "-1", "first/last", "last/first", "1/2", "last/0", "every/last", "first/", "/", "1/last/2")
NAMES = ("bert", "gpt2", "nosuch", "relu", "softmax", "xavier", "attention", "", "a", "linear", "norm", "all")


def quantity(rng: random.Random) -> str:
    likely = ("forward.variance", "backward.variance", "forward.second_moment", "weights.all.gradient_norm", "forward.token_correlation", "backward.norm")
    name = rng.choice(likely if rng.random() < 0.5 else specs.QUANTITIES) if rng.random() < 0.9 else rng.choice(WRONG)
    place = rng.choice(PLACES[:4] + PLACES[9:12]) if rng.random() < 0.8 else rng.choice(PLACES)
    return name if rng.random() < 0.03 else f"{name} {place}"


def target(rng: random.Random) -> str:
    value = rng.choice(("1", "0.5", "2", "1e-300", "1e300", "10", *WRONG)) if rng.random() < 0.4 else f"{10 ** rng.uniform(-2, 2):.3g}"
    return f"{quantity(rng)} = {value}" if rng.random() < 0.95 else quantity(rng)


def scheme(rng: random.Random) -> str:
    text = rng.choice(specs.SCHEMES) if rng.random() < 0.95 else rng.choice(("nosuch", "", "Bert", "xavie"))
    while rng.random() < 0.15:
        known = specs.PARAMETERS.get(text.partition(":")[0], ("k", "std"))
        text += f":{rng.choice(known)}" + rng.choice(("=", "=", "=", "")) + number(rng)
    return text


def schemes(rng: random.Random) -> str:
    return rng.choice(("all", "fitting")) if rng.random() < 0.2 else ",".join(scheme(rng) for _ in range(rng.choice((1, 2, 3, 5))))


def number(rng: random.Random) -> str:
    return rng.choice(("0", "1", "2", "0.5", "0.1", "1e-3", "3", "10")) if rng.random() < 0.7 else rng.choice((*documents.NUMBERS, *WRONG))


def values(rng: random.Random) -> str:
    """The values of an axis."""
    kind = rng.random()
    if kind < 0.5:
        return ",".join(number(rng) for _ in range(rng.choice((1, 2, 2, 3))))
    if kind < 0.6:
        return ",".join(rng.choice(("gelu", "relu", "pre", "post", "true", "false", "null", "none", "causal", "rms_norm")) for _ in range(2))
    count = rng.choice(("2", "3", "4", "5")) if rng.random() < 0.9 else rng.choice(("1", "1000000", "2.5", "0", *WRONG))
    ends = ("1e-300", "1e300") if rng.random() < 0.1 else ("-1.7e308", "1.7e308") if rng.random() < 0.05 else (number(rng), number(rng))
    return ("log:" if kind < 0.8 else "") + f"{ends[0]}:{ends[1]}:{count}"


def around(rng: random.Random, value: Any) -> str:
    """Values that a place with this value is likely to take."""
    others = [value, *(documents.near(rng, value) for _ in range(rng.choice((1, 1, 2))))]
    if rng.random() < 0.7 or not isinstance(value, float):
        return ",".join(map(repr, others))
    return f"{rng.choice(('', 'log:'))}{value / 2!r}:{value * 2!r}:{rng.choice((2, 3, 5))}"


def axis(rng: random.Random, document: Any) -> str:
    """A place of the spec, or one that it might have, and values."""
    leaves = [path for path in documents.places(document)[1:] if not isinstance(documents.at(document, path), (dict, list))]
    numbers = [path for path in leaves if type(documents.at(document, path)) in (int, float)]
    if numbers and rng.random() < 0.75:
        path = rng.choice(numbers)
        return f"{'.'.join(map(str, path))}={around(rng, documents.at(document, path))}"
    usual = ("stack.residual.branch", "stack.residual.skip", "init.std.query", "stack.norm.kind", "sequence_length", "batch", "nosuch", "stack.nosuch.x", "components.99")
    name = ".".join(map(str, rng.choice(leaves))) if leaves and rng.random() < 0.5 else rng.choice(usual)
    return f"{name}={values(rng)}" if rng.random() < 0.95 else rng.choice((name, f"={values(rng)}", f"{name}=", ""))


def layer(rng: random.Random) -> str:
    return rng.choice(("0", "1", "1", "1", "2", "3", "encoder/layer 1", "decoder/layer 1", "layer 1", "layer 99", "input", *WRONG[:8]))


def size(rng: random.Random) -> str:
    return rng.choice(("8GB", "100MB", "1GiB", "1b", "0", "1kb", "1.5GB", "-1", "18446744073709551616", "99999999999GB", "GB", "1XB", "nan"))


def version(rng: random.Random) -> str:
    return rng.choice(("5.23.0", "4.57.1", "5", "5.12", "5.0.0", "4", "3", "6", "99.99.99", "", "x", "5.", ".5", "5.23.0.1", "-1", "5.-1", "1e9", "4294967296.1", "\u0665"))


# The probability of a wrong value lies at the place where these are asked.
USUAL: dict[str, Callable[[random.Random], str]] = {
    "--quantity": quantity, "--sensitivity": quantity, "--target": target, "--scheme": scheme, "--schemes": schemes, "--layer": layer, "--memory": size,
    "--library": version,
    "--adjust": lambda rng: rng.choice(KNOBS),
    "--replicates": lambda rng: rng.choice(("1", "2", "2", "3", "5")),
    "--settings": lambda rng: rng.choice(("1", "1", "2", "3")),
    "--seed": lambda rng: rng.choice(("0", "1", "7", "18446744073709551615", "9007199254740993")),
    "--threads": lambda rng: rng.choice(("0", "1", "2", "3", "7", "64")),
    "--device": lambda rng: rng.choice(("0", "1", "1023")),
    "--norm-epsilon": lambda rng: rng.choice(("1e-5", "0", "1e-12", "1", "5e-324")),
    "--tolerance": lambda rng: rng.choice(("0", "0.05", "1e6", "1", "1e-300")),
    "--largest-rank": lambda rng: rng.choice(("0", "1", "16", "256", "1000000")),
    "--max-seconds": lambda rng: rng.choice(("0", "100", "0.01", "1e9", "1e-300")),
    "--max-memory": lambda rng: rng.choice(("0", "100", "4", "0.001", "1e9", "1e-300")),
    "--gram": lambda rng: rng.choice(("2", "3", "5", "512")),
    "--sequence-length": lambda rng: rng.choice(("2", "8", "16", "64", "64", "128", "1", "512", "10000000")),
    "--batch": lambda rng: rng.choice(("1", "2", "4", "10000000")),
    "--token-correlation": lambda rng: rng.choice(("0", "0.2", "1", "0.999999", "-0.1", "-1")),
}


def at_the_ends(rng: random.Random, ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{rng.choice((low, low, low + 1, (low + high) / 2, high, high + 1, low - 1)):.17g}"


def value_of(rng: random.Random, option: Option, document: Any, wrong: float) -> str:
    """A value of an option, a wrong one with this probability."""
    if option.is_file:
        return "out" if rng.random() < 0.7 else rng.choice(FILES)
    if rng.random() < wrong:
        return at_the_ends(rng, option.range) if option.range and rng.random() < 0.3 else rng.choice(WRONG)
    if option.name == "--set":
        return axis(rng, document)
    if option.name in USUAL:
        return USUAL[option.name](rng)
    if option.choices:
        return rng.choice(option.choices)
    return at_the_ends(rng, option.range) if option.range else rng.choice(NAMES)
