# SPDX-License-Identifier: Apache-2.0
"""Panels of quantities against depth: theory as lines, what was measured as points with standard errors."""
import math

from . import style
from .problems import Problem
from .results import unknown_quantity

USUAL = ("forward.variance", "backward.variance", "forward.token_correlation", "attention.entropy")


def draw(sources, groups, wanted, scale, arguments):
    """The figure of these sources; `wanted` are the quantities asked for, else the usual ones that the results have."""
    curves = {quantity: [source.curve(quantity) for source in sources] for quantity in wanted or USUAL}
    for quantity in [q for q in curves if not any(curves[q])]:
        if wanted:
            raise unknown_quantity([(s.result, s.owner) for s in sources], quantity)
        del curves[quantity]
    if not curves:
        files = ", ".join(dict.fromkeys(source.result.file for source in sources))
        raise Problem(f"{files}: /points has none of {', '.join(USUAL)}; choose with --quantity")
    columns = style.columns_for(len(curves), arguments.width)
    figure, axes = style.panels(len(curves), columns, arguments.width, arguments.height)
    handles = {}
    for at, (quantity, panel) in enumerate(curves.items()):
        numbers = [number for curve in panel for _, _, number in curve]
        chosen = style.scale_of(numbers, scale, quantity)
        for source, group, curve in zip(sources, groups, panel):
            if curve:
                style.tell_left_out([n for _, _, n in curve], chosen, quantity, source.label)
                handles.setdefault(source.label, draw_curve(axes[at], source, group, curve, chosen))
                draw_band(axes[at], source, group, quantity, curve, chosen)
        finish_panel(axes[at], quantity, chosen, numbers)
        separate_stacks(axes[at], panel)
        if at + columns >= len(curves):
            axes[at].set_xlabel("layer")
    style.head(figure, list(handles.values()), list(handles), arguments.title, arguments.height)
    return figure


def draw_curve(axes, source, group, curve, scale):
    """A gap where a number is absent, and between stacks."""
    depths, values, errors = [], [], []
    before = None
    for depth, stack, number in curve:
        if before not in (None, stack):
            depths.append(depth), values.append(math.nan), errors.append(0.0)
        value, error = style.shown(number, scale)
        depths.append(depth), values.append(value), errors.append(error)
        before = stack
    if source.measured:
        return axes.errorbar(depths, values, yerr=errors, **style.points_of(group))
    return axes.plot(depths, values, **style.line_of(group, source.kind == "paper", len(curve) == 1))[0]


def draw_band(axes, source, group, quantity, curve, scale):
    """Where single networks lie: one spread to either side, of the logarithm or of a correlation itself."""
    spreads = source.spreads(quantity)
    if source.measured or not any(spreads):
        return
    there, back = [], []
    for (depth, _, number), spread in zip(curve, spreads):
        value, width = style.shown(number, scale)[0], spread.value if spread else math.nan
        if quantity.endswith("correlation"):
            ends = value - width, value + width
        elif scale == "exponent":
            ends = value - width / math.log(10), value + width / math.log(10)
        else:
            ends = value * math.exp(-width), value * math.exp(width)
        if not math.isnan(ends[0]):
            there.append((depth, ends[1])), back.append((depth, ends[0]))
    axes.fill(*zip(*there, *reversed(back)), color=style.line_of(group)["color"], alpha=0.15, linewidth=0)


def finish_panel(axes, quantity, scale, numbers):
    values = [v for v in (style.shown(n, scale)[0] for n in numbers) if not math.isnan(v)]
    if not values:
        raise Problem(f"--log: {quantity} is nowhere above 0; use --linear")
    style.set_title(axes, style.title_of(quantity))
    style.set_scale(axes, "y", scale, min(values), max(values))
    style.set_least_range(axes, scale, min(values), max(values))
    style.set_scale(axes, "x", "whole")


def separate_stacks(axes, panel):
    """A dotted line where the decoder begins."""
    ends = set()
    for curve in panel:
        last = {stack: depth for depth, stack, _ in curve}
        ends.update(sorted(last.values())[:-1])
    for end in sorted(ends):
        axes.axvline(end, color="0.6", linewidth=0.5, linestyle=":", zorder=0)
