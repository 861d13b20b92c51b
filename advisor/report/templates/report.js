// Copying, the theme and the download. The page is complete without it: every figure stands in it as text.
"use strict";
(() => {
  // Where the clipboard is closed to a page, the text is selected for the reader to copy, or copied by the old command.
  async function copy(text, element) {
    try {
      await navigator.clipboard.writeText(text);
      return "copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(element);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      return document.execCommand("copy") ? "copied" : "selected: copy it with Ctrl+C";
    }
  }

  for (const block of document.querySelectorAll(".snippet")) {
    const [tools, said, code] = [".tools", "[aria-live]", "code"].map((each) => block.querySelector(each));
    tools.hidden = false;
    tools.querySelector("button").addEventListener("click", async () => {
      said.textContent = "";
      said.textContent = await copy(code.textContent, code);
    });
  }

  const theme = document.getElementById("theme");
  theme.closest(".theme").hidden = false;
  theme.addEventListener("change", () => {
    if (theme.value) document.documentElement.dataset.theme = theme.value;
    else delete document.documentElement.dataset.theme;
    document.dispatchEvent(new Event("theme"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("theme")));

  // Lines in closed parts of the page are opened before they are jumped to.
  function reveal() {
    const wanted = location.hash && document.getElementById(location.hash.slice(1));
    for (let at = wanted; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (wanted) wanted.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  // A large advice stands in the page packed (gzip, base64).
  async function adviceText() {
    const advice = JSON.parse(document.getElementById("advice").textContent);
    if (typeof advice.gzip !== "string") return JSON.stringify(advice, null, 2) + "\n";
    const packed = Uint8Array.from(atob(advice.gzip), (char) => char.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  const button = document.getElementById("download");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await adviceText()], { type: "application/json" }));
    link.download = button.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
