# SPDX-License-Identifier: Apache-2.0
"""verify: predicted against measured, and z by depth."""
import math
from dataclasses import dataclass

from matplotlib.lines import Line2D

from . import style
from .problems import Problem, note
from .results import Number, bounded, layers_of, leaves, load, look_up, need, number, points_of, quantities_of, unknown_quantity

HELP = "predicted against measured with the diagonal, and z by depth"
DESCRIPTION = """Every comparison of a verification: measured against predicted with standard errors and the diagonal, and
z = (predicted - measured)/standard error by depth, with dashed lines at the critical t. A comparison beyond the lines can still
agree, since the theory is granted its model error; those that disagree have a ring. Values of 0 or below
have no place on the logarithmic axes of the first panel."""
EXAMPLES = """sigprop_plot.py verify verified.json -o verified.pdf
  sigprop_plot.py verify verified.json --quantity forward.variance --quantity backward.variance --width neurips -o variances.svg"""

GROUPS = {"forward": "signal", "backward": "gradient", "attention": "attention", "cross_attention": "attention", "weights": "weights"}
RING = {"linestyle": "none", "marker": "o", "markersize": 7, "markerfacecolor": "none", "markeredgecolor": "#000000", "markeredgewidth": 0.6}


def add_options(parser):
    parser.add_argument("result", metavar="RESULT", help="JSON of verify; - for standard input")
    parser.add_argument("--quantity", action="append", metavar="NAME", help="only this quantity, such as backward.variance; default: all")


@dataclass(frozen=True)
class Comparison:
    group: str
    depth: float
    predicted: Number
    measured: Number
    z: float
    agrees: bool


def comparisons(result, wanted):
    found = []
    for place in points_of(result) + layers_of(result):
        parts = {k: v for k, v in place.node.items() if k in GROUPS}
        for quantity, node in leaves(parts):
            if isinstance(node, dict) and "predicted" in node and (not wanted or quantity in wanted):
                found.append(comparison(result, place, quantity, node))
    return found


def comparison(result, place, quantity, node):
    where = f"{place.path}, {quantity}"
    predicted = number(node["predicted"], result.file, f"{where}, predicted")
    z = bounded(node.get("z"), result.file, f"{where}, z")
    return Comparison(GROUPS[quantity.split(".")[0]], place.depth, predicted, number(node, result.file, where), z.value if z else math.nan,
                      bool(node.get("agrees", True)))


def draw(arguments):
    result = load(arguments.result, ("verify",))
    for quantity in arguments.quantity or ():
        if quantity not in quantities_of(result):
            raise unknown_quantity([(result, None)], quantity)
    found = comparisons(result, arguments.quantity)
    if not found:
        raise Problem(f"{result.file}: /points and /layers have no comparison; make it with sigprop verify SPEC --format json")
    critical = bounded(look_up(need(result, result.data, "summary", dict, ""), "critical_t"), result.file, "/summary/critical_t")
    figure, (left, right) = style.panels(2, 1 if arguments.width < style.NARROW else 2, arguments.width, arguments.height)
    handles = {}
    for at, name in enumerate(dict.fromkeys(GROUPS.values())):
        group = [c for c in found if c.group == name]
        if group:
            handles[name] = draw_group(left, right, at, group)
    wrong = [c for c in found if not c.agrees]
    if wrong:
        handles[f"disagrees ({len(wrong)} of {len(found)})"] = Line2D([], [], **RING)
        left.plot([style.shown(c.predicted, "log")[0] for c in wrong], [style.shown(c.measured, "log")[0] for c in wrong], **RING)
        right.plot([c.depth for c in wrong], [c.z for c in wrong], **RING)
    finish_left(left, found, result)
    finish_right(right, critical)
    style.head(figure, list(handles.values()), list(handles), arguments.title, arguments.height)
    return figure, [result]


def draw_group(left, right, at, group):
    look = style.points_of(at)
    pairs = [(style.shown(c.predicted, "log")[0], *style.shown(c.measured, "log")) for c in group]
    predicted, measured, errors = zip(*pairs)
    handle = left.errorbar(predicted, measured, yerr=errors, **look)
    right.plot([c.depth for c in group], [c.z for c in group], linestyle="none", marker=look["fmt"], color=look["color"],
               markersize=look["markersize"], markerfacecolor="white", markeredgewidth=look["markeredgewidth"])
    return handle


def finish_left(axes, found, result):
    pairs = [[style.shown(number, "log")[0] for number in (c.predicted, c.measured)] for c in found]
    kept = [value for pair in pairs if not any(map(math.isnan, pair)) for value in pair]
    if len(kept) < 2 * len(found):
        note(f"{result.file}: {len(found) - len(kept) // 2} of {len(found)} comparisons are left out of the first panel: "
             "a value is 0, negative or beyond the range of a double")
    style.set_title(axes, "measured against predicted")
    axes.set_xlabel("predicted")
    axes.set_ylabel("measured")
    if not kept:
        return
    low, high = min(kept), max(kept)
    axes.plot([low, high], [low, high], color="0.5", linewidth=0.6, zorder=0)
    for which in "xy":
        style.set_scale(axes, which, "log", low, high)


def finish_right(axes, critical):
    style.set_title(axes, "z = (predicted - measured) / standard error")
    axes.set_xlabel("layer")
    axes.axhline(0, color="0.5", linewidth=0.5, zorder=0)
    for sign in (-1, 1) if critical else ():
        axes.axhline(sign * critical.value, color="0.5", linewidth=0.6, linestyle="--", zorder=0)
    style.set_scale(axes, "x", "whole")
    style.set_scale(axes, "y", "linear")
