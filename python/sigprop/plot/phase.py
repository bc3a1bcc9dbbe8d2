# SPDX-License-Identifier: Apache-2.0
"""phase: a map of one quantity over two settings of a sweep."""
import json
import math

from . import mesh, style
from .problems import Problem, unknown
from .results import Result, number, parse, shorten, text_of

HELP = "a map over two settings, from the JSON Lines of a sweep"
DESCRIPTION = """A map of one quantity over two settings of a sweep. The file has one JSON object a line:
  {"index": 0, "set": {"stack.residual.branch": 0.1, "init.std.query": 0.02}, "values": {"forward.variance last": 1.2}}
after the line that tells how the sweep was made.
Axes are logarithmic where the settings grow by equal factors, colours where the values span more than two decades. Points that the sweep
does not have, or that have no such value, are hatched. Settings that are no numbers stand side by side in the order of their appearance."""
EXAMPLES = """sigprop_plot.py phase sweep.jsonl --x stack.residual.branch --y init.std.query --quantity 'backward.variance first' -o phase.pdf
  sigprop_plot.py phase sweep.jsonl --x stack.layers --y init.std.query --quantity 'forward.variance last' \\
    --where stack.residual.branch=0.1 -o one.svg"""

CURE = "each line must be an object like {\"index\": 0, \"set\": {PATH: VALUE}, \"values\": {NAME: NUMBER}}"
EQUAL = 0.01  # relative: factors or steps closer than this are equal


def add_options(parser):
    parser.add_argument("sweep", metavar="SWEEP.jsonl", help="JSON Lines of a sweep; - for standard input")
    parser.add_argument("--x", required=True, metavar="PATH", help="the setting along the horizontal axis, as named in set")
    parser.add_argument("--y", required=True, metavar="PATH", help="the setting along the vertical axis")
    parser.add_argument("--quantity", required=True, metavar="NAME", help="what is drawn, as named in values")
    parser.add_argument("--where", action="append", metavar="PATH=VALUE",
                        help="only the rows with this setting; needed where a sweep has more than two")


def draw(arguments):
    head, rows = rows_of(arguments.sweep)
    for option, path in (("--x", arguments.x), ("--y", arguments.y)):
        known = list(dict.fromkeys(name for row in rows for name in row["set"]))
        if path not in known:
            raise Problem(f"{arguments.sweep}: {option}: {unknown(path, known)}")
    if arguments.x == arguments.y:
        raise Problem(f"--x and --y are both {arguments.x}; a map needs two settings")
    names = list(dict.fromkeys(name for row in rows for name in row["values"]))
    if arguments.quantity not in names:
        raise Problem(f"{arguments.sweep}: --quantity: {unknown(arguments.quantity, names)}")
    kept = chosen(rows, arguments.where, arguments.sweep)
    xs, ys = (axis_values(kept, path) for path in (arguments.x, arguments.y))
    grid = grid_of(kept, xs, ys, arguments)
    figure, (axes,) = style.panels(1, 1, arguments.width, arguments.height)
    x_log, y_log = map(is_logarithmic, (xs, ys))
    mesh.draw(figure, axes, cell_edges(xs, x_log), cell_edges(ys, y_log), grid, arguments.quantity, arguments.output.endswith(".pgf"))
    for which, values, log, path in (("x", xs, x_log, arguments.x), ("y", ys, y_log, arguments.y)):
        name_axis(axes, which, values, log, path)
    style.head(figure, [], [], arguments.title, arguments.height)
    return figure, [Sweep(arguments.sweep, {"rows": len(rows), "head": head})]


class Sweep(Result):
    """A sweep as a source of a figure, by its first line; without one, as cut out of a sweep, by its rows."""

    @property
    def made_by(self):
        head, rows = self.data["head"], f"{self.file}, {self.data['rows']} rows"
        if head is None:
            return f"sigprop sweep: {rows}"
        return f"sigprop {head.get('sigprop', '?')} sweep {head.get('settings', {}).get('spec', '?')}: {rows}"


