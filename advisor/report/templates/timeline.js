// Draws the threads of run 1 over time from the document of report/threads.py; a table of the page holds the seconds.
"use strict";
(() => {
  const figure = document.querySelector("figure.timeline");
  if (!figure) return;
  const [GAP_PX, AXIS_PX, LETTER_PX, RIGHT_PX, MANY] = [4, 28, 6.6, 16, 12];
  const SMALLEST_PX = 0.5; // of a span, or it could not be seen
  const { kinds, wall, rows } = JSON.parse(figure.querySelector(".data").textContent);
  const ROW_PX = rows.length > MANY ? 14 : 22;
  const names = [...figure.querySelectorAll(".legend [data-kind]")].reduce(
    (found, each) => found.set(each.dataset.kind, each.dataset.words), new Map());
  const [holder, line] = [".graph", ".live"].map((each) => figure.querySelector(each));
  // Stretches of a long run differ in places that a duration does not show: to a hundredth of a pixel's time.
  const seconds = (value) => `${d3.format(`,.${Math.max(0, 3 - Math.floor(Math.log10(wall || 1)))}~f`)(value)} s`;
  const idle = `${rows.length} ${rows.length === 1 ? "thread" : "threads"} over ${seconds(wall)}; point at a stretch, or use the arrow keys.`;
  // Besides its colour each kind that is not plain has a pattern: strokes on a tile of six pixels.
  const PATTERNS = {
    native: "M2.5 3h1", disk: "M0 3h6", child: "M3 0v6", pipe: "M0 0l6 6", lock: "M0 6l6-6",
    gil: "M0 0l6 6M0 6l6-6", other: "M0 0l6 6",
  };
  let current = null;
  // What the picture that stands now gives: to mark the present stretch, and to find the one under the pointer.
  let [place, at] = [() => {}, () => null];

  function draw() {
    const left = Math.min(176, 18 + LETTER_PX * d3.max(rows, (row) => row.name.length));
    const width = holder.clientWidth;
    const height = rows.length * (ROW_PX + GAP_PX) + GAP_PX;
    const x = d3.scaleLinear([0, wall || 1], [left, width - RIGHT_PX]);
    const svg = d3.create("svg").attr("viewBox", `0 0 ${width} ${height + AXIS_PX}`).attr("width", width)
      .attr("height", height + AXIS_PX).attr("aria-hidden", "true");
    patterns(svg.append("defs"));
    rows.forEach((row, at) => drawRow(svg.append("g"), row, GAP_PX + at * (ROW_PX + GAP_PX), x, left));
    svg.append("g").attr("class", "axis").attr("transform", `translate(0 ${height})`)
      .call(d3.axisBottom(x).ticks(Math.max(2, width / 110)).tickFormat((value) => `${value} s`));
    svg.append("rect").attr("class", "cursor").attr("height", ROW_PX);
    holder.replaceChildren(svg.node());

    place = () => {
      const cursor = svg.select(".cursor");
      if (!current) { cursor.attr("width", 0); return; }
      const [start, end] = rows[current.row].spans[current.span];
      cursor.attr("x", x(start)).attr("width", Math.max(2, x(end) - x(start)))
        .attr("y", GAP_PX + current.row * (ROW_PX + GAP_PX));
    };
    at = (event) => {
      const [px, py] = d3.pointer(event, svg.node());
      const row = Math.floor((py - GAP_PX / 2) / (ROW_PX + GAP_PX));
      if (!rows[row]) return null;
      const time = x.invert(px);
      const span = rows[row].spans.findIndex(([start, end]) => start <= time && time <= end);
      return span < 0 ? null : { row, span };
    };
    place();
  }

  function patterns(defs) {
    for (const [kind, strokes] of Object.entries(PATTERNS)) {
      const tile = defs.append("pattern").attr("id", `hatch-${kind}`).attr("width", 6).attr("height", 6)
        .attr("patternUnits", "userSpaceOnUse");
      tile.append("rect").attr("width", 6).attr("height", 6).style("fill", `var(--${kind})`);
      tile.append("path").attr("d", strokes).style("stroke", `var(--on-${kind}, #000)`).attr("stroke-opacity", 0.55);
    }
  }

  // One path a kind: a row of ten thousand spans is eleven elements.
  function drawRow(group, row, y, x, left) {
    group.append("text").attr("x", left - 8).attr("y", y + ROW_PX / 2 + 4).attr("text-anchor", "end").text(row.name);
    group.append("line").attr("class", "row").attr("x1", left).attr("x2", x.range()[1]).attr("y1", y + ROW_PX / 2).attr("y2", y + ROW_PX / 2);
    kinds.forEach((kind, index) => {
      const path = row.spans.filter((span) => span[2] === index)
        .map(([start, end]) => `M${x(start).toFixed(1)} ${y}h${Math.max(SMALLEST_PX, x(end) - x(start)).toFixed(1)}v${ROW_PX}H${x(start).toFixed(1)}z`);
      if (!path.length) return;
      group.append("path").attr("class", kind).attr("d", path.join(""))
        .style("fill", PATTERNS[kind] ? `url("#hatch-${kind}")` : `var(--${kind})`);
    });
  }

  function show(wanted) {
    current = wanted;
    if (!wanted) { line.textContent = idle; return; }
    const row = rows[wanted.row];
    const [start, end, kind] = row.spans[wanted.span];
    line.textContent = `${row.name}, ${seconds(start)} to ${seconds(end)}: ${names.get(kinds[kind]) ?? kinds[kind]}`;
  }

  // The stretch that a key leads to from the present one; that of another row is the one at the same time.
  function next(key) {
    const { row, span } = current ?? { row: 0, span: 0 };
    const last = rows[row].spans.length - 1;
    if (key === "ArrowLeft") return { row, span: Math.max(0, span - 1) };
    if (key === "ArrowRight") return { row, span: Math.min(last, span + 1) };
    if (key === "Home") return { row, span: 0 };
    if (key === "End") return { row, span: last };
    if (key !== "ArrowUp" && key !== "ArrowDown") return null;
    const other = Math.min(rows.length - 1, Math.max(0, row + (key === "ArrowUp" ? -1 : 1)));
    const start = rows[row].spans[span][0];
    return { row: other, span: Math.max(0, d3.bisector((each) => each[0]).right(rows[other].spans, start) - 1) };
  }

  // Before the first picture: a reader may be here by then, and focus is told once.
  const move = (wanted) => { show(wanted); place(); };
  holder.onpointermove = (event) => move(at(event));
  holder.onpointerleave = () => move(null);
  holder.onkeydown = (event) => {
    const moved = next(event.key);
    if (!moved || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    move(moved);
  };
  holder.onfocus = () => move(current ?? { row: 0, span: 0 });
  holder.onblur = () => move(null);
  holder.hidden = false;
  line.textContent = idle;
  afterPaint(() => {
    draw();
    let width = holder.clientWidth;
    new ResizeObserver(() => {
      if (!holder.clientWidth || holder.clientWidth === width) return;
      width = holder.clientWidth;
      draw();
    }).observe(holder);
  });

  function afterPaint(work) { requestAnimationFrame(() => setTimeout(work)); }
})();
