# SPDX-License-Identifier: Apache-2.0
"""tokens: second moment and gradient of every token, as heat maps of point and position; the Gram matrix of tokens."""
import fnmatch
import math

from . import gram, mesh, style
from .problems import Problem
from .results import Number, load, look_up, number, points_of

HELP = "second moment and gradient by token position, and products of tokens"
DESCRIPTION = """Heat maps over the points of the residual stream (rows, input first) and the position of a token (columns): E[x^2] of the signal
and E[g^2] of the gradient, from a result of --tokens. With --relative every row is divided by its mean over the positions: depth goes, and the
differences between tokens remain.

With --gram the products E[x_i x_j] of pairs of tokens, a map a point, from a result of --gram. --relative makes them cosines. A second result,
such as a simulation, fills the upper triangle: where theory is right, the map is symmetric."""
EXAMPLES = """sigprop predict specs/gpt2.json --tokens --format json --output gpt2.json
  sigprop_plot.py tokens gpt2.json -o tokens.pdf
  sigprop_plot.py tokens gpt2.json --points 'input,layer */ffn' --relative --log-position --width neurips -o ffn.svg
  sigprop predict specs/gpt2.json --gram 64 --format json --output gram.json
  sigprop_plot.py tokens gram.json --gram --relative -o gram.pdf"""

QUANTITIES = ("forward.tokens.second_moment", "backward.tokens.variance")
TITLES = ("second moment", "gradient variance")
MOST_ROWS_WITH_NAMES = 16
ROW = 0.13  # inches a named row


def add_options(parser):
    parser.add_argument("results", metavar="RESULT", nargs="+",
                        help="JSON of predict or simulate with --tokens or --gram, with --gram up to two; - for standard input")
    parser.add_argument("--gram", action="store_true", help="the Gram matrix of tokens; default: moments by position")
    parser.add_argument("--points", metavar="PATH,...",
                        help="these points only; * stands for any letters, as in 'layer */ffn'; default: all, with --gram three")
    parser.add_argument("--relative", action="store_true", help="divide every row by its mean over the positions; with --gram, cosines")
    parser.add_argument("--log-position", action="store_true",
                        help="a logarithmic axis of positions: under a causal mask the first tokens differ most")


def draw(arguments):
    results = [load(file, ("predict", "simulate")) for file in arguments.results]
    if len(results) > (2 if arguments.gram else 1):
        raise Problem(f"{arguments.results[-1]}: {'two triangles have no room for more than two results' if arguments.gram else 'these maps show one result'}; leave it out")
    if arguments.gram and arguments.log_position:
        raise Problem("--log-position: the tokens of a Gram matrix lie evenly; leave it out")
    if arguments.gram:
        return gram_figure(results, arguments)
    result = results[0]
    places = chosen(result, arguments.points)
    grids = [[row_of(result, place, quantity) for place in places] for quantity in QUANTITIES]
    check(result, places, grids)
    if arguments.relative:
        grids = [[relative(result, place, row) for place, row in zip(places, grid)] for grid in grids]
    columns = 1 if arguments.width < style.NARROW else 2
    row_height = max(1.5, ROW * min(len(places), MOST_ROWS_WITH_NAMES) + 0.4)
    figure, axes = style.panels(2, columns, arguments.width, arguments.height, row_height)
    vector = arguments.output.endswith(".pgf")
    for panel, title, grid in zip(axes, TITLES, grids):
        mesh.draw(figure, panel, mesh.edges(range(1, len(grid[0]) + 1)), mesh.edges(range(len(places))), grid, None, vector,
                  0.0 if arguments.relative else style.LOG_COLOUR_DECADES)
        panel.invert_yaxis()
        style.set_title(panel, title + (" / its mean over positions" if arguments.relative else ""))
        style.set_scale(panel, "x", "log" if arguments.log_position else "whole", 1, len(grid[0]))
        if arguments.log_position:
            panel.xaxis.set_major_formatter(lambda position, _: f"{position:g}" if position >= 1 else "")
        name_rows(panel, places)
    for panel in axes[-columns:]:
        panel.set_xlabel("position of the token")
    style.head(figure, [], [], arguments.title, arguments.height)
    return figure, [result]


def gram_figure(results, arguments):
    places = [chosen(result, arguments.points) for result in results]
    if not arguments.points:
        places = [gram.usual(of_one) for of_one in places]
    paths = [[place.path for place in of_one] for of_one in places]
    if paths[0] != paths[-1]:
        raise Problem(f"{results[1].file}: its points are others than those of {results[0].file}; give results of one model")
    return gram.draw(results, places, arguments)


def chosen(result, patterns):
    places = points_of(result)
    if not patterns:
        return places
    for pattern in patterns.split(","):
        if not any(fnmatch.fnmatchcase(place.path, pattern) for place in places):
            raise Problem(f'{result.file}: --points: no point is called "{pattern}"; the first are {", ".join(p.path for p in places[:6])}')
    return [place for place in places if any(fnmatch.fnmatchcase(place.path, pattern) for pattern in patterns.split(","))]


def row_of(result, place, quantity):
    values = look_up(place.node, quantity)
    if not isinstance(values, list) or not values:
        raise Problem(f"{result.file}: {place.path} has no {quantity}; "
                      f"make the file with sigprop {result.command} SPEC --tokens --format json")
    return [number(value, result.file, f"{place.path}, {quantity}, token {at}") for at, value in enumerate(values, 1)]


def relative(result, place, row):
    if any(n is None or n.overflows for n in row) or not any(n.value for n in row):
        raise Problem(f"{result.file}: --relative: {place.path} has no finite mean above 0 over the positions; leave it out")
    mean = math.fsum(n.value for n in row) / len(row)
    return [Number(n.value / mean, n.log10 - math.log10(mean)) for n in row]


def check(result, places, grids):
    """Rows of one map have one length; encoder and decoder may differ in theirs."""
    for grid in grids:
        lengths = {len(row): place.path for row, place in zip(grid, places)}
        if len(lengths) > 1:
            told = " and ".join(f"{length} tokens at {path}" for length, path in lengths.items())
            raise Problem(f"{result.file}: {told} do not fit into one map; choose with --points, such as --points 'encoder/*'")


def name_rows(axes, places):
    if len(places) <= MOST_ROWS_WITH_NAMES:
        axes.set_yticks(range(len(places)), [place.path for place in places])
        axes.tick_params(axis="y", length=0)
    else:
        step = max(1, round(places[-1].depth / 6))
        ends = {round(place.depth): row for row, place in enumerate(places) if place.depth == round(place.depth)}
        ticks = [depth for depth in ends if depth % step == 0]
        axes.set_yticks([ends[depth] for depth in ticks], [str(depth) for depth in ticks])
        axes.set_ylabel("layer")
