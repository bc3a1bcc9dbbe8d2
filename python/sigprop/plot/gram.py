# SPDX-License-Identifier: Apache-2.0
"""Maps of the tokens' Gram matrix: one panel a point, a second result in its upper triangle."""
import math

from . import mesh, style
from .problems import Problem
from .results import Number, need, number

PANEL = 1.6  # inches a panel is wide at least
SQUARE = 0.86  # of a panel's width: what makes its map about square, beside the colour bar
TICKS = 4
MOST_USUAL = 3  # panels where no points are chosen


def usual(places):
    """The first, the middle and the last of them."""
    return [places[at] for at in sorted({0, len(places) // 2, len(places) - 1})] if len(places) > MOST_USUAL else places


def draw(results, places, arguments):
    """The figure of the Gram matrices at these points; places are by result."""
    tokens = tokens_of(results[0])
    for other in results[1:]:
        if tokens_of(other) != tokens:
            raise Problem(f"{other.file}: its Gram matrices are of other tokens than those of {results[0].file}; make both with one --gram N")
    grids = [merged([rows_of(result, place, len(tokens)) for result, place in zip(results, at)]) for at in zip(*places)]
    if arguments.relative:
        grids = [cosines(results[0], place, grid) for place, grid in zip(places[0], grids)]
    columns = max(1, min(len(grids), int(arguments.width / PANEL)))
    figure, axes = style.panels(len(grids), columns, arguments.width, arguments.height, SQUARE * arguments.width / columns)
    edges = mesh.edges(tokens)
    told = sorted({tokens[round(i * (len(tokens) - 1) / (TICKS - 1))] for i in range(TICKS)})
    for at, (panel, place, grid) in enumerate(zip(axes, places[0], grids)):
        mesh.draw(figure, panel, edges, edges, grid, None, arguments.output.endswith(".pgf"),
                  math.inf if arguments.relative else style.LOG_COLOUR_DECADES)
        panel.set_xticks(told)
        panel.set_yticks(told)
        panel.invert_yaxis()
        style.set_title(panel, place.path)
        if at % columns == 0:
            panel.set_ylabel("token")
        if at + columns >= len(grids):
            panel.set_xlabel("token")
    style.head(figure, [], [], arguments.title, arguments.height)
    return figure, results


def tokens_of(result):
    tokens = result.data.get("gram_tokens")
    if tokens is None:
        raise Problem(f"{result.file}: has no Gram matrices; make the file with sigprop {result.command} SPEC --gram 64 --format json")
    tokens = need(result, result.data, "gram_tokens", list, "")
    if len(tokens) < 2 or not all(type(t) is int and t > 0 for t in tokens) or sorted(set(tokens)) != tokens:
        raise Problem(f"{result.file}: /gram_tokens must be at least two whole numbers from 1 on, growing")
    return tokens


def rows_of(result, place, count):
    rows = need(result, place.node.get("forward"), "gram", list, f"{place.path}, forward")
    if len(rows) != count or not all(isinstance(row, list) and len(row) == count for row in rows):
        raise Problem(f"{result.file}: {place.path}, forward.gram must have {count} rows of {count} numbers, as /gram_tokens has")
    return [[number(value, result.file, f"{place.path}, forward.gram, row {i}, column {j}") for j, value in enumerate(row, 1)]
            for i, row in enumerate(rows, 1)]


def merged(grids):
    """The first result in the lower triangle and the diagonal, the last in the upper one."""
    return [[grids[-1 if j > i else 0][i][j] for j in range(len(row))] for i, row in enumerate(grids[0])]


def cosines(result, place, grid):
    diagonal = [row[i] for i, row in enumerate(grid)]
    if any(n is None or n.overflows or not n.value > 0 for n in diagonal):
        raise Problem(f"{result.file}: --relative: {place.path} has a token without a finite second moment above 0; leave it out")
    return [[Number(n.value / math.sqrt(diagonal[i].value * diagonal[j].value), n.log10 - (diagonal[i].log10 + diagonal[j].log10) / 2)
             if n else None for j, n in enumerate(row)] for i, row in enumerate(grid)]
