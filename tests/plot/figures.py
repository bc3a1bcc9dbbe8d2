# SPDX-License-Identifier: Apache-2.0
"""Figures as a user gets them: python3 tests/plot/figures.py [SIGPROP]

The results are those of tests/plot/data, which tests/plot/record.py makes with the program. `--record` before all else makes the golden figures of
tests/plot/golden anew: look at them. With SIGPROP the figures of docs/figures are made again and compared. Exit status 77 where matplotlib is
absent; SIGPROP_PLOT_PYTHON may name a Python that has it.
"""
import contextlib
import io
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import drawing

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA, GOLDEN, PLOT = HERE / "data", HERE / "golden", ROOT / "tools/plot"
SIGPROP = ""
TOLERANCE = 0.01  # of a panel's width or height: a hundredth is less than a marker

SWEEP = ("--x", "stack.residual.branch", "--y", "init.std.query")
FIGURES = {
    "profile": ("profile", "full.json", "paper.json", "simulated.json"),
    "profile-labels": ("profile", "full.json", "--label", "ours", "simulated.json", "--label", "measured", "--quantity",
                       "weights.query.gradient_norm", "--log", "--width", "acl", "--title", "A title"),
    "profile-stacks": ("profile", "translate.json", "verified.json", "--width", "neurips"),
    "profile-spread": ("profile", "spread.json"),
    "profile-overflow": ("profile", "gain.json"),
    "verify": ("verify", "verified.json"),
    "verify-disagrees": ("verify", "disagrees.json", "--width", "5.5", "--quantity", "backward.variance", "--quantity", "backward.norm"),
    "schemes": ("schemes", "compared.json"),
    "schemes-only": ("schemes", "compared.json", "--only", "llama,gpt2", "--quantity", "forward.variance", "--linear"),
    "schemes-predicted": ("schemes", "full.json", "translate.json", "--label", "A", "--label", "B"),
    "experiment": ("experiment", "experiment.json", "--width", "neurips"),
    "experiment-component": ("experiment", "experiment.json", "--component", "attention"),
    "tokens": ("tokens", "tokens.json"),
    "tokens-relative": ("tokens", "tokens.json", "--relative", "--log-position", "--points", "input,*/ffn", "--width", "ieee-text"),
    "gram": ("tokens", "gram.json", "gram-simulated.json", "--gram", "--width", "neurips"),
    "gram-relative": ("tokens", "gram.json", "--gram", "--relative", "--points", "layer */attention"),
    "phase": ("phase", "sweep.jsonl", *SWEEP, "--quantity", "backward.variance first", "--where", "stack.norm.placement=pre"),
    "phase-overflow": ("phase", "sweep.jsonl", *SWEEP, "--quantity", "weights.value.gradient_norm first", "--where",
                       "stack.norm.placement=pre"),
    "phase-words": ("phase", "sweep.jsonl", "--x", "stack.norm.placement", "--y", "init.std.query", "--quantity", "forward.variance last",
                    "--where", "stack.residual.branch=0.1"),
    "across": ("across", "verified.json", "paper.json", "--x", "attention.score_variance layer 1", "--y", "backward.variance input"),
}
ONE_OF_EACH = ("profile", "verify", "schemes", "experiment", "tokens", "phase", "across")
WITH_GOLDEN = [name for name in FIGURES if name not in ("experiment", "tokens")]  # two large files that show nothing more


def plot(*words):
    """(exit status, standard error) of a figure drawn in this process."""
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        try:
            status = sigprop_plot.main(list(map(str, words)))
        except SystemExit as end:
            status = end.code
    return status, errors.getvalue()


def package_style():
    import matplotlib
    return matplotlib.rcParams


