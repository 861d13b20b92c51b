// Draws how the chosen site scales, from the document of report/scaling.py; a table of the page holds the figures.
"use strict";
(() => {
  const figure = document.querySelector("figure.scaling-figure");
  if (!figure) return;
  const data = JSON.parse(figure.querySelector(".data").textContent);
  const [SIZE_PX, RING_PX, AXIS_PX, LABEL_PX] = [4.5, 9, 62, 34];
  const DASHES = { serial: [], threads: [], processes: [8, 3], hybrid: [2, 3] };
  const line = figure.querySelector(".live");
  const holders = [...figure.querySelectorAll(".canvas")];
  const x = data.workers.map(Math.log2);
  const backends = Object.keys(data.lines);
  const parallel = backends.filter((each) => each !== "serial");
  // One predicted curve beside the measured ones; all of them where there is nothing else.
  const measured = backends.some((each) => data.lines[each].speedup.some((value, at) => value !== null && data.workers[at] > 1));
  const predicting = parallel.filter((each) => !measured || !data.lines[data.advised?.backend] || data.advised.backend === "serial" || each === data.advised.backend);
  const FONT = "12px system-ui, sans-serif";

  const short = (value) => (value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString());
  const times = (value) => `${short(value)}x`;
  const rate = (value) => (value > 0 && value < 0.05 ? "<0.1" : value.toFixed(value >= 100 ? 0 : 1));
  const { seconds } = figures;
  function bytes(value) {
    const power = Math.min(4, Math.floor(Math.log10(Math.max(1, value)) / 3));
    return `${Number((value / 1000 ** power).toPrecision(2))} ${["B", "kB", "MB", "GB", "TB"][power]}`;
  }
  const PANELS = {
    speedup: { shown: times, height: matchMedia("(min-width: 64rem)").matches && holders.length > 1 ? 560 : 340 }, switches: { shown: rate, height: 170 },
    cpu: { shown: seconds, height: 170 }, memory: { shown: bytes, height: 170 },
  };

  // The colour that a custom property comes to, as a canvas understands it.
  function colour(name) {
    figure.style.color = `var(--${name})`;
    const found = getComputedStyle(figure).color;
    figure.style.color = "";
    return found;
  }

  function mark(path, backend, px, py, r) {
    if (backend === "processes") path.rect(px - r, py - r, 2 * r, 2 * r);
    else if (backend === "hybrid") {
      path.moveTo(px, py - 1.3 * r); path.lineTo(px + 1.3 * r, py); path.lineTo(px, py + 1.3 * r); path.lineTo(px - 1.3 * r, py);
      path.closePath();
    } else path.arc(px, py, r, 0, 2 * Math.PI);
  }

  // A label beside a point of the canvas, on ground of its own, kept inside the plot.
  function label(plot, text, px, py, colours, above = true) {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    const [width, height] = [ctx.measureText(text).width + 10 * ratio, 18 * ratio];
    const left = Math.min(Math.max(px - width / 2, bbox.left), bbox.left + bbox.width - width);
    const wanted = above ? py - height - 8 * ratio : py + 10 * ratio;
    const top = Math.min(Math.max(wanted, bbox.top), bbox.top + bbox.height - height);
    ctx.fillStyle = colours.page;
    ctx.fillRect(left, top, width, height);
    ctx.strokeStyle = colours.edge;
    ctx.lineWidth = ratio;
    ctx.strokeRect(left, top, width, height);
    ctx.fillStyle = colours.text;
    ctx.fillText(text, left + 5 * ratio, top + height / 2);
  }

  function vertical(plot, workers, name, colours, text) {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const px = plot.valToPos(Math.log2(workers), "x", true);
    if (px < bbox.left || px > bbox.left + bbox.width) return;
    ctx.strokeStyle = colours[name];
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(px, bbox.top);
    ctx.lineTo(px, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    label(plot, text, px, bbox.top, colours, false);
  }

  function drawMarks(panel, colours) {
    return (plot) => {
      const { ctx, bbox } = plot;
      const ratio = uPlot.pxRatio;
      ctx.save();
      if (panel === "speedup") {
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        ideal(plot, colours);
        ctx.restore();
        if (data.cores > 1 && data.cores < data.workers.at(-1)) vertical(plot, data.cores, "quiet", colours, `${short(data.cores)} CPUs`);
      }
      for (const backend of backends) points(plot, panel, backend, colours);
      for (const begin of data.begins) {
        if (begin.code === { switches: "ADV201", memory: "ADV202" }[panel]) {
          vertical(plot, begin.workers, "error", colours, `${begin.code} from ${begin.workers}`);
        }
      }
      if (panel === "speedup" && data.advised) advised(plot, colours);
      ctx.restore();
    };
  }

  function ideal(plot, colours) {
    const { ctx } = plot;
    const ratio = uPlot.pxRatio;
    ctx.strokeStyle = colours.quiet;
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([1.5 * ratio, 4 * ratio]);
    ctx.beginPath();
    for (let at = plot.scales.x.min; at <= plot.scales.x.max; at += 0.05) ctx.lineTo(plot.valToPos(at, "x", true), plot.valToPos(2 ** at, "y", true));
    ctx.stroke();
    ctx.setLineDash([]);
  }

  function points(plot, panel, backend, colours) {
    const { ctx } = plot;
    const ratio = uPlot.pxRatio;
    const own = data.lines[backend];
    ctx.strokeStyle = ctx.fillStyle = colours[backend];
    ctx.lineWidth = 1.5 * ratio;
    own[panel].forEach((value, at) => {
      if (value === null || (backend !== "serial" && data.lines.serial?.speedup[at] === own.speedup[at] && data.workers[at] === 1)) return;
      const [px, py] = [plot.valToPos(x[at], "x", true), plot.valToPos(value, "y", true)];
      if (panel === "speedup" && own.low[at] !== null) {
        ctx.beginPath();
        for (const end of [own.low[at], own.high[at]]) {
          const y = plot.valToPos(end, "y", true);
          ctx.moveTo(px - 4 * ratio, y);
          ctx.lineTo(px + 4 * ratio, y);
        }
        ctx.moveTo(px, plot.valToPos(own.low[at], "y", true));
        ctx.lineTo(px, plot.valToPos(own.high[at], "y", true));
        ctx.stroke();
      }
      const path = new Path2D();
      mark(path, backend, px, py, SIZE_PX * ratio);
      ctx.fill(path);
    });
  }

  function advised(plot, colours) {
    const { ctx } = plot;
    const ratio = uPlot.pxRatio;
    const at = data.workers.indexOf(data.advised.workers);
    const own = data.lines[data.advised.backend];
    const value = own?.speedup[at] ?? own?.predicted[at];
    if (value === null || value === undefined) return;
    const [px, py] = [plot.valToPos(x[at], "x", true), plot.valToPos(value, "y", true)];
    ctx.strokeStyle = colours.text;
    ctx.lineWidth = 2 * ratio;
    ctx.beginPath();
    ctx.arc(px, py, RING_PX * ratio, 0, 2 * Math.PI);
    ctx.stroke();
    label(plot, data.stop ? `advised; stops at: ${data.stop}` : "advised", px, py - 4 * ratio, colours);
  }

  // Workers that are shown on the axis: those that do not touch the one before.
  function ticks(plot) {
    const kept = [];
    for (const at of [...x].reverse()) {
      if (!kept.length || plot.valToPos(kept.at(-1), "x") - plot.valToPos(at, "x") >= LABEL_PX) kept.push(at);
    }
    return kept.reverse();
  }

  function top(panel) {
    const of = panel === "speedup" ? ["speedup", "high", "predicted", "predicted_high"] : [panel];
    return Math.max(...backends.flatMap((each) => of.flatMap((name) => data.lines[each][name] ?? [])).filter((each) => each !== null), 0);
  }

  function draw(holder) {
    const panel = holder.dataset.panel;
    const { shown, height } = PANELS[panel];
    const names = ["serial", "threads", "processes", "hybrid", "text", "quiet", "edge", "page", "error"];
    const colours = Object.fromEntries(names.map((name) => [name, colour(name)]));
    const axis = { stroke: colours.quiet, font: FONT, grid: { stroke: colours.edge, width: 1 }, ticks: { stroke: colours.edge, width: 1 } };
    const series = [{}], columns = [x];
    for (const backend of parallel) {
      series.push({ stroke: colours[backend], width: 2, dash: DASHES[backend], spanGaps: true, points: { show: false } });
      columns.push(data.lines[backend][panel]);
      if (panel !== "speedup" || !predicting.includes(backend)) continue;
      for (const name of ["predicted", "predicted_low", "predicted_high"]) {
        if (!data.lines[backend][name]?.some((each) => each !== null)) continue;
        series.push({ stroke: colours[backend], width: name === "predicted" ? 1.5 : 1, dash: [4, 5], spanGaps: true, points: { show: false } });
        columns.push(data.lines[backend][name]);
      }
    }
    if (series.length === 1) { series.push({ show: false }); columns.push(x.map(() => null)); }
    const pad = Math.max(0.25, 0.04 * x.at(-1));
    return new uPlot({
      width: holder.clientWidth, height, padding: [12, 8, 0, 0],
      scales: { x: { time: false, range: [-pad, x.at(-1) + pad] }, y: { range: [0, 1.12 * top(panel) || 1] } },
      axes: [
        { ...axis, splits: ticks, values: (plot, found) => found.map((at) => String(Math.round(2 ** at))), size: 28 },
        { ...axis, size: AXIS_PX, values: (plot, found) => found.map((value) => (panel === "switches" ? short(value) : shown(value))) },
      ],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false }, sync: { key: "scaling" } },
      series,
      hooks: { draw: [drawMarks(panel, colours)], setCursor: [(plot) => { if (plot.cursor.event) tell(plot.cursor.idx); }] },
    }, columns, holder);
  }

  function tell(at) {
    if (at === null || at === undefined) { line.textContent = idle; return; }
    const parts = backends.map((backend) => told(data.lines[backend], backend, at)).filter(Boolean);
    line.textContent = `${data.workers[at]} ${data.workers[at] === 1 ? "worker" : "workers"}: ${parts.join("; ") || "not tried"}`;
  }

  function told(own, backend, at) {
    if (backend !== "serial" && data.workers[at] === 1) return "";
    const parts = [];
    if (own.speedup[at] !== null) parts.push(`${times(own.speedup[at])} (${times(own.low[at])} to ${times(own.high[at])})`);
    if (own.predicted[at] !== null && backend !== "serial") parts.push(`predicted ${times(own.predicted[at])}`);
    if (own.switches[at] !== null) parts.push(`${rate(own.switches[at])} switches, ${seconds(own.cpu[at])} of CPU a call`);
    if (own.memory[at] !== null) parts.push(`${bytes(own.memory[at])} at its peak`);
    return parts.length ? `${backend} ${parts.join(", ")}` : "";
  }

  const idle = "Point at a number of workers, or use the arrow keys.";
  let plots = [], at = 0, waiting = 0;

  function all() {
    plots.forEach((plot) => plot.destroy());
    plots = holders.map(draw);
  }

  const region = figure.querySelector(".scaling");
  region.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -x.length, End: x.length }[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    at = Math.min(x.length - 1, Math.max(0, at + step));
    for (const plot of plots) plot.setCursor({ left: plot.valToPos(x[at], "x"), top: 10 }, false);
    tell(at);
  });
  region.addEventListener("focus", () => tell(at));
  region.addEventListener("blur", () => { line.textContent = idle; });
  region.addEventListener("pointerleave", () => { line.textContent = idle; });
  document.addEventListener("theme", () => all());
  matchMedia("print").addEventListener("change", () => all());

  line.textContent = idle;
  figure.querySelector(".scaling").hidden = false;
  requestAnimationFrame(() => setTimeout(() => {
    all();
    let width = holders[0].clientWidth;
    new ResizeObserver(() => {
      if (!holders[0].clientWidth || holders[0].clientWidth === width) return;
      width = holders[0].clientWidth;
      clearTimeout(waiting);
      waiting = setTimeout(() => plots.forEach((plot, number) => plot.setSize({ width: holders[number].clientWidth, height: PANELS[holders[number].dataset.panel].height })), 50);
    }).observe(region);
  }));
})();