def rows_of(file):
    """The first line, where it tells how the sweep was made, and the points."""
    head, rows = None, []
    for at, line in enumerate(text_of(file).splitlines(), 1):
        if not line.strip():
            continue
        row = parse(line, f"{file}: line {at}", CURE)
        if at == 1 and isinstance(row, dict) and row.get("command") == "sweep":
            head = row
            continue
        for key in ("set", "values"):
            found = row.get(key, {} if key == "values" else None) if isinstance(row, dict) else None
            if not isinstance(found, dict):
                raise Problem(f"{file}: line {at}: {shorten(row)} has no object {key}; {CURE}")
            row[key] = found
        rows.append(row)
    if not rows:
        raise Problem(f"{file}: has no rows; {CURE}")
    return head, rows


def chosen(rows, conditions, file):
    for condition in conditions or ():
        path, equals, text = condition.partition("=")
        known = list(dict.fromkeys(word(row["set"][path]) for row in rows if path in row["set"]))
        if not equals or not known:
            raise Problem(f"--where {condition}: must be PATH=VALUE with a setting of {file}")
        try:
            text = word(json.loads(text))
        except ValueError:
            pass
        if text not in known:
            raise Problem(f"{file}: --where {path}: {unknown(text, known)}")
        rows = [row for row in rows if path in row["set"] and word(row["set"][path]) == text]
    return rows


def word(value):
    """A setting as a user writes it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def numeric(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def axis_values(rows, path):
    """Numbers in rising order; other settings in the order of their appearance."""
    found = [row["set"][path] for row in rows if path in row["set"]]
    if all(map(numeric, found)):
        return sorted(set(found))
    return list(dict.fromkeys(map(word, found)))


def key(value, values):
    """A row's setting as one of the values of its axis."""
    return value if all(map(numeric, values)) else word(value)


def grid_of(rows, xs, ys, arguments):
    at_x, at_y = ({value: at for at, value in enumerate(values)} for values in (xs, ys))
    grid, owner = [[None] * len(xs) for _ in ys], {}
    for row in rows:
        settings = row["set"]
        if arguments.x not in settings or arguments.y not in settings:
            continue
        x, y = settings[arguments.x], settings[arguments.y]
        cell = at_y[key(y, ys)], at_x[key(x, xs)]
        if cell in owner:
            other = owner[cell]["set"]
            more = [path for path in settings if settings[path] != other.get(path)]
            raise Problem(f"{arguments.sweep}: two rows have {arguments.x} = {word(x)} and {arguments.y} = {word(y)}; " + (
                f"choose one {more[0]} with --where {more[0]}={word(settings[more[0]])}" if more else "take one of them out"))
        owner[cell] = row
        grid[cell[0]][cell[1]] = number(row["values"].get(arguments.quantity), arguments.sweep,
                                        f"row {row.get('index', '?')}, {arguments.quantity}")
    if not any(n for row in grid for n in row):
        raise Problem(f"{arguments.sweep}: no chosen row has a value of {arguments.quantity}; choose other rows with --where")
    return grid


def is_logarithmic(values):
    """Do at least three positive numbers grow by equal factors, and not by equal steps?"""
    if len(values) < 3 or not all(map(numeric, values)) or values[0] <= 0:
        return False
    steps = [b - a for a, b in zip(values, values[1:])]
    factors = [math.log(b / a) for a, b in zip(values, values[1:])]
    return max(factors) <= min(factors) * (1 + EQUAL) and max(steps) > min(steps) * (1 + EQUAL)


def cell_edges(values, log):
    return mesh.edges(values if all(map(numeric, values)) else range(len(values)), log)


def name_axis(axes, which, values, log, path):
    getattr(axes, f"set_{which}label")(path)
    if not all(map(numeric, values)):
        getattr(axes, f"set_{which}ticks")(range(len(values)), values)
    elif log:
        style.set_scale(axes, which, "log", values[0], values[-1])
    else:
        style.set_scale(axes, which, "linear")
