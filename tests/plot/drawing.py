# SPDX-License-Identifier: Apache-2.0
"""An SVG figure as what can be compared: its texts, and per panel its curves in shares of the panel, so that the layout of another
version of matplotlib does not matter."""
import re
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def coordinates(path):
    """(x, y) of all vertices of a path."""
    numbers = [float(text) for text in NUMBER.findall(path.get("d", ""))]
    return list(zip(numbers[::2], numbers[1::2]))


def texts(root):
    return sorted("".join(text.itertext()).strip() for text in root.iter(SVG + "text"))


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
            far = len(curve) != len(same) or max(max(abs(a - c), abs(b - d)) for (a, b), (c, d) in zip(curve, same)) > tolerance
            if far:
                told.append(f"panel {at}: a curve lies elsewhere")
    return told
