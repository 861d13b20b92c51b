// Draws the flame graphs of a page. Each `figure.flame` holds its document (see report/flame.py); what a graph shows
// stands in a table of the page too. Names of a user's code only ever become text.
"use strict";
(() => {
  const ROW_PX = 20;
  const SMALLEST_PX = 1; // narrower frames are not drawn: a graph of any size costs what fits on the screen
  const COLOUR_STEPS = 20;
  const SEARCH_PAUSE_MS = 120;
  const WHOSE = { own: " [your code]", library: " [library]", "": "" };

  // The tree of a flat document: each frame's own seconds by column, and those of all it called.
  function treeOf(stacks) {
    const mine = new Set(stacks.own);
    const frames = stacks.nodes.map(([parent, name, ...told]) => {
      const own = stacks.columns.map((_, column) => told[column] ?? 0);
      const whose = mine.size && parent >= 0 ? (mine.has(name) ? "own" : "library") : "";
      return {
        name: stacks.names[name], parent, own, whose, all: own.slice(), value: 0, changed: Math.abs(own[1] - own[0]), children: [],
      };
    });
    for (let at = frames.length - 1; at > 0; at--) {
      const parent = frames[frames[at].parent];
      frames[at].all.forEach((seconds, column) => { parent.all[column] += seconds; });
      parent.changed += frames[at].changed;
      parent.children.push(frames[at]);
    }
    return frames;
  }

  const sum = (seconds, columns) => columns.reduce((total, column) => total + seconds[column], 0);

  const { seconds, percent } = figures;
  const signed = (value) => (value < 0 ? "-" : value > 0 ? "+" : "") + seconds(value);
  const signedPercent = (share) => (share > 0 ? "+" : "") + percent(share);

  // Two arms: colour by what a frame and all it called grew or shrank.
  function differenceOf(stacks, frames) {
    const grown = (frame) => frame.all[1] - frame.all[0];
    const full = frames.reduce((most, frame) => Math.max(most, Math.abs(grown(frame))), stacks.full) || 1;
    const step = (frame) => Math.round((grown(frame) / full) * COLOUR_STEPS);
    const [base, head] = frames[0].all;
    const share = (part, whole) => (whole > 0 ? ` (${percent(part / whole)})` : "");
    const relative = (frame) => {
      if (frame.all[0] <= 0) return frame.all[1] > 0 ? ", new in head" : "";
      return frame.all[1] <= 0 ? ", gone in head" : ` (${signedPercent(grown(frame) / frame.all[0])})`;
    };
    return {
      colour(frame) {
        const part = step(frame);
        if (part === 0) return "var(--same)";
        const strength = Math.round((100 * Math.abs(part)) / COLOUR_STEPS);
        return `color-mix(in oklab, var(${part > 0 ? "--grew" : "--shrank"}) ${strength}%, var(--same))`;
      },
      label: (frame) => ({ "1": "▲ ", "-1": "▼ " }[Math.sign(step(frame))] ?? "") + frame.name,
      figures(all, own) {
        const frame = { all };
        const self = own ? `; itself ${signed(own[1] - own[0])}` : "";
        return `base ${seconds(all[0])}${share(all[0], base)}, head ${seconds(all[1])}${share(all[1], head)}, `
          + `change ${signed(grown(frame))}${relative(frame)}${self}`;
      },
    };
  }

  // Kinds of time: the colour of the kind a frame and all it called spent most on.
  function statesOf(stacks, frames, view) {
    const columns = () => stacks.views[view()].columns;
    const shown = (all) => columns().filter((column) => all[column] > 0).sort((one, other) => all[other] - all[one]);
    return {
      colour(frame) {
        const [most] = shown(frame.all);
        const strength = frame.whose === "library" ? 28 : 55;
        return most === undefined ? "var(--same)" : `color-mix(in oklab, var(--bar-${stacks.columns[most]}, var(--${stacks.columns[most]})) ${strength}%, var(--page))`;
      },
      label: (frame) => frame.name,
      figures(all) {
        const [total, whole] = [sum(all, columns()), sum(frames[0].all, columns())];
        const kinds = shown(all).map((column) => `${stacks.labels[column]} ${seconds(all[column])}`);
        return `${seconds(total)}${whole > 0 ? ` (${percent(total / whole)})` : ""}: ${kinds.join(", ") || "nothing"}`;
      },
    };
  }

  // A large document stands in the page packed (gzip, base64).
  async function documentOf(figure) {
    const found = JSON.parse(figure.querySelector(".stacks").textContent);
    if (found.gzip === undefined) return found;
    const packed = Uint8Array.from(atob(found.gzip), (char) => char.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }

  async function draw(figure) {
    const stacks = await documentOf(figure);
    const [tools, holder, line] = [".tools", ".graph", ".details"].map((each) => figure.querySelector(each));
    const search = figure.querySelector('input[type="search"]');
    const frames = treeOf(stacks);
    const root = frames[0];
    let view = 0, term = "", summary = "", current = root, pause = 0;
    const shown = stacks.colour === "difference" ? differenceOf(stacks, frames) : statesOf(stacks, frames, () => view);
    const telling = (frame) => `${frame.name}${WHOSE[frame.whose]}: ${shown.figures(frame.all, frame.own)}`;

    const chart = flamegraph.default()
      .cellHeight(ROW_PX).inverted(true).minFrameSize(SMALLEST_PX).transitionDuration(0)
      .height(ROW_PX * (1 + depthOf(frames)))
      .sort((one, other) => d3.ascending(one.data.name, other.data.name))
      .getName((node) => shown.label(node.data))
      .setLabelHandler((node) => telling(node.data))
      .setColorMapper((node) => (node.highlight ? "var(--found)" : shown.colour(node.data)))
      .setDetailsHandler((text) => { line.textContent = text || idle(); })
      .onClick((node) => point(node.data));

    const idle = () => summary || telling(root);

    // What the library leaves to timers is done at once; then what it does not know of is put on top.
    function settle() {
      d3.timerFlush();
      const svg = holder.querySelector("svg");
      // Its bars grow into place over a quarter of a second, whatever duration is asked for.
      d3.select(svg).selectAll("g.frame > rect").interrupt().attr("width", (node) => (node.x1 - node.x0) * chart.width());
      svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
      svg.setAttribute("aria-hidden", "true"); // the line above the graph is what is read out
      for (const frame of frames) frame.node = undefined;
      d3.select(svg).selectAll("g.frame").each((node) => { node.data.node = node; })
        .classed("own", (node) => node.data.whose === "own").classed("library", (node) => node.data.whose === "library")
        .classed("current", (node) => node.data === current && document.activeElement === holder);
    }

    function choose(wanted) {
      view = wanted;
      const { columns, change } = stacks.views[view];
      for (const frame of frames) frame.value = change ? frame.changed : sum(frame.all, columns);
      if (holder.querySelector("svg")) chart.update(root);
      else chart.width(holder.clientWidth)(d3.select(holder).datum(root));
      mark();
      line.textContent = root.value > 0 ? idle() : "Nothing to show: no seconds differ.";
    }

    function find() {
      term = search.value.trim().toLowerCase();
      mark();
      line.textContent = idle();
    }

    // The library's own search takes a pattern, and passes all it found as arguments of one call: too many for some.
    function mark() {
      const found = [];
      d3.select(holder).datum().each((node) => {
        node.highlight = term !== "" && node.data.name.toLowerCase().includes(term);
        if (node.highlight) found.push(node.data);
      });
      summary = term ? summaryOf(found) : "";
      chart.update();
      settle();
    }

    function summaryOf(found) {
      const matches = new Set(found);
      const outermost = found.filter((frame) => {
        for (let above = frames[frame.parent]; above; above = frames[above.parent]) if (matches.has(above)) return false;
        return true;
      });
      const all = root.all.map((_, column) => d3.sum(outermost, (frame) => frame.all[column]));
      const count = `${found.length.toLocaleString("en")} ${found.length === 1 ? "frame" : "frames"}`;
      return `"${search.value.trim()}": ${found.length ? `${count}, ${shown.figures(all)}` : "no frame"}`;
    }

    function zoom(frame) {
      if (frame.node) chart.zoomTo(frame.node); // calls what onClick was given
    }

    function point(frame) {
      current = frame;
      settle();
      line.textContent = frame === root ? idle() : telling(frame);
      holder.querySelector("g.current")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }

    // The drawn frame that an arrow leads to, itself where there is none.
    function neighbour(key) {
      const among = (list) => list.filter((frame) => frame.node).sort((one, other) => one.node.x0 - other.node.x0);
      if (key === "ArrowUp") return frames[current.parent] ?? current;
      if (key === "ArrowDown") return d3.greatest(among(current.children), (frame) => frame.node.x1 - frame.node.x0) ?? current;
      const row = among(frames[current.parent]?.children ?? [current]);
      return row[row.indexOf(current) + (key === "ArrowLeft" ? -1 : 1)] ?? current;
    }

    holder.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key.startsWith("Arrow")) point(neighbour(event.key));
      else if (event.key === "Home") point(root);
      else if (event.key === "Enter" || event.key === " ") zoom(current);
      else if (event.key === "Escape") zoom(root);
      else return;
      event.preventDefault();
    });
    holder.addEventListener("focus", () => point(current));
    holder.addEventListener("blur", settle);
    figure.querySelector(".reset").addEventListener("click", () => zoom(root));
    search.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(find, SEARCH_PAUSE_MS); });
    for (const radio of figure.querySelectorAll('input[type="radio"]')) {
      radio.addEventListener("change", () => choose(Number(radio.value)));
    }
    new ResizeObserver(() => {
      if (holder.clientWidth === chart.width() || !holder.clientWidth) return;
      chart.width(holder.clientWidth).update();
      settle();
    }).observe(holder);

    holder.hidden = tools.hidden = false; // it needs a width to draw in
    choose(0);
  }

  function depthOf(frames) {
    let most = 0;
    const depths = frames.map(() => 0);
    frames.forEach((frame, at) => {
      if (at) depths[at] = depths[frame.parent] + 1;
      most = Math.max(most, depths[at]);
    });
    return most;
  }

  // The text of the page is there first.
  requestAnimationFrame(() => setTimeout(() => document.querySelectorAll("figure.flame").forEach(draw)));
})();
