# SPDX-License-Identifier: Apache-2.0
"""How figures look: widths of venues, colours that the colour-blind and a grey printer tell apart, scales, legend above the panels."""
import logging
import math
import os
import textwrap
from functools import partial

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from .problems import Problem, note
from .results import LARGEST

# Inches, from the venues' style files: icml.sty \textwidth 6.75in, \columnsep 0.25in; neurips.sty and iclr_conference.sty 5.5in; IEEEtran.cls
# \textwidth 43pc, \columnsep 1pc (a pica is 12 of 72.27 points an inch); acl.sty A4 with margins of 2.5cm, \columnsep 0.6cm.
WIDTHS = {"icml": 3.25, "icml-text": 6.75, "neurips": 5.5, "iclr": 5.5, "ieee": 252 / 72.27, "ieee-text": 516 / 72.27,
          "acl": 7.7 / 2.54, "acl-text": 16 / 2.54}
WIDTH_RANGE = (1.5, 40.0)  # inches
NARROW = 5.0  # inches: below it, a venue's single column
# Okabe and Ito 2008, without the yellow, which white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
# Five, so that with seven colours 35 curves differ.
LINES = ("-", (0, (4, 1.3)), (0, (4, 1.2, 1, 1.2)), (0, (1, 1.1)), (0, (6, 1.2, 1, 1.2, 1, 1.2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
THICK, THIN = 1.2, 0.6  # points; the published theory is thin
DARKER = 0.5  # of a thin line's colour
TICK_LABELS = 0.35  # inches to the left of a panel, about
LETTERS_AN_INCH = 18  # of the text's size, about
TITLE_SHARE = 0.85  # of that in the figure's title, which is larger
EDGE = 0.03  # inches of white around legend and title
COLOUR_MAP = "cividis"  # its lightness rises evenly, also in grey and for the colour-blind
LOG_COLOUR_DECADES = 2.0
LOG_AXIS_FACTOR = 10.0
TICK_STEPS = (1, 2, 5, 10)
MOST_TICKS = 5
LEAST_SHARE, LEAST_FACTOR = 0.2, 1.25  # of the values that an axis spans, linear and logarithmic
SHORT_RANGE = 5.0  # a factor in which 1, 2 and 5 could leave fewer than two ticks
LINEAR = ("token_correlation", "entropy", "entropy_fraction", "rank_residual", "mean")  # bounded, or of both signs

OURS = {
    "font.family": "sans-serif", "font.size": 7, "axes.titlesize": 7, "axes.labelsize": 7, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5, "figure.titlesize": 8, "axes.titlelocation": "left", "axes.titlepad": 3, "axes.linewidth": 0.5,
    "axes.spines.top": False, "axes.spines.right": False, "xtick.major.width": 0.5, "ytick.major.width": 0.5, "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4, "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.size": 1.5, "ytick.minor.size": 1.5,
    "xtick.major.pad": 2, "ytick.major.pad": 2, "axes.labelpad": 2, "legend.frameon": False, "legend.borderpad": 0, "legend.handlelength": 2.4,
    "legend.columnspacing": 1.2, "legend.handletextpad": 0.5, "legend.labelspacing": 0.3, "hatch.linewidth": 0.4, "axes.axisbelow": True,
    "figure.constrained_layout.h_pad": 0.03, "figure.constrained_layout.w_pad": 0.03, "savefig.dpi": 300,
    "svg.fonttype": "none", "svg.hashsalt": "sigprop", "pdf.fonttype": 42, "pgf.rcfonts": False,
}

NAMES = {
    "forward.variance": "variance", "forward.second_moment": "second moment", "forward.token_correlation": "token correlation",
    "forward.effective_rank": "effective rank", "backward.variance": "gradient variance", "backward.norm": "gradient norm",
    "backward.token_correlation": "gradient's token correlation", "attention.entropy": "entropy (nats)",
    "attention.entropy_fraction": "entropy / ln L", "attention.score_variance": "score variance",
}


def apply(sheet):
    """Our style, and over it a style sheet of the user's."""
    matplotlib.rcParams.update(matplotlib.rcParamsDefault)
    matplotlib.rcParams.update(OURS)
    if not sheet:
        return
    if not os.path.isfile(sheet):
        raise Problem(f"--style {sheet}: is no file; give a matplotlib style sheet such as paper.mplstyle")
    complaints = Complaints()
    log = logging.getLogger("matplotlib")
    log.addHandler(complaints)
    log.propagate = False
    try:
        theirs = matplotlib.rc_params_from_file(sheet, fail_on_error=True, use_default_template=False)
    except (KeyError, ValueError, OSError) as error:
        complaints.texts.append(str(error.args[0] if error.args else error))
    finally:
        log.removeHandler(complaints)
    if complaints.texts:
        raise Problem(f"--style {sheet}: is no matplotlib style sheet: {complaints.texts[0].strip().splitlines()[0]}")
    matplotlib.rcParams.update(theirs)


class Complaints(logging.Handler):
    """Keeps what matplotlib says about a style sheet: an unknown key is only logged."""
    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def check_text(option, text):
    """A text of the user's may have formulas between dollars, which must be such that matplotlib reads them."""
    if not is_math_text(text):
        return
    try:
        MathTextParser("agg").parse(text)
    except ValueError as error:
        reason = str(error).strip().splitlines()[-1]
        raise Problem(f"{option} {text}: has a formula that cannot be read: {reason}; mend it, or write \\$ for a dollar") from None


def title_of(quantity):
    """A quantity in a reader's words."""
    if quantity in NAMES:
        return NAMES[quantity]
    group, *rest = quantity.split(".")
    words = rest[-1].replace("_", " ")
    if group == "weights":
        return f"{words} of {rest[0]}"
    return {"forward": words, "backward": f"gradient's {words}"}.get(group, f"{group.replace('_', ' ')}: {words}")


def set_title(axes, text):
    """Broken into lines, since the layout gives a title no more width than its panel has."""
    columns = axes.get_subplotspec().get_gridspec().ncols
    inches = axes.figure.get_size_inches()[0] / columns - TICK_LABELS
    axes.set_title(textwrap.fill(text, max(8, int(inches * LETTERS_AN_INCH))))


def columns_for(panels, width):
    """How many panels stand side by side."""
    return min(panels, 2 if width < NARROW else 4)


def panels(count, columns, width, height=None, row_height=None, **options):
    """A figure of so many panels and their axes, panels of the last row under those above."""
    rows = math.ceil(count / columns)
    row = row_height or min(max(0.72 * width / columns, 1.25), 2.4)  # inches: readable, and not taller than wide
    figure = Figure(figsize=(width, height or rows * row), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    flat = list(axes.flat)
    for spare in flat[count:]:
        spare.remove()
    return figure, flat[:count]


def line_of(group, thin=False, single=False):
    """A thin line is darker and lies above: it stays visible inside the thick one where both agree. A single point has a marker."""
    colour = COLOURS[group % len(COLOURS)]
    look = {"color": colour, "linestyle": LINES[group % len(LINES)], "linewidth": THICK}
    if single:
        look.update(marker=MARKERS[group % len(MARKERS)], markersize=3)
    if thin:
        look.update(color=tuple(DARKER * part for part in to_rgb(colour)), linewidth=THIN, zorder=2.5)
    return look


def points_of(group):
    """Markers with error bars; hollow, so that a line below stays visible."""
    return {"color": COLOURS[group % len(COLOURS)], "fmt": MARKERS[group % len(MARKERS)], "markersize": 3, "markerfacecolor": "white",
            "markeredgewidth": 0.7, "elinewidth": 0.7, "capsize": 1.4, "capthick": 0.7, "linestyle": "none"}


def scale_of(numbers, choice, quantity):
    """linear, log, or exponent: the logarithm on a linear axis, for values beyond the range of a double."""
    known = [n for n in numbers if n]
    if any(n.overflows for n in known):
        if choice == "linear":
            raise Problem(f"--linear: {quantity} passes 1e{LARGEST:g}, too much for a linear axis; leave --linear out to see its logarithm")
        return "exponent"
    if choice:
        return choice
    if quantity.split(".")[-1] in LINEAR or not known or any(n.value <= 0 for n in known):
        return "linear"
    values = [n.value for n in known]
    return "log" if max(values) / min(values) >= LOG_AXIS_FACTOR else "linear"


def shown(one, scale):
    """(value, error) of a Number on such a scale; NaN where it has no place."""
    if one is None or scale != "linear" and one.value <= 0 or scale != "exponent" and one.overflows:
        return math.nan, 0.0
    return (one.log10, 0.0) if scale == "exponent" else (one.value, one.error)


def tell_left_out(numbers, scale, quantity, label):
    count = sum(1 for n in numbers if n and math.isnan(shown(n, scale)[0]))
    if count:
        note(f"{label}: {quantity} is 0 or negative in {count} of {len(numbers)} places, which a log axis cannot show")


def set_scale(axes, which, scale, low=1.0, high=10.0):
    """Scale of the x or y axis (linear, whole, log, exponent), with ticks that do not crowd a small panel; low and high are the data's ends."""
    axis = getattr(axes, f"{which}axis")
    if scale == "exponent":
        axis.set_major_locator(MaxNLocator(MOST_TICKS, integer=True))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:g}}}$"))
    elif scale in ("linear", "whole"):
        axis.set_major_locator(MaxNLocator(MOST_TICKS, steps=TICK_STEPS, integer=scale == "whole"))
    else:
        getattr(axes, f"set_{which}scale")("log")
        set_log_ticks(axis, low, high)


def set_least_range(axes, scale, low, high):
    """Room around values that hardly differ, or a change of 1 % would look like a cliff."""
    if scale == "log" and high < LEAST_FACTOR * low:
        middle, root = math.sqrt(low * high), math.sqrt(LEAST_FACTOR)
        axes.set_ylim(middle / root, middle * root)
    elif scale == "linear" and high - low < LEAST_SHARE * max(abs(low), abs(high)):
        middle, half = (low + high) / 2, LEAST_SHARE * max(abs(low), abs(high)) / 2
        axes.set_ylim(middle - half, middle + half)


def set_log_ticks(axis, low, high):
    """Powers of ten if two of them lie between the ends, else 1, 2 and 5 times them, and in a short range even steps."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    if last > first:
        step = math.ceil((last - first + 1) / MOST_TICKS)
        axis.set_major_locator(FixedLocator([10.0**power for power in range(-307, 309) if power % step == 0]))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high >= SHORT_RANGE * low else MaxNLocator(4, steps=TICK_STEPS))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def head(figure, handles, labels, title=None, height=None):
    """Title and legend above the panels, never over data: the figure grows by what they take, or the panels shrink if its height is given."""
    width, body = figure.get_size_inches()
    renderer = FigureCanvasAgg(figure).get_renderer()
    tall = 0.0
    placed = []  # (how to place it, inches below the upper edge)
    if title:
        lines = textwrap.fill(title, max(20, int(width * LETTERS_AN_INCH * TITLE_SHARE)))
        text = figure.text(0.5, 1, lines, ha="center", va="top", size=matplotlib.rcParams["figure.titlesize"])
        text.set_in_layout(False)
        placed.append((text.set_position, tall + EDGE))
        tall += text.get_window_extent(renderer).height / figure.dpi + 2 * EDGE
    if labels:
        legend = fitting_legend(figure, handles, labels, width, renderer)
        legend.set_in_layout(False)
        placed.append((partial(legend.set_bbox_to_anchor, transform=figure.transFigure), tall + EDGE))
        tall += legend.get_window_extent(renderer).height / figure.dpi + 2 * EDGE
    whole = height or body + tall
    if whole <= tall + 0.5:  # inches that the panels need at least
        raise Problem(f"--height {whole:g}: title and legend leave no room for the panels; give more height, or fewer or shorter labels")
    figure.set_size_inches(width, whole)
    for place, down in placed:
        place((0.5, 1 - down / whole))
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - tall / whole))


def fitting_legend(figure, handles, labels, width, renderer):
    """A legend of as many columns as fit; if not even one does, with its labels broken."""
    for letters in (None, *range(int(width * LETTERS_AN_INCH), 5, -4)):
        texts = [textwrap.fill(label, letters) if letters else label for label in labels]
        for columns in range(len(labels) if letters is None else 1, 0, -1):
            legend = figure.legend(handles, texts, ncol=columns, loc="upper center", bbox_to_anchor=(0.5, 1), borderaxespad=0)
            if legend.get_window_extent(renderer).width <= (width - 2 * EDGE) * figure.dpi:
                return legend
            legend.remove()
    raise Problem(f"--width {width:g}: no legend fits into it; give a larger width or shorter labels")
