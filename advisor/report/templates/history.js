// Draws each panel's medians, their spread and the verdicts; the page is complete without it: every figure is in a table.
const drawings = JSON.parse(document.getElementById("drawings").textContent);
const HEIGHT = 220;
const SIZE = 5; // of a mark, CSS pixels from its middle to its edge
const SHAPES = {
  "pass": (path, x, y, r) => path.arc(x, y, r, 0, 2 * Math.PI),
  "inconclusive": (path, x, y, r) => path.arc(x, y, r, 0, 2 * Math.PI),
  "regression": (path, x, y, r) => polygon(path, [[x, y - r], [x + r, y + r], [x - r, y + r]]),
  "improvement": (path, x, y, r) => polygon(path, [[x, y + r], [x + r, y - r], [x - r, y - r]]),
  "not-comparable": (path, x, y, r) => polygon(path, [[x, y - r], [x + r, y], [x, y + r], [x - r, y]]),
  "could-not-measure": (path, x, y, r) => { path.moveTo(x - r, y - r); path.lineTo(x + r, y + r); path.moveTo(x - r, y + r); path.lineTo(x + r, y - r); },
};
const FILLED = new Set(["pass", "regression", "improvement"]);

function polygon(path, corners) {
  corners.forEach(([x, y], at) => (at ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
}

// The colour that a custom property comes to in this element, as a canvas understands it.
function colour(element, name) {
  element.style.color = `var(--${name})`;
  const found = getComputedStyle(element).color;
  element.style.color = "";
  return found;
}

function marks(data, colours) {
  return (plot) => {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.lineWidth = 1.5 * ratio;
    data.outcome.forEach((outcome, at) => {
      const x = plot.valToPos(at, "x", true);
      const y = data.median[at] === null ? bbox.top + bbox.height - 2 * SIZE * ratio : plot.valToPos(data.median[at], "y", true);
      const path = new Path2D();
      SHAPES[outcome](path, x, y, SIZE * ratio);
      ctx.strokeStyle = colours[outcome];
      ctx.fillStyle = FILLED.has(outcome) ? colours[outcome] : colours.page;
      ctx.fill(path);
      ctx.stroke(path);
    });
    ctx.restore();
  };
}

function range(data) {
  const low = Math.min(...data.low.filter((each) => each !== null));
  const high = Math.max(...data.high.filter((each) => each !== null));
  return [Math.max(0, low - 0.1 * high), 1.1 * high]; // noise of a few percent is to look like it
}

function draw(element, data) {
  const names = [...Object.keys(SHAPES), "text", "quiet", "edge", "page", "accent", "band"];
  const colours = Object.fromEntries(names.map((name) => [name, colour(element, name)]));
  const [low, high] = range(data);
  const [unit, factor] = high >= 1 ? ["s", 1] : high >= 1e-3 ? ["ms", 1e3] : ["us", 1e6];
  const shown = (value) => (value === null || value === undefined ? "-" : `${Number((value * factor).toPrecision(4))} ${unit}`);
  const axis = { stroke: colours.quiet, grid: { stroke: colours.edge, width: 1 }, ticks: { stroke: colours.edge, width: 1 } };
  const edge = { width: 0, points: { show: false } };
  return new uPlot({
    width: element.clientWidth,
    height: HEIGHT,
    scales: { x: { time: false, range: [-0.5, data.median.length - 0.5] }, y: { range: [low, high] } },
    axes: [
      { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], space: 60, values: (plot, found) => found.map((at) => data.day[at] ?? "") },
      { ...axis, size: 70, values: (plot, found) => found.map(shown) },
    ],
    bands: [{ series: [3, 2], fill: colours.band }],
    cursor: { drag: { x: false, y: false }, y: false },
    legend: { isolate: false },
    series: [
      { label: "Check", value: (plot, at) => data.label[at] ?? "-" },
      { label: "Median", stroke: colours.accent, width: 2, points: { show: false }, value: (plot, value) => shown(value) },
      { ...edge, label: "- MAD", value: (plot, value) => shown(value) },
      { ...edge, label: "+ MAD", value: (plot, value) => shown(value) },
    ],
    hooks: { draw: [marks(data, colours)] },
  }, [data.median.map((_, at) => at), data.median, data.low, data.high], element);
}

for (const [id, data] of Object.entries(drawings)) {
  const element = document.getElementById(id);
  element.hidden = false;
  let plot = draw(element, data);
  const again = () => { plot.destroy(); plot = draw(element, data); };
  new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT })).observe(element);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}