class Figures(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.shared = pathlib.Path(folder.name)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(DATA)

    def drawn(self, name, suffix="svg"):
        """A figure in a format, drawn when a test first asks for it: the same command makes the same bytes."""
        path = self.shared / f"{name}.{suffix}"
        if not path.exists():
            status, errors = plot(*FIGURES[name], "-o", path)
            self.assertEqual(status, 0, errors)
        return path

    def result(self, name, change):
        """A result of tests/plot/data, changed, as a file."""
        data = json.loads((DATA / name).read_text(encoding="utf-8"))
        change(data)
        path = self.folder / name
        path.write_text(json.dumps(data), encoding="utf-8")
        return path

    def refuses(self, words, message, status=2):
        path = self.folder / "refused.svg"
        words = [*words] if "-o" in words else [*words, "-o", path]
        self.assertEqual(plot(*words), (status, f"sigprop_plot: {message}\n"))
        self.assertEqual([p for p in self.folder.iterdir() if "refused" in p.name], [])

    # Golden figures

    def test_figures_are_like_the_golden_ones(self):
        for name in WITH_GOLDEN:
            with self.subTest(name):
                self.assertEqual(drawing.differences(self.drawn(name), GOLDEN / f"{name}.svg", TOLERANCE), [])

    def test_a_figure_of_other_numbers_is_not_like_the_golden_one(self):
        def change(data):
            data["points"][3]["forward"]["variance"] *= 1.1
        path = self.folder / "changed.svg"
        self.assertEqual(plot("profile", self.result("full.json", change), "paper.json", "simulated.json", "-o", path)[0], 0)
        self.assertIn("panel 1: a curve lies elsewhere", drawing.differences(path, GOLDEN / "profile.svg", TOLERANCE))

    def test_a_figure_of_another_name_is_not_like_the_golden_one(self):
        path = self.folder / "changed.svg"
        changed = self.result("full.json", lambda data: data.update(name="other"))
        self.assertEqual(plot("profile", changed, "paper.json", "simulated.json", "-o", path)[0], 0)
        self.assertIn("texts ['other,full', 'small,full']", drawing.differences(path, GOLDEN / "profile.svg", TOLERANCE))

    # Curves lie where the numbers are

    def heights(self, name, quantity, *options):
        """The shares of a panel's height at which the first curve of a figure lies."""
        path = self.folder / "curve.svg"
        self.assertEqual(plot("profile", name, "--quantity", quantity, *options, "-o", path)[0], 0)
        return [1 - y for _, y in drawing.panels(drawing.read(path))[0][0]]

    def rises_with(self, heights, values):
        """Equal but for origin and unit of the axis."""
        self.assertEqual(len(heights), len(values))
        share = [(h - heights[0]) / (heights[-1] - heights[0]) for h in heights]
        for height, value in zip(share, values):
            self.assertAlmostEqual(height, (value - values[0]) / (values[-1] - values[0]), places=3)

    def variances(self, name):
        data = json.loads((DATA / name).read_text(encoding="utf-8"))
        return [point["forward"]["variance"] for point in data["points"]]

    def test_a_linear_axis_is_linear_in_the_value(self):
        self.rises_with(self.heights("full.json", "forward.variance", "--linear"), self.variances("full.json"))

    def test_a_log_axis_is_linear_in_the_logarithm(self):
        self.rises_with(self.heights("full.json", "forward.variance", "--log"), list(map(math.log10, self.variances("full.json"))))

    def test_values_beyond_a_double_lie_at_their_logarithm(self):
        logarithms = [v["log10"] if isinstance(v, dict) else math.log10(v) for v in self.variances("gain.json")]
        self.assertGreater(logarithms[-1], 309)
        heights = self.heights("gain.json", "forward.variance")  # the straight line's inner vertices are simplified away
        self.rises_with(heights, [logarithms[0], logarithms[-1]] if len(heights) == 2 else logarithms)

    def test_a_band_is_one_spread_wide_on_either_side(self):
        path = self.folder / "band.svg"
        data = json.loads((DATA / "spread.json").read_text(encoding="utf-8"))
        for quantity, of_logarithm in (("backward.variance", True), ("forward.token_correlation", False)):
            self.assertEqual(plot("profile", "spread.json", "--quantity", quantity, "--linear", "-o", path)[0], 0)
            curves = drawing.panels(drawing.read(path))[0]
            line = next(curve for curve in curves if len(curve) == len(data["points"]))
            band = next(curve for curve in curves if len(curve) >= 2 * len(line))
            side, name = quantity.split(".")
            point = data["points"][0]
            value, spread = point[side][name], point[side]["spread"][name]
            ends = (value * math.exp(-spread), value * math.exp(spread)) if of_logarithm else (value - spread, value + spread)
            # Of the first point and the last the unit of the axis is known.
            last = data["points"][-1][side][name]
            unit = (line[0][1] - line[-1][1]) / (value - last)
            drawn = sorted(y for x, y in band if abs(x - line[0][0]) < 1e-4)
            self.assertAlmostEqual(drawn[-1] - drawn[0], abs(unit) * (ends[1] - ends[0]), delta=2e-3)

    def test_error_bars_are_one_standard_error_long_on_either_side(self):
        path = self.folder / "bars.svg"
        self.assertEqual(plot("profile", "simulated.json", "--quantity", "forward.variance", "--linear", "-o", path)[0], 0)
        bars = [curve for curve in drawing.panels(drawing.read(path))[0] if len(curve) == 2 and curve[0][0] == curve[1][0]]
        data = json.loads((DATA / "simulated.json").read_text(encoding="utf-8"))
        measured = [point["forward"]["variance"] for point in data["points"]]
        self.assertEqual(len(bars), len(measured))
        middle = [1 - (low[1] + high[1]) / 2 for low, high in bars]
        unit = (middle[-1] - middle[0]) / (measured[-1]["mean"] - measured[0]["mean"])
        for (low, high), value in zip(bars, measured):
            self.assertAlmostEqual(abs(low[1] - high[1]), 2 * value["standard_error"] * unit, places=4)

    def test_cells_of_a_map_without_a_value_are_hatched(self):
        hatched = self.drawn("phase").read_text(encoding="utf-8")
        self.assertIn("<pattern", hatched)
        path = self.folder / "whole.svg"
        self.assertEqual(plot("phase", "sweep.jsonl", *SWEEP, "--quantity", "forward.variance last", "--where", "stack.norm.placement=pre",
                              "-o", path)[0], 0)
        self.assertIn("<pattern", path.read_text(encoding="utf-8"))  # row 7 is absent
        rows = [line for line in (DATA / "sweep.jsonl").read_text(encoding="utf-8").splitlines() if json.loads(line)["index"] // 5 != 1]
        whole = self.folder / "whole.jsonl"
        whole.write_text("\n\n".join(rows), encoding="utf-8")
        self.assertEqual(plot("phase", whole, *SWEEP, "--quantity", "forward.variance last", "--where", "stack.norm.placement=pre",
                              "-o", path)[0], 0)
        self.assertNotIn("<pattern", path.read_text(encoding="utf-8"))

    def test_a_sweep_of_the_program_is_drawn_and_told_in_the_figure(self):
        if not SIGPROP:
            self.skipTest("no program was named")
        sweep, path = self.folder / "own.jsonl", self.folder / "own.svg"
        subprocess.run([SIGPROP, "sweep", ROOT / "specs/bert-base.json", "--set", "stack.layers=2", "--set", "stack.residual.branch=0.1:1:3",
                        "--set", "init.std.query=log:0.01:1:3", "--output", sweep], check=True)
        self.assertEqual(plot("phase", sweep, *SWEEP, "--quantity", "backward.variance first/last", "-o", path), (0, ""))
        text = path.read_text(encoding="utf-8")
        self.assertIn("specs/bert-base.json: ", text)
        self.assertIn("own.jsonl, 9 rows", text)
        self.assertNotIn("<pattern", text)

    # Files

    def test_every_figure_comes_in_every_format(self):
        begins = {"pdf": b"%PDF-", "svg": b"<?xml", "png": b"\x89PNG"}
        for name in ONE_OF_EACH:
            for suffix, begin in begins.items():
                with self.subTest(name, suffix=suffix):
                    self.assertTrue(self.drawn(name, suffix).read_bytes().startswith(begin))

    @unittest.skipUnless(any(map(shutil.which, ("pdflatex", "xelatex", "lualatex"))), "PGF needs a LaTeX, and none is installed")
    def test_a_program_gets_the_figure_of_a_result_or_of_a_file(self):
        package = sys.modules["sigprop_figures"]
        before = dict(package_style())
        result = json.loads((DATA / "full.json").read_text(encoding="utf-8"))
        figure = package.figure(result, DATA / "simulated.json", label=["ours", "measured"], quantity=["forward.variance"], log=True)
        self.assertEqual(len(figure.axes), 1)
        self.assertEqual(figure.axes[0].get_yscale(), "log")
        self.assertEqual(dict(package_style()), before)
        with self.assertRaisesRegex(Exception, r'result 1: /command is "predict", but this figure needs verify'):
            package.figure(result, kind="verify")
        with self.assertRaisesRegex(Exception, "unrecognized arguments: --quantty"):
            package.figure(result, quantty="forward.variance")
        with self.assertRaisesRegex(Exception, 'kind is "profil", but must be profile, verify'):
            package.figure(result, kind="profil")

    def test_every_figure_comes_as_pgf(self):
        for name in ONE_OF_EACH:
            with self.subTest(name):
                text = self.drawn(name, "pgf").read_text(encoding="utf-8")
                self.assertIn("% command: sigprop_plot.py ", text)
                self.assertIn("\\begin{pgfpicture}", text)
                self.assertNotIn("includegraphics", text)

    def test_without_latex_pgf_says_what_to_install(self):
        path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        os.environ["PATH"] = str(self.folder)
        self.refuses(["profile", "full.json", "-o", "refused.pgf"], "PGF needs pdflatex, xelatex or lualatex to measure texts, and none is "
                     "installed; install one (Debian: texlive-latex-recommended and texlive-pictures), or write PDF", status=3)

    def test_the_same_command_makes_the_same_bytes(self):
        for suffix in ("pdf", "svg", "png"):
            made = []
            for _ in range(2):
                path = self.folder / f"same.{suffix}"
                done = subprocess.run([sys.executable, PLOT / "sigprop_plot.py", *FIGURES["phase"], "-o", path], capture_output=True, text=True,
                                      check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                made.append(path.read_bytes())
            self.assertEqual(made[0], made[1], suffix)

    def test_figures_tell_the_commands_that_made_them(self):
        version = json.loads((DATA / "full.json").read_text(encoding="utf-8"))["sigprop"]
        made_by = (f"sigprop {version}: sigprop predict - --theory full; sigprop {version}: sigprop predict - --theory paper; "
                   f"sigprop {version}: sigprop simulate - --seed 0 --replicates 8 --engine cpu --precision float32 --norm-epsilon 1e-12")
        for suffix in ("pdf", "svg", "png"):
            data = self.drawn("profile", suffix).read_bytes()
            for text in (made_by, "sigprop_plot.py profile full.json paper.json simulated.json -o ", "sigprop: profile of small"):
                self.assertIn(text.encode(), data, suffix)
            self.assertNotRegex(data, rb"CreationDate|<dc:date")

    def test_letters_are_text_in_an_svg_and_truetype_in_a_pdf(self):
        self.assertIn("tokencorrelation", drawing.texts(drawing.read(self.drawn("profile"))))
        pdf = self.drawn("profile", "pdf").read_bytes()
        self.assertIn(b"/CIDFontType2", pdf)
        self.assertNotIn(b"/Type3", pdf)

    def test_widths_are_those_of_the_venues(self):
        for width, points in (("icml", 234), ("neurips", 396), ("ieee", 252 * 72 / 72.27), ("acl-text", 16 / 2.54 * 72), ("4", 288)):
            path = self.folder / "wide.svg"
            self.assertEqual(plot("profile", "full.json", "--width", width, "-o", path)[0], 0)
            self.assertAlmostEqual(float(drawing.read(path).get("width")[:-2]), points, places=4)

    def test_a_style_sheet_goes_over_ours(self):
        sheet, path = self.folder / "big.mplstyle", self.folder / "big.svg"
        sheet.write_text("font.family: serif\n", encoding="utf-8")
        self.assertEqual(plot("profile", "full.json", "--style", sheet, "-o", path), (0, ""))
        self.assertIn("DejaVu Serif", path.read_text(encoding="utf-8"))

    def test_a_result_comes_from_standard_input_as_well(self):
        path = self.folder / "input.svg"
        text = (DATA / "full.json").read_text(encoding="utf-8")
        done = subprocess.run([sys.executable, PLOT / "sigprop_plot.py", "profile", "-", "-o", path], input=text, capture_output=True, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stderr, path.exists()), (0, "", True))

    def test_what_a_figure_leaves_out_is_told(self):
        unfit = self.result("compared.json", lambda data: data["schemes"].append({"scheme": "t_fixup", "reason": "it has no norm"}))
        self.assertEqual(plot("schemes", unfit, "-o", self.folder / "a.svg"),
                         (0, f"sigprop_plot: note: {unfit}: t_fixup has no curve: it has no norm\n"))
        self.assertEqual(plot("verify", "verified.json", "-o", self.folder / "a.svg")[1].count("\n"), 1)
        zero = self.result("full.json", lambda data: data["points"][0]["forward"].update(variance=0.0))
        self.assertEqual(plot("profile", zero, "--quantity", "forward.variance", "--log", "-o", self.folder / "a.svg"), (
            0, "sigprop_plot: note: small, full: forward.variance is 0 or negative in 1 of 7 places, which a log axis cannot show\n"))

    def test_help_of_every_figure_has_an_example(self):
        for figure in sigprop_plot.FIGURES:
            out = io.StringIO()
            with contextlib.redirect_stdout(out), self.assertRaises(SystemExit) as end:
                sigprop_plot.main([figure, "--help"])
            self.assertEqual(end.exception.code, 0)
            self.assertIn(f"sigprop_plot.py {figure} ", out.getvalue().split("Examples:")[1])

    # Bad input

    def test_a_file_that_is_no_result(self):
        self.refuses(["profile", "absent.json"], "absent.json: cannot be read: No such file or directory")
        for name, text, message in (
                ("cut.json", '{"command": ', "line 1, column 13: not JSON: Expecting value; make it with sigprop predict ... --format json "
                                             "--output {}"),
                ("list.json", "[1]", "is no result of sigprop: /command is absent, but must be predict, simulate or verify; make it with sigprop "
                                     "predict ... --format json --output {}"),
                ("nan.json", '{"command": NaN}', "NaN is no number of JSON; make it with sigprop predict ... --format json --output {}"),
                ("points.json", '{"command": "predict", "layers": []}', "/points is absent, but must be a list; make the file with sigprop predict "
                                                                        "again")):
            path = self.folder / name
            path.write_text(text, encoding="utf-8")
            self.refuses(["profile", path], f"{path}: {message.format(path)}")

    def test_a_result_of_another_command(self):
        self.refuses(["verify", "full.json"], 'full.json: /command is "predict", but this figure needs verify; draw it with profile, or make it '
                     "with sigprop verify ... --format json --output full.json")
        self.refuses(["tokens", "full.json"], "full.json: input has no forward.tokens.second_moment; make the file with sigprop predict SPEC "
                     "--tokens --format json")
        self.refuses(["schemes", "compared.json", "full.json"],
                     "compared.json, ...: results of compare and of predict are mixed; give only one kind")

    def test_a_quantity_or_a_place_that_is_absent(self):
        path = self.result("full.json", lambda data: data.update(layers=[], points=[
            {"path": "input", "forward": {"variance": 1.0, "second_moment": 1.0}}]))
        self.refuses(["profile", path, "--quantity", "forward.varianc"],
                     f'{path}: "forward.varianc" is none of forward.variance, forward.second_moment; did you mean "forward.variance"?')
        self.refuses(["across", path, "--x", "forward.variance layer 2", "--y", "forward.variance last"],
                     f'{path}: --x: forward.variance has no place "layer 2"; it has first, last, input')
        self.refuses(["experiment", "experiment.json", "--component", "rel"], 'experiment.json: --component: "rel" is none of linear, relu, gelu, '
                     'layer_norm, dropout, softmax, attention; did you mean "relu"?')

    def test_a_number_that_is_none(self):
        path = self.result("full.json", lambda data: data["points"][1]["forward"].update(variance="1"))
        self.refuses(["profile", path], f'{path}: layer 1/attention, forward.variance is "1", but must be a number, or an object with log10 or '
                     "with mean and standard_error")

    def test_a_standard_error_that_no_axis_can_hold(self):
        path = self.result("simulated.json", lambda data: data["points"][1]["forward"]["variance"].update(standard_error=1e308))
        self.refuses(["profile", path], f"{path}: layer 1/attention, forward.variance/standard_error is 1e+308, but must be below 1e300 for an axis "
                     "to hold it")

    def test_a_figure_is_called_after_its_result_where_no_name_is_given(self):
        for figure, words in (("profile", ["full.json"]), ("predict", ["full.json", "paper.json"]), ("compare", ["compared.json"])):
            data = [DATA / word for word in words]
            done = subprocess.run([sys.executable, PLOT / "sigprop_plot.py", figure, *data], capture_output=True, text=True,
                                  cwd=self.folder, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            made = self.folder / f"{data[0].stem}.pdf"
            self.assertTrue(made.read_bytes().startswith(b"%PDF"))
            made.unlink()

    def test_a_change_of_one_percent_is_no_cliff(self):
        def nearly_flat(data):
            for number, point in enumerate(data["points"]):
                point["forward"]["variance"] = 1 + 0.01 * number / len(data["points"])
        path = self.result("full.json", nearly_flat)
        made = self.folder / "flat.svg"
        self.assertEqual(plot("profile", path, "--quantity", "forward.variance", "--linear", "-o", made)[0], 0)
        self.assertIn("1.1", made.read_text(encoding="utf-8"))

    def test_an_output_that_cannot_be(self):
        self.refuses(["profile", "full.json", "-o", "x.jpg"], "--output x.jpg: the suffix must be .pdf, .svg, .png or .pgf")
        self.refuses(["profile", "full.json", "-o", "none/x.svg"],
                     "--output none/x.svg: there is no folder none; name a file in a folder that exists and is yours")

    def test_a_figure_that_fails_leaves_the_old_file(self):
        path = self.folder / "kept.svg"
        path.write_text("old", encoding="utf-8")
        self.assertEqual(plot("profile", "gain.json", "--linear", "-o", path), (
            2, "sigprop_plot: --linear: forward.variance passes 1e300, too much for a linear axis; leave --linear out to see its logarithm\n"))
        self.assertEqual(([p.name for p in self.folder.iterdir()], path.read_text(encoding="utf-8")), (["kept.svg"], "old"))

    def test_a_sweep_that_does_not_make_a_map(self):
        self.refuses(["phase", "sweep.jsonl", "--x", "stack.residual.branch", "--y", "init.std.query", "--quantity", "forward.variance last"],
                     "sweep.jsonl: two rows have stack.residual.branch = 0.1 and init.std.query = 0.01; choose one stack.norm.placement with "
                     "--where stack.norm.placement=post")
        self.refuses(["phase", "sweep.jsonl", "--x", "stack.residual.skip", "--y", "init.std.query", "--quantity", "a"],
                     'sweep.jsonl: --x: "stack.residual.skip" is none of stack.residual.branch, init.std.query, stack.norm.placement; did you mean '
                     '"stack.residual.branch"?')
        path = self.folder / "bad.jsonl"
        path.write_text('{"set": {}, "values": {}}\n{"index": 1}\n', encoding="utf-8")
        self.refuses(["phase", path, *SWEEP, "--quantity", "a"], f'{path}: line 2: {{"index": 1}} has no object set; each line must be an object '
                     'like {"index": 0, "set": {PATH: VALUE}, "values": {NAME: NUMBER}}')

    def test_a_style_sheet_or_a_text_that_is_none(self):
        sheet = self.folder / "bad.mplstyle"
        sheet.write_text("nonsense: 1\n", encoding="utf-8")
        status, errors = plot("profile", "full.json", "--style", sheet, "-o", self.folder / "x.svg")
        self.assertEqual(status, 2)
        self.assertRegex(errors, r"^sigprop_plot: --style .*: is no matplotlib style sheet: Bad key nonsense in file .*\n$")
        self.assertRegex(plot("profile", "full.json", "--title", r"$\nonsense$", "-o", self.folder / "x.svg")[1],
                         r"^sigprop_plot: --title \$\\nonsense\$: has a formula that cannot be read: .*; mend it, or write \\\$ for a dollar\n$")

    def test_a_result_that_lacks_what_its_figure_needs(self):
        path = self.result("verified.json", lambda data: data.update(points=[], layers=[]))
        self.refuses(["verify", path], f"{path}: /points and /layers have no comparison; make it with sigprop verify SPEC --format json")
        path = self.result("compared.json", lambda data: data.update(schemes=[{"scheme": "admin", "reason": "it has no norm"}]))
        status, errors = plot("schemes", path, "-o", self.folder / "x.svg")
        self.assertEqual((status, errors.splitlines()[1]), (2, f"sigprop_plot: {path}: /schemes has no scheme that was predicted; compare others, "
                                                               "with sigprop compare --schemes A,B"))
        path = self.result("experiment.json", lambda data: data["components"][1]["error_percentiles"]["mean"].update(full=[1.0, 2.0]))
        self.refuses(["experiment", path],
                     f"{path}: /components/1/error_percentiles/mean/full is [1.0, 2.0], but must be three numbers")
        path = self.result("experiment.json", lambda data: data["components"][0].update(error_percentiles={}))
        self.refuses(["experiment", path],
                     f"{path}: /components/0/error_percentiles is empty; let the experiment finish at least one setting")
        path = self.result("experiment.json", lambda data: data.update(components=[]))
        self.refuses(["experiment", path], f"{path}: /components is empty; make it with sigprop experiment all --format json")
        path = self.result("full.json", lambda data: data.update(points=[], layers=[]))
        self.refuses(["profile", path], f"{path}: /points has none of forward.variance, backward.variance, forward.token_correlation, "
                     "attention.entropy; choose with --quantity")

    def test_tokens_that_do_not_fit_into_a_map(self):
        self.refuses(["tokens", "tokens.json", "--points", "layer 3/*"], 'tokens.json: --points: no point is called "layer 3/*"; the first are '
                     "input, layer 1/attention, layer 1/ffn, layer 2/attention, layer 2/ffn")
        path = self.result("tokens.json", lambda data: data["points"][2]["forward"]["tokens"]["second_moment"].pop())
        self.refuses(["tokens", path], f"{path}: 6 tokens at layer 2/ffn and 5 tokens at layer 1/ffn do not fit into one map; choose with --points, "
                     "such as --points 'encoder/*'")
        path = self.result("tokens.json", lambda data: data["points"][0]["backward"]["tokens"].update(variance=[0.0] * 6))
        self.refuses(["tokens", path, "--relative"], f"{path}: --relative: input has no finite mean above 0 over the positions; leave it out")

    def test_gram_matrices_that_do_not_make_a_map(self):
        both = ["tokens", "gram.json", "gram-simulated.json"]
        self.refuses([*both, "gram.json", "--gram"], "gram.json: two triangles have no room for more than two results; leave it out")
        self.refuses(both, "gram-simulated.json: these maps show one result; leave it out")
        self.refuses([*both, "--gram", "--log-position"], "--log-position: the tokens of a Gram matrix lie evenly; leave it out")
        self.refuses(["tokens", "full.json", "--gram"],
                     "full.json: has no Gram matrices; make the file with sigprop predict SPEC --gram 64 --format json")
        path = self.result("gram.json", lambda data: data.update(gram_tokens=[1, 10, 19, 28, 37, 46, 55, 63]))
        self.refuses(["tokens", "gram-simulated.json", path, "--gram"],
                     f"{path}: its Gram matrices are of other tokens than those of gram-simulated.json; make both with one --gram N")
        path = self.result("gram.json", lambda data: data.update(gram_tokens=[1, 1]))
        self.refuses(["tokens", path, "--gram"], f"{path}: /gram_tokens must be at least two whole numbers from 1 on, growing")
        path = self.result("gram.json", lambda data: data["points"][0]["forward"]["gram"][3].pop())
        self.refuses(["tokens", path, "--gram"], f"{path}: input, forward.gram must have 8 rows of 8 numbers, as /gram_tokens has")
        path = self.result("gram.json", lambda data: data["points"][0]["forward"]["gram"][3].__setitem__(3, 0.0))
        self.refuses(["tokens", path, "--gram", "--relative"],
                     f"{path}: --relative: input has a token without a finite second moment above 0; leave it out")
        path = self.result("gram.json", lambda data: data["points"].pop())
        self.refuses(["tokens", path, "gram-simulated.json", "--gram"],
                     f"gram-simulated.json: its points are others than those of {path}; give results of one model")

    def test_options_that_do_not_go_together(self):
        self.refuses(["phase", "sweep.jsonl", "--x", "init.std.query", "--y", "init.std.query", "--quantity", "a"],
                     "--x and --y are both init.std.query; a map needs two settings")
        map_of = ["phase", "sweep.jsonl", *SWEEP, "--quantity"]
        self.refuses([*map_of, "forward.variance"], 'sweep.jsonl: --quantity: "forward.variance" is none of forward.variance last, backward.variance '
                     'first, weights.value.gradient_norm first; did you mean "forward.variance last"?')
        self.refuses([*map_of, "forward.variance last", "--where", "init.std"],
                     "--where init.std: must be PATH=VALUE with a setting of sweep.jsonl")
        self.refuses([*map_of, "forward.variance last", "--where", "stack.norm.placement=pro"],
                     'sweep.jsonl: --where stack.norm.placement: "pro" is none of pre, post; did you mean "pre"?')
        self.refuses([*map_of, "backward.variance first", "--where", "stack.norm.placement=post"],
                     "sweep.jsonl: no chosen row has a value of backward.variance first; choose other rows with --where")
        self.refuses(["schemes", "compared.json", "--label", "a"], "--label: schemes of compare have their own names; leave it out")
        self.refuses(["schemes", "full.json", "--only", "gpt2"],
                     "--only: chooses schemes of compare, but the results are of predict; leave it out")
        self.refuses(["schemes", "compared.json", "--only", "gpt3"],
                     '--only: "gpt3" is none of gpt2, llama, deepscalelm, admin; did you mean "gpt2"?')
        self.refuses(["across", "full.json", "--x", "forward.variance", "--y", "forward.variance last"], "--x forward.variance: must be a quantity "
                     "and its place, such as 'forward.variance last' or 'forward.variance layer 1'")
        self.refuses(["profile", "full.json", "--height", "0.6"],
                     "--height 0.6: title and legend leave no room for the panels; give more height, or fewer or shorter labels")

    def test_what_has_no_room_or_no_letter_is_told(self):
        self.refuses(["profile", "full.json", "--width", "1.5", "--height", "0.9"], "--width, --height: the panels have no room; give more")
        status, errors = plot("profile", "full.json", "--title", "\u6f22", "-o", self.folder / "x.svg")
        self.assertEqual((status, errors.count("\n")), (0, 1))
        self.assertRegex(errors, "^sigprop_plot: note: Glyph 28450 .* missing from ")
        path, rows = self.folder / "wide.jsonl", (DATA / "sweep.jsonl").read_text(encoding="utf-8")
        path.write_text(rows.replace('query": 0.04', 'query": 1e308').replace('query": 0.03', 'query": -1e308'), encoding="utf-8")
        self.refuses(["phase", path, *SWEEP, "--quantity", "forward.variance last", "--where", "stack.norm.placement=pre"],
                     "settings from -1e+308 to 1e+308 do not fit on an axis; choose rows with --where")

    def test_a_width_that_is_none(self):
        status, errors = plot("profile", "full.json", "--width", "wide", "-o", self.folder / "x.svg")
        self.assertEqual(status, 2)
        self.assertIn('argument --width: "wide", but must be one of icml, icml-text, neurips, iclr, ieee, ieee-text, acl, acl-text, or inches '
                      "from 1.5 to 40", errors)

    @unittest.skipUnless(any(map(shutil.which, ("pdflatex", "xelatex", "lualatex"))), "PGF needs a LaTeX, and none is installed")
    def test_a_label_that_latex_refuses(self):
        status, errors = plot("profile", "full.json", "--label", "a & b", "-o", self.folder / "x.pgf")
        self.assertEqual((status, list(self.folder.iterdir())), (2, []))
        self.assertIn("LaTeX cannot set a text: ! Misplaced alignment tab character &.; texts are LaTeX in a PGF, so write \\& for &", errors)

    def test_labels_must_be_as_many_as_results(self):
        self.refuses(["profile", "full.json", "--label", "a", "--label", "b"],
                     "--label: 2 given for 1 results; give one for each, in their order, or none")


class Documentation(unittest.TestCase):
    def test_the_figures_of_the_documentation_are_what_the_program_makes(self):
        if not SIGPROP:
            self.skipTest("no program was named")
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run([sys.executable, PLOT / "figures/make", SIGPROP, "--output", folder], capture_output=True, text=True, check=False)
            self.assertEqual(made.returncode, 0, made.stderr)
            names = sorted(path.name for path in pathlib.Path(folder).iterdir())
            self.assertEqual(names, sorted(path.name for path in (ROOT / "docs/figures").iterdir()))
            for name in names:
                self.assertEqual(drawing.differences(pathlib.Path(folder) / name, ROOT / "docs/figures" / name, TOLERANCE), [],
                                 f"{name}; if the change is wanted: tools/plot/figures/make, and look at the figures")


def python_with_matplotlib():
    for name in filter(None, (os.environ.get("SIGPROP_PLOT_PYTHON"), sys.executable, "/usr/bin/python3")):
        python = shutil.which(name)
        if python and subprocess.run([python, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def record():
    GOLDEN.mkdir(exist_ok=True)
    os.chdir(DATA)
    for name in WITH_GOLDEN:
        print(name, *plot(*FIGURES[name], "-o", GOLDEN / f"{name}.svg"))


if __name__ == "__main__":
    PYTHON = python_with_matplotlib()
    if not PYTHON:
        print("skipped: matplotlib is not installed (Debian: python3-matplotlib); SIGPROP_PLOT_PYTHON may name a Python that has it")
        sys.exit(77)
    if PYTHON != sys.executable:  # not their targets: a virtual environment's Python is a link to the one it came from
        os.execv(PYTHON, [PYTHON, *sys.argv])
    sys.path.insert(0, str(PLOT))
    from sigprop_plot import PROGRAM as sigprop_plot
    if "--record" in sys.argv:
        record()
    else:
        SIGPROP = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ""
        unittest.main()
