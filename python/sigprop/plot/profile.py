# SPDX-License-Identifier: Apache-2.0
"""profile: quantities against depth, several results in one figure."""
from . import depth
from .curves import groups_of, sources_of
from .problems import Problem
from .results import load

HELP = "variance, gradient, token correlation and entropy against depth; theory as lines, simulation as points"
DESCRIPTION = """Quantities against depth, several results in one figure. Predictions are lines, the theory paper a thin one; simulations are
points with standard errors; the result of verify gives both. The last point of layer N is drawn at N, those before it between N-1 and N."""
EXAMPLES = """sigprop_plot.py profile full.json paper.json simulated.json -o profile.pdf
  sigprop_plot.py profile bert.json --quantity forward.variance --quantity weights.value.gradient_norm --log --width neurips -o bert.svg"""


def add_options(parser):
    parser.add_argument("results", nargs="+", metavar="RESULT", help="JSON of predict, simulate or verify; - for standard input")
    parser.add_argument("--label", action="append", metavar="TEXT",
                        help="name of a result in the legend, once for each in their order; default: the model's, with theory or engine")
    add_choices(parser)


def add_choices(parser):
    """What is drawn, and on which scale."""
    parser.add_argument("--quantity", action="append", metavar="NAME",
                        help=f"a panel, as named in the JSON, such as weights.query.gradient_norm; default: {', '.join(depth.USUAL)}")
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--log", dest="scale", action="store_const", const="log", help="logarithmic axes")
    scale.add_argument("--linear", dest="scale", action="store_const", const="linear",
                       help="linear axes; default: logarithmic for what spans a factor of ten, but never correlations and entropies")


def labels_of(arguments):
    labels = arguments.label or [None] * len(arguments.results)
    if len(labels) != len(arguments.results):
        raise Problem(f"--label: {len(labels)} given for {len(arguments.results)} results; give one for each, in their order, or none")
    return labels


def draw(arguments):
    results = [load(file, ("predict", "simulate", "verify")) for file in arguments.results]
    sources = [source for result, label in zip(results, labels_of(arguments)) for source in sources_of(result, label)]
    return depth.draw(distinct(sources), groups_of(sources), arguments.quantity, arguments.scale, arguments), results


def distinct(sources):
    """Two curves of one name would share a row of the legend: their file tells them apart."""
    count = {}
    for source in sources:
        count[source.label] = count.get(source.label, 0) + 1
    for source in sources:
        if count[source.label] > 1:
            source.label = f"{source.label} ({source.result.file})"
    return sources
