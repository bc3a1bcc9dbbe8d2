# SPDX-License-Identifier: Apache-2.0
"""Maps: coloured cells, logarithmic colour where values span decades, hatching where there is no value."""
import math

import numpy
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle

from . import style
from .problems import Problem

MOST_VECTOR_CELLS = 5000  # beyond it cells become a picture of 300 dots an inch, except in PGF
HATCH = "/////"
SEAM = 0.15  # points: cells overlap by it, since viewers show hairlines between cells that only touch


def draw(figure, axes, xs, ys, numbers, label, vector, decades=style.LOG_COLOUR_DECADES):
    """Cells between the edges xs and ys, coloured by numbers[row][column] (None where absent), with a colour bar, which is
    logarithmic if they span more than so many decades."""
    known = [n for row in numbers for n in row if n]
    spread = [n.log10 for n in known if math.isfinite(n.log10) and (n.overflows or n.value > 0)]
    exponent = any(n.overflows for n in known)
    log = exponent or len(spread) == len(known) and max(spread) - min(spread) > decades
    scale = "exponent" if exponent else "log" if log else "linear"
    values = numpy.array([[style.shown(n, scale)[0] for n in row] for row in numbers])
    missing = numpy.isnan(values)
    if missing.any():
        axes.add_patch(Rectangle((xs[0], ys[0]), xs[-1] - xs[0], ys[-1] - ys[0], facecolor="white", edgecolor="0.6", hatch=HATCH,
                                 linewidth=0, zorder=0))
    low, high = float(numpy.nanmin(values)), float(numpy.nanmax(values))
    norm = LogNorm(low, high) if scale == "log" else Normalize(low, high)
    cells = axes.pcolormesh(xs, ys, numpy.ma.masked_array(values, missing), cmap=style.COLOUR_MAP, norm=norm, edgecolors="face", linewidth=SEAM,
                            rasterized=not vector and values.size > MOST_VECTOR_CELLS)
    bar = figure.colorbar(cells, ax=axes, pad=0.02, aspect=25)
    bar.outline.set_linewidth(0.4)
    bar.solids.set_rasterized(False)
    bar.solids.set_edgecolor("face")
    if label:
        bar.set_label(label)
    if scale == "log":
        bar.minorticks_off()
        style.set_log_ticks(bar.ax.yaxis, low, high)
    else:
        style.set_scale(bar.ax, "y", scale)


def edges(values, log=False):
    """Cell edges half-way between the values, by ratio on a logarithmic axis; half a step beyond the ends."""
    at = [math.log10(v) for v in values] if log else list(values)
    if len(at) == 1:
        out = [at[0] - 0.5, at[0] + 0.5]
    else:
        middle = [(a + b) / 2 for a, b in zip(at, at[1:])]
        out = [2 * at[0] - middle[0], *middle, 2 * at[-1] - middle[-1]]
    if not all(map(math.isfinite, out)):
        raise Problem(f"settings from {values[0]:g} to {values[-1]:g} do not fit on an axis; choose rows with --where")
    return [10.0**v for v in out] if log else out
