# SPDX-License-Identifier: Apache-2.0
"""schemes: one curve an initialization scheme."""
from . import depth
from .curves import Source, groups_of
from .problems import Problem, note, unknown
from .profile import add_choices, distinct, labels_of
from .results import load, need

HELP = "one curve a scheme, from compare, or from one predict a scheme"
DESCRIPTION = """Quantities against depth, one curve a scheme: of the JSON of compare all schemes that have a prediction, of the JSON of predict
each as one."""
EXAMPLES = """sigprop_plot.py schemes compare.json -o schemes.pdf
  sigprop_plot.py schemes compare.json --only gpt2,deepscalelm --quantity forward.variance --log -o two.svg
  sigprop_plot.py schemes xavier.json deepscalelm.json --label Xavier --label DeepScaleLM -o two.pdf"""


def add_options(parser):
    parser.add_argument("results", nargs="+", metavar="RESULT", help="JSON of compare or predict; - for standard input")
    parser.add_argument("--only", metavar="A,B,...", help="these schemes of a comparison, in this order")
    parser.add_argument("--label", action="append", metavar="TEXT",
                        help="name of a predict result in the legend, once for each; default: the model's")
    add_choices(parser)


def draw(arguments):
    results = [load(file, ("compare", "predict")) for file in arguments.results]
    kinds = {result.command for result in results}
    if len(kinds) > 1:
        raise Problem(f"{results[0].file}, ...: results of compare and of predict are mixed; give only one kind")
    if kinds == {"compare"} and arguments.label:
        raise Problem("--label: schemes of compare have their own names; leave it out")
    if kinds == {"predict"} and arguments.only:
        raise Problem("--only: chooses schemes of compare, but the results are of predict; leave it out")
    if kinds == {"compare"}:
        sources = [source for result in results for source in schemes_of(result, arguments.only)]
    else:
        sources = [Source(result, label or result.name, result.name, result.theory)
                   for result, label in zip(results, labels_of(arguments))]
    return depth.draw(distinct(sources), groups_of(sources), arguments.quantity, arguments.scale, arguments), results


def schemes_of(result, only):
    """A source for every scheme that was predicted; those that do not fit the model are told."""
    rows = {}
    for at, row in enumerate(need(result, result.data, "schemes", list, "")):
        rows[need(result, row, "scheme", str, f"/schemes/{at}")] = (at, row)
    for name in only.split(",") if only else ():
        if name not in rows:
            raise Problem(f"--only: {unknown(name, rows)}")
    chosen = {name: rows[name] for name in (only.split(",") if only else rows)}
    for name, (_, row) in chosen.items():
        if "points" not in row:
            note(f"{result.file}: {name} has no curve: {row.get('reason', 'it was not predicted')}")
    sources = [Source(result, name, name, result.theory, row, f"/schemes/{at}") for name, (at, row) in chosen.items() if "points" in row]
    if not sources:
        raise Problem(f"{result.file}: /schemes has no scheme that was predicted; compare others, with sigprop compare --schemes A,B")
    return sources
