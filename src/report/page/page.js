// Draws the curves of the page with Chart.js, from the JSON beside it: nothing is fetched. A number is a JSON number, or "eX" for one that
// no double holds, by its log10 X; null where a theory has none.
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const strokes = [[], [7, 3], [2, 2], [9, 3, 2, 3], [12, 3], [5, 2, 1, 2, 1, 2], [3, 5]];
  const shapes = ["circle", "rect", "triangle", "rectRot", "crossRot", "star", "cross"];
  const range = { from: document.getElementById("from"), to: document.getElementById("to") };
  const scale = document.getElementById("scale");
  const charts = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function quantity(raw) {
    if (raw === null || raw === undefined) return null;
    if (typeof raw === "string") return { value: NaN, log10: Number(raw.slice(1)) };
    return { value: raw, log10: raw > 0 ? Math.log10(raw) : NaN };
  }

  function power(log10) {
    const exponent = Math.floor(log10 + 1e-9);
    return Math.pow(10, log10 - exponent).toPrecision(4) + "e" + (exponent < 0 ? "" : "+") + exponent;
  }

  function shown(number) {
    if (number === null) return "none";
    if (Number.isNaN(number.value)) return power(number.log10);
    const size = Math.abs(number.value);
    return size !== 0 && (size < 1e-3 || size >= 1e5) ? number.value.toExponential(3) : String(Number(number.value.toPrecision(4)));
  }

  const height = (number, logarithmic) => {
    if (number === null) return NaN;
    return logarithmic ? number.log10 : number.value;
  };

  // Where numbers differ by more than a factor of ten a logarithm shows more.
  function suits(chart) {
    if (!chart.positive) return false;
    let low = Infinity, high = -Infinity;
    for (const curve of chart.curves) {
      for (const raw of curve.theory) {
        const number = quantity(raw);
        if (number === null || Number.isNaN(number.log10)) continue;
        low = Math.min(low, number.log10);
        high = Math.max(high, number.log10);
      }
    }
    return high - low > 1;
  }

  function logarithmic(chart) {
    return chart.positive && (scale.value === "log" || (scale.value === "auto" && suits(chart)));
  }

  // Whole powers of ten, as many as there is room for; between few of them 2 and 5 too.
  function powers(scale) {
    const low = Math.ceil(scale.min), high = Math.floor(scale.max), stride = Math.max(1, Math.ceil((high - low) / 6));
    const steps = high - low < 2 ? [1, 2, 5] : [1], out = [];
    for (let exponent = Math.floor(scale.min); exponent <= high; exponent += 1) {
      if (exponent % stride !== 0) continue;
      for (const step of steps) {
        const value = exponent + Math.log10(step);
        if (value >= scale.min - 1e-9 && value <= scale.max + 1e-9) out.push({ value });
      }
    }
    scale.ticks = out;
  }

  function tick(value, log) {
    if (!log) return shown({ value: value, log10: NaN });
    return Math.abs(value) < 4 ? String(Number(Math.pow(10, value).toPrecision(2))) : "1e" + Math.round(value);
  }

  // Points on the frame are drawn whole.
  const overhang = 8;

  // Draws behind each visible curve that has `what`, within the frame and so far to its left and right.
  function behind(chart, what, over, draw) {
    const context = chart.ctx, area = chart.chartArea;
    context.save();
    context.beginPath();
    context.rect(area.left - over, area.top, area.right - area.left + 2 * over, area.bottom - area.top);
    context.clip();
    chart.data.datasets.forEach((dataset, at) => {
      if (dataset[what] && chart.isDatasetVisible(at)) draw(context, dataset);
    });
    context.restore();
  }

  // Where single networks lie: one spread to either side of the theory.
  const bands = {
    id: "bands",
    beforeDatasetsDraw(chart) {
      behind(chart, "band", 0, (context, dataset) => {
        const points = dataset.data.filter((point) => point.high >= point.low), place = (x, y) => [chart.scales.x.getPixelForValue(x), chart.scales.y.getPixelForValue(y)];
        if (points.length === 0) return;
        context.globalAlpha = 0.16;
        context.fillStyle = dataset.borderColor;
        context.beginPath();
        points.forEach((point, i) => (i === 0 ? context.moveTo(...place(point.x, point.high)) : context.lineTo(...place(point.x, point.high))));
        points.reverse().forEach((point) => context.lineTo(...place(point.x, point.low)));
        context.fill();
      });
    },
  };

  // The axis holds the bands.
  function hold(scale) {
    for (const dataset of scale.chart.data.datasets) {
      if (!dataset.band) continue;
      for (const point of dataset.data) {
        if (!(point.high >= point.low)) continue;
        scale.min = Math.min(scale.min, point.low);
        scale.max = Math.max(scale.max, point.high);
      }
    }
  }

  // Lines of two standard errors to either side behind measured points.
  const whiskers = {
    id: "whiskers",
    beforeDatasetsDraw(chart) {
      behind(chart, "errors", overhang, (context, dataset) => {
        context.strokeStyle = dataset.borderColor;
        context.lineWidth = 1.5;
        for (const point of dataset.data) {
          if (!(point.high >= point.low)) continue;
          const x = chart.scales.x.getPixelForValue(point.x);
          context.beginPath();
          context.moveTo(x, chart.scales.y.getPixelForValue(point.low));
          context.lineTo(x, chart.scales.y.getPixelForValue(point.high));
          context.stroke();
        }
      });
    },
  };

  // The spread of a positive quantity is that of its natural logarithm.
  function around(number, spread, positive, log) {
    if (number === null || spread === null) return {};
    const middle = height(number, log);
    if (!positive) return { spread, low: middle - spread, high: middle + spread };
    if (log) return { spread, low: middle - spread / Math.LN10, high: middle + spread / Math.LN10 };
    return { spread, low: middle * Math.exp(-spread), high: middle * Math.exp(spread) };
  }

  function datasets(chart) {
    const log = logarithmic(chart), places = data[chart.over], out = [];
    const each = (values, make) => places.depth.map((x, i) => make(x, quantity(values[i]), i));
    chart.curves.forEach((curve, at) => {
      const ink = colour("--c" + (at % 7)), name = chart.curves.length > 1 ? curve.name + ", " : "";
      out.push({
        curve: curve.name, clip: overhang, label: chart.measured ? name + "theory" : curve.name || "theory", borderColor: ink, backgroundColor: ink, borderWidth: 2,
        borderDash: strokes[at % 7], pointRadius: places.depth.length === 1 ? 3 : 0, pointHoverRadius: 5, pointStyle: shapes[at % 7],
        // An encoder and its decoder are two curves.
        segment: { borderColor: (s) => (places.stack[s.p0DataIndex] === places.stack[s.p1DataIndex] ? undefined : "transparent") },
        band: Boolean(curve.spread),
        data: each(curve.theory, (x, number, i) => Object.assign({ x, y: height(number, log), number, place: places.path[i] }, curve.spread ? around(number, curve.spread[i], chart.positive, log) : {})),
      });
      if (!curve.mean) return;
      out.push({
        curve: curve.name, clip: overhang, label: name + "simulation", borderColor: ink, backgroundColor: ink, showLine: false, errors: true,
        pointRadius: 3, pointHoverRadius: 6, pointStyle: shapes[at % 7],
        data: each(curve.mean, (x, number, i) => {
          const error = 2 * (curve.error[i] || 0), value = number === null ? NaN : number.value;
          const end = (y) => (log ? (y > 0 ? Math.log10(y) : -400) : y);
          return { x, y: height(number, log), number, place: places.path[i], error: error / 2, low: end(value - error), high: end(value + error) };
        }),
      });
    });
    return out;
  }

  function said(point, label) {
    const error = point.error ? " ± " + shown({ value: point.error, log10: NaN }) : "";
    const spread = point.spread ? ", spread " + shown({ value: point.spread, log10: NaN }) : "";
    return (label ? label + ": " : "") + shown(point.number) + error + spread;
  }

  // A legend's sign for what was measured.
  function dot(ink) {
    const out = document.createElement("canvas"), size = 8;
    out.width = out.height = size;
    const context = out.getContext("2d");
    context.fillStyle = ink;
    context.arc(size / 2, size / 2, size / 2 - 0.5, 0, 2 * Math.PI);
    context.fill();
    return out;
  }

  // Of several measured curves one entry for theory and simulation together.
  function legend(chart, ink) {
    const several = chart.curves.length > 1;
    const entries = (drawn) => Chart.defaults.plugins.legend.labels.generateLabels(drawn).map((entry) => {
      const set = drawn.data.datasets[entry.datasetIndex];
      return Object.assign(entry, { set, text: several ? set.curve : entry.text, pointStyle: set.errors ? dot(set.borderColor) : "line" });
    });
    return {
      display: several || chart.measured,
      labels: {
        color: ink, usePointStyle: true, pointStyleWidth: 26, boxHeight: 8,
        generateLabels: (drawn) => entries(drawn).filter((entry) => !several || !entry.set.errors),
      },
      onClick(event, entry, shown) {
        const drawn = shown.chart, visible = drawn.isDatasetVisible(entry.datasetIndex);
        drawn.data.datasets.forEach((set, at) => {
          if (several ? set.curve === entry.set.curve : at === entry.datasetIndex) drawn.setDatasetVisibility(at, !visible);
        });
        drawn.update("none");
      },
    };
  }

  function options(chart) {
    const log = logarithmic(chart), ink = colour("--ink"), line = colour("--line");
    return {
      animation: false, layout: { padding: { right: overhang } }, responsive: true, maintainAspectRatio: false, normalized: true, parsing: false,
      interaction: { mode: "index", intersect: false, axis: "x" },
      scales: {
        x: {
          type: "linear", min: Number(range.from.value), max: Number(range.to.value), title: { display: true, text: "layer", color: ink },
          ticks: { color: ink, precision: 0, maxRotation: 0 }, grid: { color: line, drawBorder: false },
        },
        y: {
          type: "linear", grid: { color: line, drawBorder: false }, afterDataLimits: hold,
          afterBuildTicks: log ? powers : undefined,
          ticks: { color: ink, callback: (value) => tick(value, log), maxTicksLimit: 7, autoSkip: false },
        },
      },
      plugins: {
        legend: legend(chart, ink),
        tooltip: {
          backgroundColor: colour("--ink"), titleColor: colour("--paper"), bodyColor: colour("--paper"),
          callbacks: {
            title: (items) => (items.length ? items[0].raw.place : ""),
            label: (item) => " " + said(item.raw, item.dataset.label),
          },
        },
      },
    };
  }

  // What a look at a place says, for those who do not see the tooltip.
  function tell(entry, index) {
    const sets = entry.drawn.data.datasets, parts = [];
    sets.forEach((set, at) => {
      if (entry.drawn.isDatasetVisible(at) && set.data[index].number !== null) parts.push(said(set.data[index], set.label));
    });
    entry.said.textContent = sets[0].data[index].place + " — " + parts.join("; ");
  }

  function look(entry, index) {
    entry.at = index;
    const active = [];
    entry.drawn.data.datasets.forEach((set, at) => {
      if (entry.drawn.isDatasetVisible(at) && !Number.isNaN(set.data[index].y)) active.push({ datasetIndex: at, index });
    });
    const x = entry.drawn.scales.x.getPixelForValue(data[entry.chart.over].depth[index]);
    entry.drawn.setActiveElements(active);
    entry.drawn.tooltip.setActiveElements(active, { x, y: entry.drawn.chartArea.top });
    entry.drawn.update("none");
    tell(entry, index);
  }

  function visible(entry) {
    const low = Number(range.from.value), high = Number(range.to.value), out = [];
    data[entry.chart.over].depth.forEach((x, i) => {
      if (x >= low && x <= high) out.push(i);
    });
    return out;
  }

  function onKey(entry, event) {
    const places = visible(entry);
    if (places.length === 0) return;
    const now = places.indexOf(entry.at), last = places.length - 1, page = Math.max(1, Math.round(places.length / 10));
    const to = { ArrowRight: now + 1, ArrowLeft: now < 0 ? last : now - 1, PageDown: now + page, PageUp: now < 0 ? last : now - page, Home: 0, End: last };
    if (event.key === "Escape") {
      entry.at = -1;
      entry.drawn.setActiveElements([]);
      entry.drawn.tooltip.setActiveElements([], { x: 0, y: 0 });
      entry.drawn.update("none");
      return;
    }
    if (!(event.key in to)) return;
    event.preventDefault();
    look(entry, places[Math.min(last, Math.max(0, to[event.key]))]);
  }

  function element(name, text, parent) {
    const out = document.createElement(name);
    if (text) out.textContent = text;
    parent.appendChild(out);
    return out;
  }

  function fill(entry, box) {
    box.replaceChildren();
    const sets = entry.drawn.data.datasets;
    const table = element("table", "", box), head = element("tr", "", element("thead", "", table)), body = element("tbody", "", table);
    element("th", "place", head);
    sets.forEach((set) => (element("th", set.label, head).className = "number"));
    for (const i of visible(entry)) {
      const row = element("tr", "", body);
      element("td", sets[0].data[i].place, row);
      sets.forEach((set) => (element("td", said(set.data[i], ""), row).className = "number"));
    }
  }

  function build(chart) {
    const figure = element("figure", "", document.getElementById("charts"));
    const title = element("h3", chart.title, figure);
    title.id = "title-" + charts.length;
    const frame = element("div", "", figure);
    frame.className = "canvas";
    const canvas = element("canvas", "", frame);
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-labelledby", title.id);
    canvas.setAttribute("aria-describedby", "keys");
    const line = element("p", "", figure);
    line.className = "said";
    line.setAttribute("aria-live", "polite");
    const details = element("details", "", figure);
    element("summary", "Values", details);
    const box = element("div", "", details);
    box.className = "scroll";
    box.tabIndex = 0;
    const entry = { chart, said: line, at: -1, details, box, drawn: null };
    entry.drawn = new Chart(canvas, { type: "line", data: { datasets: datasets(chart) }, options: options(chart), plugins: [bands, whiskers] });
    canvas.addEventListener("keydown", (event) => onKey(entry, event));
    details.addEventListener("toggle", () => details.open && fill(entry, box));
    charts.push(entry);
  }

  function redraw() {
    for (const entry of charts) {
      entry.drawn.data.datasets = datasets(entry.chart);
      entry.drawn.options = options(entry.chart);
      entry.drawn.update("none");
      if (entry.details.open) fill(entry, entry.box);
    }
  }

  function onRange(changed) {
    const least = Number(range.from.min), most = Number(range.from.max);
    const typed = (input, otherwise) => (input.value === "" ? otherwise : Number(input.value));
    let low = Math.min(most - 1, Math.max(least, typed(range.from, least)));
    let high = Math.min(most, Math.max(least + 1, typed(range.to, most)));
    if (low >= high) {
      if (changed === range.from) high = low + 1;
      else low = high - 1;
    }
    range.from.value = low;
    range.to.value = high;
    redraw();
  }

  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  data.charts.forEach((chart) => build(Object.assign({ measured: chart.curves.some((curve) => curve.mean) }, chart)));
  for (const input of [range.from, range.to]) input.addEventListener("change", () => onRange(input));
  scale.addEventListener("change", redraw);
  document.getElementById("whole").addEventListener("click", () => {
    range.from.value = range.from.min;
    range.to.value = range.to.max;
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.getElementById("controls").hidden = false;
})();
