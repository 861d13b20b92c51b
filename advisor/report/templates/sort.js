// Sorts a table by the column whose head is pressed: figures by value, the others by letter; what is not known stands
// last either way. A table says with data-first which way the first press sorts. Without scripts its order stands.
"use strict";
(() => {
  function compare(one, other, way) {
    if (one === other) return 0;
    if (one === "") return 1;
    if (other === "") return -1;
    const [left, right] = [Number(one), Number(other)];
    const order = Number.isNaN(left) || Number.isNaN(right) ? one.localeCompare(other, "en", { numeric: true }) : left - right;
    return way * order;
  }

  function sort(table, heading) {
    const [first, second] = table.dataset.first === "descending" ? ["descending", "ascending"] : ["ascending", "descending"];
    const wanted = heading.getAttribute("aria-sort") === first ? second : first;
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", wanted);
    const value = (row) => row.cells[heading.cellIndex].dataset.value ?? row.cells[heading.cellIndex].textContent.trim();
    const rows = [...table.tBodies[0].rows].map((row) => [value(row), row]);
    rows.sort(([one], [other]) => compare(one, other, wanted === "ascending" ? 1 : -1));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, heading));
    }
  }
})();
