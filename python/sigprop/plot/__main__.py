# SPDX-License-Identifier: Apache-2.0
"""Figures from the result JSON of sigprop, as PDF, SVG, PNG or PGF."""
import argparse
import importlib
import pathlib
import shlex
import sys

from .problems import PROGRAM, MachineProblem, Problem

FIGURES = ("profile", "verify", "schemes", "experiment", "tokens", "phase", "across")
COMMANDS = {"predict": "profile", "simulate": "profile", "compare": "schemes", "sweep": "phase"}  # whose results they draw


def width(text):
    """Inches, or the name of a venue."""
    from .style import WIDTH_RANGE, WIDTHS
    if text in WIDTHS:
        return WIDTHS[text]
    return inches(text, WIDTH_RANGE, f"one of {', '.join(WIDTHS)}, or ")


def inches(text, limits=(0.5, 40.0), names=""):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not limits[0] <= value <= limits[1]:
        raise argparse.ArgumentTypeError(f'"{text}", but must be {names}inches from {limits[0]:g} to {limits[1]:g}')
    return value


def parse(words, figures):
    """The arguments, options between the results included: a.json --label A b.json --label B."""
    parser = argparse.ArgumentParser(prog="sigprop_plot.py", description=__doc__, epilog="Figures read result JSON only: sigprop ... --format json.")
    commands = parser.add_subparsers(dest="figure", metavar="FIGURE", required=True)
    for name, module in figures.items():
        aliases = [command for command, figure in COMMANDS.items() if figure == name]
        one = commands.add_parser(name, aliases=aliases, help=module.HELP, description=module.DESCRIPTION, epilog=f"Examples:\n  {module.EXAMPLES}",
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add_options(one)
        look = one.add_argument_group("the file and its look")
        look.add_argument("-o", "--output", metavar="FILE",
                          help="where the figure goes; .pdf, .svg, .png or .pgf says what it is; default: the first result's name with .pdf")
        look.add_argument("--width", type=width, default="icml", metavar="W",
                          help="a column of icml (default), neurips, iclr, ieee or acl, the text of icml-text, ieee-text or acl-text, or inches")
        look.add_argument("--height", type=inches, metavar="INCHES", help="of the whole figure; default: what the panels and the legend need")
        look.add_argument("--style", metavar="FILE", help="a matplotlib style sheet that goes over ours")
        look.add_argument("--title", metavar="TEXT", help="above the figure; default: none")
    if words and words[0] in commands.choices:
        arguments = commands.choices[words[0]].parse_intermixed_args(words[1:])
        arguments.figure = COMMANDS.get(words[0], words[0])
        arguments.output = arguments.output or named_after(arguments)
        return arguments
    return parser.parse_args(words)


def named_after(arguments):
    """In the working folder, so that nobody's folder of results fills with figures."""
    first = next(getattr(arguments, name) for name in ("results", "result", "sweep") if hasattr(arguments, name))
    path = pathlib.Path(first[0] if isinstance(first, list) else first)
    return f"{arguments.figure if str(path) == '-' else path.stem}.pdf"


def figures_of():
    try:
        return {name: importlib.import_module(f".{name}", __package__) for name in FIGURES}
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise MachineProblem("matplotlib is not installed; install it (Debian: python3-matplotlib; pip: matplotlib), or run tools/plot/sigprop_plot.py with uv run") from None


def prepare(arguments):
    """Applies the style and checks the texts."""
    from . import style
    style.apply(arguments.style)
    for option, texts in (("--title", [arguments.title]), ("--label", getattr(arguments, "label", None) or [])):
        for text in filter(None, texts):
            style.check_text(option, text)


def draw(words):
    figures = figures_of()
    from . import output
    arguments = parse(words, figures)
    prepare(arguments)
    form = output.check(arguments.output)
    with output.warnings_told():
        figure, results = figures[arguments.figure].draw(arguments)
        command = shlex.join(["sigprop_plot.py", *words])
        title = arguments.title or f"sigprop: {arguments.figure} of {', '.join(dict.fromkeys(result.name for result in results))}"
        data = output.render(figure, arguments.output, form, title, command, [result.made_by for result in results])
    output.write(arguments.output, data)


def main(words):
    """The exit status: 0 fine, 2 wrong usage or input, 3 the machine."""
    try:
        draw(words)
    except (Problem, MachineProblem) as problem:
        print(f"{PROGRAM}: {problem}", file=sys.stderr)
        return 2 if isinstance(problem, Problem) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
