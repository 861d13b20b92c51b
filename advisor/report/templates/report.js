// Offers the embedded advice file for download; the page is complete without it.
const button = document.getElementById("download");
const advice = JSON.parse(document.getElementById("advice").textContent);
button.hidden = false;
button.addEventListener("click", () => {
  const link = document.createElement("a");
  const text = JSON.stringify(advice, null, 2) + "\n";
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = button.dataset.name;
  link.click();
  URL.revokeObjectURL(link.href);
});
