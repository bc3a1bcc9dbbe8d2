#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of sigprop report as its reader meets it, in headless Chromium: python3 tests/page/page.py SIGPROP SOURCE [--pictures FOLDER]

--pictures keeps a screenshot of every kind of page, to be looked at. Exit status 77 where Chromium or Selenium is absent.
"""
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SIGPROP = SOURCE = ""
PICTURES = None
MEGABYTE = 1_000_000

SMALL = {"name": "small", "sequence_length": 32, "input": {"variance": 1, "token_correlation": 0.2},
         "stack": {"layers": 3, "width": 128, "attention": {"heads": 2}, "ffn": {"width": 512, "activation": "gelu"},
                   "norm": {"kind": "layer_norm", "placement": "pre"}},
         "init": {"scheme": "xavier"}}


def sigprop(*arguments, spec=SMALL):
    return subprocess.run([SIGPROP, *arguments], input=json.dumps(spec), capture_output=True, text=True, check=False, timeout=600)


def changed(**stack):
    spec = json.loads(json.dumps(SMALL))
    spec["stack"].update(stack)
    return spec


def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000",
                     "--force-device-scale-factor=1"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


class Written(unittest.TestCase):
    """What needs no browser."""

    def page(self, *arguments, spec=SMALL):
        done = sigprop("report", "-", "-o", "-", *arguments, spec=spec)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_alike_runs_write_alike_pages(self):
        self.assertEqual(self.page("--replicates", "2", "--quiet"), self.page("--replicates", "2", "--quiet"))

    def test_a_page_is_small_however_deep_the_model(self):
        deep = changed(layers=5000)
        deep["name"] = "deep" + "x" * 200
        page = self.page("--quiet", spec=deep)
        self.assertLess(len(page.encode()), MEGABYTE)
        self.assertTrue("Of 10001 points 1251 are drawn. Of 5000 layers 1001 are drawn." in page)

    def test_a_long_spec_is_cut_and_the_page_says_so(self):
        long = changed()
        long["name"] = "é" * 200000
        page = self.page(spec=long)
        self.assertTrue("The first 150 of " in page)
        self.assertLess(len(page.encode()), 2 * MEGABYTE)

    def test_names_are_text_whatever_they_hold(self):
        evil = changed()
        evil["name"] = "</script><script>alert('x')</script> & \"q\""
        page = self.page(spec=evil)
        self.assertFalse("<script>alert" in page)
        self.assertTrue("<h1>&lt;/script&gt;&lt;script&gt;alert('x')&lt;/script&gt; &amp; &quot;q&quot;</h1>" in page)

    def test_what_the_library_asks_of_its_users_is_there(self):
        page = self.page()
        self.assertTrue("Chart.js v3" in page)
        self.assertTrue("The above copyright notice and this permission notice shall be included" in page)

    def test_a_check_that_cannot_be_judged_is_told(self):
        self.assertFalse("not judged: " in self.page())
        spec = changed()
        spec["checks"] = [{"quantity": "cross_attention.entropy", "at": "last", "max": 2}]
        self.assertTrue("not judged: /checks/0/quantity is &quot;cross_attention.entropy&quot;, but" in self.page(spec=spec))

    def test_bad_input_is_refused(self):
        done = sigprop("report", "-", "-o", "-", "--replicates", "1")
        message = "--replicates is 1, but must be at least 2: one network tells nothing about the scatter"
        self.assertEqual((done.returncode, done.stdout, done.stderr), (2, "", f"sigprop: {message}\n"))
        self.assertEqual(sigprop("report", "-").returncode, 2)
        bad = changed(layers=0)
        done = sigprop("report", "-", "-o", "-", spec=bad)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("/stack/layers is 0", done.stderr)


class Browsed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.driver = browser()
        cls.addClassCleanup(cls.driver.quit)

    def open(self, *arguments, spec=SMALL, name="page"):
        """A page in the browser; the browser had nothing to complain of."""
        file = pathlib.Path(self.folder.name) / f"{name}.html"
        done = sigprop("report", *(["-"] if isinstance(spec, dict) else [str(spec)]), "-o", str(file), "--quiet", *arguments,
                       spec=spec if isinstance(spec, dict) else SMALL)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.dark(False)
        self.driver.set_window_size(1280, 1000)
        self.driver.get(file.as_uri())
        self.addCleanup(self.quiet)
        return done

    def quiet(self):
        self.assertEqual(self.driver.get_log("browser"), [])

    def picture(self, name):
        if PICTURES is None:
            return
        height = self.js("return document.documentElement.scrollHeight")
        self.driver.set_window_size(1280, height + 150)
        self.settle()
        self.driver.save_screenshot(str(PICTURES / f"{name}.png"))

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def settle(self):
        """Waits until the page has followed a change of its window or its colours."""
        self.js("return new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")

    def dark(self, on):
        feature = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def canvas(self, title):
        for figure in self.driver.find_elements("css selector", "#charts figure"):
            if figure.find_element("tag name", "h3").text == title:
                return figure.find_element("tag name", "canvas")
        raise AssertionError(f"no chart {title}")

    def titles(self):
        return [title.text for title in self.driver.find_elements("css selector", "#charts h3")]

    def heights(self, title):
        """Of every curve of a chart the heights that are drawn."""
        return self.js("""return Chart.getChart(arguments[0]).data.datasets.map(
            (set) => [set.label, set.data.map((p) => Number.isNaN(p.y) ? null : p.y)])""", self.canvas(title))

    def press(self, canvas, *keys):
        self.js("arguments[0].focus()", canvas)
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def said(self, canvas):
        return self.js("return arguments[0].closest('figure').querySelector('.said').textContent", canvas)

    def assert_curves_are_drawn(self):
        """Every curve has numbers, and its colour is on the canvas."""
        for title in self.titles():
            for label, heights in self.heights(title):
                self.assertTrue(any(h is not None for h in heights), f"{title}: {label}")
            missing = self.js("""
                const chart = Chart.getChart(arguments[0]), area = chart.chartArea;
                const copy = new OffscreenCanvas(arguments[0].width, arguments[0].height);
                const context = copy.getContext("2d", {willReadFrequently: true});
                context.drawImage(arguments[0], 0, 0);
                const pixels = context.getImageData(area.left, area.top, area.width, area.height).data;
                const ink = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
                return chart.data.datasets.filter((set) => {
                  if (!set.data.some((p) => p.y >= chart.scales.y.min && p.y <= chart.scales.y.max)) return false;
                  const [r, g, b] = ink(set.borderColor);
                  for (let at = 0; at < pixels.length; at += 4)
                    if (Math.abs(pixels[at] - r) + Math.abs(pixels[at + 1] - g) + Math.abs(pixels[at + 2] - b) < 40 && pixels[at + 3] > 200) return false;
                  return true;
                }).map((set) => set.label);""", self.canvas(title))
            self.assertLessEqual(len(missing), 0 if len(self.heights(title)) < 3 else len(self.heights(title)) - 1, f"{title}: {missing}")

    def test_a_model_has_its_curves(self):
        self.open(spec=SOURCE / "specs/bert-base.json")
        self.assertEqual(self.titles(), ["Variance of the signal", "Variance of the gradient", "Token correlation", "Rank residual",
                                         "Effective rank of the tokens", "Attention entropy, a fraction of ln L",
                                         "Variance of the attention scores", "Norm of the weights' gradients"])
        self.assert_curves_are_drawn()
        self.picture("bert-base")
        self.dark(True)
        self.settle()
        self.assert_curves_are_drawn()
        self.picture("bert-base-dark")

    def test_nothing_is_fetched(self):
        self.open()
        self.assertEqual(self.js("return performance.getEntriesByType('resource').map((e) => e.name)"), [])

    def test_curves_are_what_predict_says(self):
        self.open()
        profile = json.loads(sigprop("predict", "-", "--format", "json").stdout)
        places = [point["path"] for point in profile["points"]]
        self.assertEqual(self.js("return Chart.getChart(arguments[0]).data.datasets[0].data.map((p) => p.place)",
                                 self.canvas("Variance of the signal")), places)
        for title, side in (("Variance of the signal", "forward"), ("Variance of the gradient", "backward")):
            values = self.js("return Chart.getChart(arguments[0]).data.datasets[0].data.map((p) => p.number.value)", self.canvas(title))
            for value, point in zip(values, profile["points"], strict=True):
                self.assertAlmostEqual(value / point[side]["variance"], 1, delta=1e-5)

    def test_hovering_tells_the_values(self):
        from selenium.webdriver.common.action_chains import ActionChains
        self.open()
        canvas = self.canvas("Variance of the signal")
        self.js("arguments[0].scrollIntoView({block: 'center'})", canvas)
        self.assertEqual(self.js("return Chart.getChart(arguments[0]).tooltip.opacity", canvas), 0)
        x, y = self.js("""const c = Chart.getChart(arguments[0]), r = arguments[0].getBoundingClientRect();
            return [c.scales.x.getPixelForValue(3) - r.width / 2, c.chartArea.top + 40 - r.height / 2]""", canvas)
        ActionChains(self.driver).move_to_element_with_offset(canvas, math.floor(x), math.floor(y)).perform()
        tooltip = self.js("""const t = Chart.getChart(arguments[0]).tooltip;
            return {opacity: t.opacity, title: t.title, body: t.body.map((b) => b.lines).flat()}""", canvas)
        last = json.loads(sigprop("predict", "-", "--format", "json").stdout)["points"][-1]
        self.assertGreater(tooltip["opacity"], 0)
        self.assertEqual(tooltip["title"], [last["path"]])
        self.assertEqual(tooltip["body"], [f" theory: {last['forward']['variance']:.4g}"])

    def test_keys_do_what_a_mouse_does(self):
        from selenium.webdriver.common.keys import Keys
        self.open()
        profile = json.loads(sigprop("predict", "-", "--format", "json").stdout)
        canvas = self.canvas("Token correlation")
        def expected(p):
            return f"{p['path']} — signal: {p['forward']['token_correlation']:.4g}; gradient: {p['backward']['token_correlation']:.4g}"
        for keys, at in (((Keys.ARROW_RIGHT,), 0), ((Keys.ARROW_RIGHT,), 1), ((Keys.END,), -1), ((Keys.ARROW_LEFT,), -2), ((Keys.HOME,), 0)):
            self.press(canvas, *keys)
            self.assertEqual(self.said(canvas), expected(profile["points"][at]))
        self.assertGreater(self.js("return Chart.getChart(arguments[0]).tooltip.opacity", canvas), 0)
        self.press(canvas, Keys.ESCAPE)
        self.assertEqual(self.js("return Chart.getChart(arguments[0]).tooltip.opacity", canvas), 0)

    def test_everything_is_reached_by_tab(self):
        from selenium.webdriver.common.keys import Keys
        self.open()
        reached = set()
        self.js("document.body.focus()")
        for _ in range(60):
            self.driver.switch_to.active_element.send_keys(Keys.TAB)
            reached.add(self.js("const e = document.activeElement; return e.id || e.tagName.toLowerCase()"))
        self.assertLessEqual({"from", "to", "whole", "scale", "canvas", "summary", "pre", "a"}, reached)

    def test_a_range_of_layers(self):
        from selenium.webdriver.common.keys import Keys
        self.open(spec=changed(layers=12))
        def limits():
            return self.js("const x = Chart.getChart(arguments[0]).scales.x; return [x.min, x.max]", self.canvas("Rank residual"))
        start = self.driver.find_element("id", "from")
        self.assertEqual(limits(), [0, 12])
        for text, wanted in (("4", [4, 12]), ("99", [11, 12]), ("-3", [0, 12]), ("7", [7, 12]), (Keys.DELETE, [0, 12])):
            start.send_keys(Keys.CONTROL + "a")
            start.send_keys(text + Keys.TAB)
            self.assertEqual(limits(), wanted)
        end = self.driver.find_element("id", "to")
        end.send_keys(Keys.CONTROL + "a")
        end.send_keys("5" + Keys.TAB)
        self.assertEqual(limits(), [0, 5])
        self.driver.find_element("id", "whole").click()
        self.assertEqual(limits(), [0, 12])

    def test_a_logarithmic_scale(self):
        self.open()
        linear = dict(self.heights("Variance of the signal"))["theory"]
        self.js("const s = document.getElementById('scale'); s.value = 'log'; s.dispatchEvent(new Event('change'))")
        for x, log in zip(linear, dict(self.heights("Variance of the signal"))["theory"], strict=True):
            self.assertAlmostEqual(math.log10(x), log, places=5)
        # Of both signs: a logarithm has no place for it.
        self.assertLess(min(dict(self.heights("Token correlation"))["gradient"]), 1)

    def test_values_as_a_table(self):
        self.open()
        self.js("document.querySelector('#charts details summary').click()")
        rows = self.driver.find_elements("css selector", "#charts details tbody tr")
        self.assertEqual(len(rows), 7)
        self.assertTrue(rows[-1].text.startswith("layer 3/ffn "), rows[-1].text)

    def test_theory_against_simulation(self):
        self.open("--replicates", "4", name="simulated")
        sets = self.heights("Variance of the signal")
        self.assertEqual([label for label, _ in sets], ["theory", "simulation"])
        for theory, mean in zip(sets[0][1], sets[1][1], strict=True):
            self.assertAlmostEqual(mean / theory, 1, delta=0.2)
        self.assert_curves_are_drawn()
        summary = self.driver.find_element("id", "summary").text
        self.assertIn("theory and simulation agree", summary)
        self.assertIn("4 replicates are few", summary)
        self.picture("simulated")

    def test_the_spread_is_a_band_around_the_theory(self):
        self.open("--spread", name="spread")
        profile = json.loads(sigprop("predict", "-", "--spread", "--format", "json").stdout)
        canvas = self.canvas("Variance of the gradient")
        for _ in range(2):  # on a linear scale, then on a logarithmic one
            points = self.js("""const chart = Chart.getChart(arguments[0]);
                return chart.data.datasets[0].data.map((p) => [p.y, p.low, p.high, chart.scales.y.min, chart.scales.y.max])""", canvas)
            log = self.js("return document.getElementById('scale').value") == "log"
            for (y, low, high, bottom, top), point in zip(points, profile["points"], strict=True):
                spread = point["backward"]["spread"]["variance"]
                for end, sign in ((low, -1), (high, 1)):
                    expected = y + sign * spread / math.log(10) if log else y * math.exp(sign * spread)
                    self.assertAlmostEqual(end, expected, delta=1e-4 * abs(y) + 1e-4)
                self.assertTrue(bottom <= low + 1e-9 and high - 1e-9 <= top, "the axis holds the band")
            self.js("const s = document.getElementById('scale'); s.value = 'log'; s.dispatchEvent(new Event('change'))")
        self.assertIn("shaded", self.driver.find_element("id", "keys").text)
        self.assert_curves_are_drawn()
        self.picture("spread")

    def test_dark_mode(self):
        self.open()
        def look():
            return self.js("const c = Chart.getChart(document.querySelector('canvas'));\n            return [getComputedStyle(document.body).backgroundColor, c.options.scales.x.ticks.color]")
        self.assertEqual(look(), ["rgb(255, 255, 255)", "#1b1f24"])
        self.dark(True)
        self.settle()
        self.assertEqual(look(), ["rgb(20, 24, 29)", "#e6e9ed"])

    def test_text_has_contrast(self):
        """4.5 to 1 for text, 3 to 1 for curves: WCAG 2.1 AA, light and dark."""
        self.open()

        def luminance(hexadecimal):
            parts = [int(hexadecimal[i:i + 2], 16) / 255 for i in (1, 3, 5)]
            linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
            return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

        for dark in (False, True):
            self.dark(dark)
            def ink(name):
                return self.js("return getComputedStyle(document.documentElement).getPropertyValue(arguments[0]).trim()", name)
            for name, least in [(n, 4.5) for n in ("--ink", "--soft", "--good", "--bad", "--link")] + [(f"--c{i}", 3) for i in range(7)]:
                light, other = sorted((luminance(ink(name)), luminance(ink("--paper"))), reverse=True)
                self.assertGreaterEqual((light + 0.05) / (other + 0.05), least, f"{name}, dark: {dark}")

    def test_numbers_beyond_a_double(self):
        spec = changed(layers=600, norm={"kind": "none"})
        self.open(spec=spec, name="overflow")
        log = dict(self.heights("Variance of the signal"))["theory"]
        predicted = json.loads(sigprop("predict", "-", "--format", "json", spec=spec).stdout)["points"][-1]["forward"]["variance"]
        logarithm = predicted["log10"] if isinstance(predicted, dict) else math.log10(predicted)
        self.assertAlmostEqual(log[-1], logarithm, delta=1e-3 * abs(logarithm))
        self.picture("overflow")

    def test_masks_and_two_stacks(self):
        self.open(spec=changed(attention={"heads": 2, "mask": "causal"}), name="causal")
        self.assertIn("Gradient by token", self.titles())
        self.assert_curves_are_drawn()
        self.picture("causal")
        self.open(spec=SOURCE / "specs/transformer-base.json", name="translate")
        self.assert_curves_are_drawn()
        places = self.js("return Chart.getChart(arguments[0]).data.datasets[0].data.map((p) => [p.x, p.place])", self.canvas("Variance of the signal"))
        self.assertEqual(places[0], [0, "encoder/input"])
        self.assertIn([6, "decoder/input"], places)
        self.picture("two-stacks")

    def test_a_deep_model(self):
        self.open(spec=SOURCE / "specs/figure-192-xavier-pre.json", name="deep")
        self.assert_curves_are_drawn()
        self.picture("deep")

    def test_a_narrow_window(self):
        self.open()
        self.driver.set_window_size(500, 900)
        self.settle()
        self.assertLessEqual(self.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth"), 0)
        self.picture("narrow")


def absent():
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "Selenium (Debian: python3-selenium)"
    for program, package in (("chromium", "chromium"), ("chromedriver", "chromium-driver")):
        if shutil.which(program) is None:
            return f"{program} (Debian: {package})"
    return None


def main():
    global SIGPROP, SOURCE, PICTURES
    if "--pictures" in sys.argv:
        at = sys.argv.index("--pictures")
        PICTURES = pathlib.Path(sys.argv[at + 1])
        PICTURES.mkdir(parents=True, exist_ok=True)
        del sys.argv[at:at + 2]
    SIGPROP, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
    missing = absent()
    if missing:
        print(f"skipped: {missing} is absent")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])


if __name__ == "__main__":
    main()
