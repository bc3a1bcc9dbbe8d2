# SPDX-License-Identifier: Apache-2.0
"""An SVG figure as what can be compared: its texts, and per panel its curves in shares of the panel, so that the layout of another
version of matplotlib does not matter."""
import math
import re
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def coordinates(path):
    """(x, y) of all vertices of a path."""
    numbers = [float(text) for text in NUMBER.findall(path.get("d", ""))]
    return list(zip(numbers[::2], numbers[1::2]))


def texts(root):
    """Without white space: versions put the letters of a formula into fewer or more elements."""
    return sorted("".join("".join(text.itertext()).split()) for text in root.iter(SVG + "text"))


def panel_frame(axes):
    """Left, top, width and height of the panel's background; None for a panel without one."""
    first = next(axes.iter(SVG + "path"), None)
    corners = coordinates(first) if first is not None else []
    if not corners:
        return None
    xs, ys = zip(*corners)
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def clipped(axes):
    """What is drawn inside a panel: paths (curves, error bars, cells), and places of markers."""
    paths, places = [], []
    for parent in axes.iter():
        for child in parent:
            if "clip-path" not in child.attrib and "clip-path" not in parent.attrib:
                continue
            if child.tag == SVG + "path" and child.get("d"):
                paths.append(coordinates(child))
            elif child.tag == SVG + "use":
                places.append((float(child.get("x")), float(child.get("y"))))
    return paths, places


def panels(root):
    """For each panel its curves and markers, in shares of its width and height."""
    found = []
    for group in root.iter(SVG + "g"):
        if not re.fullmatch(r"axes_\d+", group.get("id", "")):
            continue
        left, top, width, height = panel_frame(group)
        paths, places = clipped(group)
        share = [[((x - left) / width, (y - top) / height) for x, y in path] for path in (*paths, places)]
        found.append([path for path in share if path])
    return found


def read(path):
    return ElementTree.parse(path).getroot()


def to_segment(point, start, end):
    """The distance of a point from a straight line between two others."""
    run, rise = end[0] - start[0], end[1] - start[1]
    square = run * run + rise * rise
    share = min(1.0, max(0.0, ((point[0] - start[0]) * run + (point[1] - start[1]) * rise) / square)) if square else 0.0
    return math.hypot(point[0] - start[0] - share * run, point[1] - start[1] - share * rise)


def apart(curve, other):
    """How far two curves lie apart: vertex from vertex, or if one of them was simplified, vertex from line."""
    if len(curve) == len(other):
        return max(math.dist(point, like) for point, like in zip(curve, other))
    if min(len(curve), len(other)) < 2:
        return math.inf
    return max(min(to_segment(point, *segment) for segment in zip(line, line[1:]))
               for points, line in ((curve, other), (other, curve)) for point in points)


def differences(one, other, tolerance):
    """Sentences on what differs between two figures; none if they are alike."""
    first, second = read(one), read(other)
    told = []
    if texts(first) != texts(second):
        told.append(f"texts {sorted(set(texts(first)) ^ set(texts(second)))}")
    mine, theirs = panels(first), panels(second)
    if [len(panel) for panel in mine] != [len(panel) for panel in theirs]:
        told.append(f"curves a panel: {[len(panel) for panel in mine]} and {[len(panel) for panel in theirs]}")
        return told
    for at, (panel, like) in enumerate(zip(mine, theirs), 1):
        for curve, same in zip(panel, like):
            if apart(curve, same) > tolerance:
                told.append(f"panel {at}: a curve lies elsewhere")
    return told
