# SPDX-License-Identifier: Apache-2.0
"""across: one quantity against another, a point a result."""
import math

from . import style
from .curves import sources_of
from .problems import Problem
from .results import load, look_up, places_of, unknown_quantity

HELP = "one quantity against another over many results, such as the gradient against the score variance"
DESCRIPTION = """One quantity against another, a point a result: results of one theory are joined by a line, measured ones are points with
standard errors on both axes. A quantity is followed by its place: first, last, or the path of a point or a layer, as in 'backward.variance input' or
'attention.score_variance layer 1'."""
EXAMPLES = """for std in 0.01 0.02 0.04; do
    jq ".init.std.query = $std" model.json > $std.spec.json
    sigprop verify $std.spec.json --format json --output $std.json
  done
  sigprop_plot.py across 0.*[0-9].json --x 'attention.score_variance first' --y 'backward.variance input' -o gradient.pdf"""

KINDS = {"full": 0, "paper": 1, "measured": 4}  # and their colours
LABELS = {"full": "theory full", "paper": "theory paper", "measured": "simulated"}


def add_options(parser):
    parser.add_argument("results", nargs="+", metavar="RESULT", help="JSON of predict, simulate or verify")
    for which in "xy":
        parser.add_argument(f"--{which}", required=True, metavar="'NAME PLACE'", help=f"the quantity along {which} and its place")
    parser.add_argument("--linear", action="store_const", dest="scale", const="linear", default=None,
                        help="linear axes; default: logarithmic for what spans a factor of ten")


def draw(arguments):
    results = [load(file, ("predict", "simulate", "verify")) for file in arguments.results]
    sources = [source for result in results for source in sources_of(result)]
    wanted = [split(option, text) for option, text in (("--x", arguments.x), ("--y", arguments.y))]
    for (option, _), (quantity, place) in zip((("--x", 0), ("--y", 1)), wanted):
        if not any(value_at(source, quantity, place, option) for source in sources):
            raise missing(sources, quantity, place, option)
    curves = {}
    for source in sources:
        pair = [value_at(source, quantity, place, option) for (quantity, place), option in zip(wanted, ("--x", "--y"))]
        if all(pair):
            curves.setdefault(source.kind, []).append(pair)
    figure, (axes,) = style.panels(1, 1, arguments.width, arguments.height)
    scales = [style.scale_of([pair[at] for curve in curves.values() for pair in curve], arguments.scale, wanted[at][0]) for at in (0, 1)]
    handles = {LABELS[kind]: draw_kind(axes, kind, curves[kind], scales) for kind in KINDS if kind in curves}
    for at, which in enumerate("xy"):
        values = [style.shown(pair[at], scales[at])[0] for curve in curves.values() for pair in curve]
        values = [value for value in values if not math.isnan(value)]
        style.set_scale(axes, which, scales[at], min(values), max(values))
        getattr(axes, f"set_{which}label")(f"{style.title_of(wanted[at][0])}, {wanted[at][1]}")
    style.head(figure, list(handles.values()), list(handles), arguments.title, arguments.height)
    return figure, results


def split(option, text):
    quantity, space, place = text.strip().partition(" ")
    if not space:
        raise Problem(f"{option} {text}: must be a quantity and its place, such as '{quantity} last' or '{quantity} layer 1'")
    return quantity, place.strip()


def value_at(source, quantity, place, option):
    known = [one for one in places_of(source.result, quantity) if look_up(one.node, quantity) is not None]
    if place in ("first", "last"):
        known = known[:1] if place == "first" else known[-1:]
    else:
        known = [one for one in known if one.path == place]
    return source.read(look_up(known[0].node, quantity), f"{place}, {quantity}") if known else None


def missing(sources, quantity, place, option):
    paths = [one.path for one in places_of(sources[0].result, quantity) if look_up(one.node, quantity) is not None]
    if not paths:
        return unknown_quantity([(source.result, None) for source in sources], quantity)
    return Problem(f'{sources[0].result.file}: {option}: {quantity} has no place "{place}"; it has first, last, {", ".join(paths[:6])}')


def draw_kind(axes, kind, pairs, scales):
    shown = sorted(tuple(style.shown(number, scale) for number, scale in zip(pair, scales)) for pair in pairs)
    xs, ys = ([pair[at][0] for pair in shown] for at in (0, 1))
    if kind != "measured":
        return axes.plot(xs, ys, **style.line_of(KINDS[kind], kind == "paper", len(pairs) == 1))[0]
    return axes.errorbar(xs, ys, xerr=[pair[0][1] for pair in shown], yerr=[pair[1][1] for pair in shown], **style.points_of(KINDS[kind]))
