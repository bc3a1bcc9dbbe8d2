# SPDX-License-Identifier: Apache-2.0
"""The figure as a file: whole or not at all, the same bytes for the same command, with the commands that made it inside."""
import contextlib
import io
import os
import shutil
import tempfile
import warnings

import matplotlib
from matplotlib.backends.backend_pgf import LatexError

from .problems import MachineProblem, Problem, note, one_of

FORMATS = ("pdf", "svg", "png", "pgf")
TEX = ("pdflatex", "xelatex", "lualatex")


def check(path):
    """The format that the name asks for. Said before the work begins: a name or a folder that will not do."""
    suffix = os.path.splitext(path)[1][1:].lower()
    if suffix not in FORMATS:
        raise Problem(f"--output {path}: the suffix must be {one_of('.' + f for f in FORMATS)}")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Problem(f"--output {path}: there is no folder {folder}; name a file in a folder that exists and is yours")
    if os.path.isdir(path):
        raise Problem(f"--output {path}: is a folder; name a file")
    if not os.access(folder, os.W_OK):
        raise Problem(f"--output {path}: the folder {folder} is not yours to write; name a file in a folder that is")
    if suffix == "pgf":
        matplotlib.rcParams["pgf.texsystem"] = tex()
    return suffix


def tex():
    """PGF needs a LaTeX while it is written: it measures the texts."""
    for system in TEX:
        if shutil.which(system):
            return system
    raise MachineProblem(f"PGF needs {one_of(TEX)} to measure texts, and none is installed; "
                         "install one (Debian: texlive-latex-recommended and texlive-pictures), or write PDF")


def render(figure, path, form, title, command, made_by):
    """The bytes of the file."""
    about = {"title": title, "command": command, "results": "; ".join(dict.fromkeys(made_by))}
    try:
        return RENDER[form](figure, about)
    except (LatexError, ValueError, RuntimeError, OSError) as error:
        lines = f"{error}\n{getattr(error, 'latex_output', '')}".strip().splitlines()
        refused = next((line for line in lines if line.startswith("!")), None)
        if refused:
            raise Problem(f"--output {path}: LaTeX cannot set a text: {refused}; "
                          r"texts are LaTeX in a PGF, so write \& for & and \# for #") from None
        raise MachineProblem(f"--output {path}: cannot be drawn: {lines[0]}; mend the style sheet") from None


@contextlib.contextmanager
def warnings_told():
    """What matplotlib warns of while it draws: panels without room are an error, all else a note."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in told if issubclass(warning.category, UserWarning)):
        if "collapsed" in text:
            raise Problem("--width, --height: the panels have no room; give more")
        note(text)


def write(path, data):
    """Writes a file beside the old one and puts it in its place."""
    mask = os.umask(0)
    os.umask(mask)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix="." + os.path.basename(path))
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)
        raise MachineProblem(f"--output {path}: writing failed: {error.strerror}") from None


def saved(figure, form, metadata):
    stream = io.BytesIO()
    figure.savefig(stream, format=form, metadata=metadata)
    return stream.getvalue()


def pdf(figure, about):
    return saved(figure, "pdf", {"Title": about["title"], "Subject": about["command"], "Keywords": about["results"],
                                 "Creator": "sigprop_plot", "CreationDate": None})


def svg(figure, about):
    return saved(figure, "svg", {"Title": about["title"], "Description": about["command"], "Source": about["results"],
                                 "Creator": "sigprop_plot", "Date": None})


def png(figure, about):
    return saved(figure, "png", {"Title": about["title"], "Description": about["command"], "Source": about["results"],
                                 "Software": "sigprop_plot"})


def pgf(figure, about):
    stream = io.StringIO()
    figure.savefig(stream, format="pgf")
    lines = [f"% {key}: {' '.join(value.split())}\n" for key, value in about.items()]
    return ("".join(lines) + stream.getvalue()).encode()


RENDER = {"pdf": pdf, "svg": svg, "png": png, "pgf": pgf}
