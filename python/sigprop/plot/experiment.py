# SPDX-License-Identifier: Apache-2.0
"""experiment: error percentiles of both theories against the published ones, a panel a component."""
import math
import textwrap

from . import style
from .problems import Problem, unknown
from .results import load, need, shorten

HELP = "error percentiles by component, both theories against the published ones"
DESCRIPTION = """Percentiles 50, 90 and 99 of the error in percent, a panel a component and a row a quantity: three markers joined by a line
for what was published, for the theory paper and for full. The axis is linear below 0.1 % and logarithmic above."""
EXAMPLES = """sigprop_plot.py experiment all.json -o experiment.pdf
  sigprop_plot.py experiment all.json --component relu,attention --width neurips -o two.svg"""

SOURCES = {"published": 4, "paper": 1, "full": 0}  # and their colours
LINEAR_BELOW = 0.1  # percent: the last digit that was published
ROW = 0.18  # inches a quantity
FRAME = 0.28  # inches for a panel's title
LETTERS = 30  # of a quantity's name in a line


def add_options(parser):
    parser.add_argument("result", metavar="RESULT", help="JSON of experiment; - for standard input")
    parser.add_argument("--component", metavar="A,B,...", help="these components, in this order; default: all in the result")


def draw(arguments):
    result = load(arguments.result, ("experiment",))
    chosen = components_of(result, arguments.component)
    columns = 1 if arguments.width < style.NARROW else min(2, len(chosen))
    counts = [len(percentiles) for percentiles in chosen.values()]
    heights = [ROW * max(counts[at:at + columns]) + FRAME for at in range(0, len(counts), columns)]
    figure, axes = style.panels(len(chosen), columns, arguments.width, arguments.height, sum(heights) / len(heights), sharex=True,
                                gridspec_kw={"height_ratios": heights})
    handles = {}
    largest = max(value for panel in chosen.values() for sources in panel.values() for values in sources.values() for value in values)
    for panel, (component, percentiles) in zip(axes, chosen.items()):
        draw_component(panel, percentiles, handles)
        style.set_title(panel, component.replace("_", " "))
        panel.set_xscale("symlog", linthresh=LINEAR_BELOW, linscale=0.5)
        finish(panel, largest)
    for panel in axes[-columns:]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("error in %: percentiles 50, 90 and 99")
    style.head(figure, list(handles.values()), list(handles), arguments.title, arguments.height)
    return figure, [result]


def components_of(result, names):
    """{component: {quantity: {source: [three percentiles]}}}"""
    found = {}
    for at, node in enumerate(need(result, result.data, "components", list, "")):
        place = f"/components/{at}"
        found[need(result, node, "component", str, place)] = percentiles_of(result, node, place)
    for name in names.split(",") if names else ():
        if name not in found:
            raise Problem(f"{result.file}: --component: {unknown(name, found)}")
    found = {name: found[name] for name in names.split(",")} if names else found
    if not found:
        raise Problem(f"{result.file}: /components is empty; make it with sigprop experiment all --format json")
    return found


def percentiles_of(result, node, place):
    percentiles = need(result, node, "error_percentiles", dict, place)
    if not percentiles:
        raise Problem(f"{result.file}: {place}/error_percentiles is empty; let the experiment finish at least one setting")
    for quantity, sources in percentiles.items():
        for source in SOURCES:
            values = need(result, sources, source, list, f"{place}/error_percentiles/{quantity}")
            if len(values) != 3 or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
                raise Problem(f"{result.file}: {place}/error_percentiles/{quantity}/{source} is {shorten(values)}, "
                              "but must be three numbers")
    return percentiles


def draw_component(axes, percentiles, handles):
    for row, sources in enumerate(percentiles.values()):
        for place, (source, colour) in enumerate(SOURCES.items()):
            look = {**style.line_of(colour), "linestyle": "-", "linewidth": 0.7, "marker": style.MARKERS[colour], "markersize": 2.6}
            if source == "published":
                look["markerfacecolor"] = "white"
            at = row + (place - 1) * 0.26
            handles.setdefault(source, axes.plot(sources[source], [at] * 3, markeredgewidth=0.6, **look)[0])
    axes.set_yticks(range(len(percentiles)), [textwrap.fill(q.replace("_", " "), LETTERS) for q in percentiles])
    axes.set_ylim(len(percentiles) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def finish(axes, largest):
    decades = range(-1, math.ceil(math.log10(max(largest, 1.0))) + 1)
    axes.set_xticks([0, *(10.0**d for d in decades)], ["0", *(f"{10.0**d:g}" for d in decades)])
    axes.minorticks_off()
    axes.set_xlim(-0.01, max(largest * 1.3, 1.0))
    axes.grid(axis="x", color="0.9", linewidth=0.4)
