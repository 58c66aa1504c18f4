"use strict";
// The page is complete without this: it adds a theme switch, values under the pointer and a flame view that widens.
const root = document.documentElement;
const tip = document.getElementById("tip");

const button = document.getElementById("theme");
const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
function setTheme(theme) {
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  button.textContent = isDark() ? "Light" : "Dark";
}
setTheme(new URLSearchParams(location.search).get("theme"));
button.hidden = false;
button.addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));

// The same words as units.py.
function written(value, kind) {
  const short = (number) => Number(number.toPrecision(3)).toLocaleString("en");
  if (kind === "percent") return `${short(value)} %`;
  if (kind === "share") return `${short(100 * value)} %`;
  if (kind === "step") return Math.round(value).toLocaleString("en");
  if (kind === "elapsed") {
    if (value < 120) return `${Math.round(value)} s`;
    const minutes = Math.round(value / 60);
    return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
  }
  const scales = { seconds: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]], rate: [[1e9, "GB/s"], [1e6, "MB/s"], [1e3, "kB/s"], [1, "B/s"]] };
  const scale = (scales[kind] || [[0, ""]]).find(([size]) => Math.abs(value) >= size);
  return scale ? `${short(value / (scale[0] || 1))} ${scale[1]}`.trim() : short(value);
}

function showTip(lines, event) {
  tip.textContent = lines;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(event.clientX + 14, innerWidth - box.width - 6))}px`;
  tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18}px`;
}

// Lines: the values of every line nearest to the pointer, read back from the points that draw it.
for (const chart of document.querySelectorAll("svg.chart")) {
  const lines = [...chart.querySelectorAll("polyline[data-label]:not(.faint)")].map((line) => ({
    label: line.dataset.label,
    points: line.getAttribute("points").split(" ").map((pair) => pair.split(",").map(Number)),
  }));
  if (!lines.length) continue;
  const [xLow, xHigh, yLow, yHigh] = chart.dataset.frame.split(" ").map(Number);
  const height = Number(chart.querySelector(".plot").getAttribute("height"));
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", 18);
  cursor.setAttribute("y2", 18 + height);
  chart.append(cursor);
  const hide = () => { tip.hidden = true; cursor.setAttribute("visibility", "hidden"); };
  hide();
  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const x = 1000 * (event.clientX - box.left) / box.width;
    const nearest = lines.map(({ label, points }) => [label, points.reduce((best, point) =>
      Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best)]);
    const at = nearest[0][1][0];
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("x1", `${at / 10}%`);
    cursor.setAttribute("x2", `${at / 10}%`);
    const value = (y) => written(yHigh - (y / height) * (yHigh - yLow), chart.dataset.y);
    showTip([written(xLow + (at / 1000) * (xHigh - xLow), chart.dataset.x),
      ...nearest.map(([label, point]) => `${label}: ${value(point[1])}`)].join("\n"), event);
  });
  chart.addEventListener("pointerleave", hide);
}

// Everything that has a title of its own says it at once, also on a touch screen.
document.addEventListener("pointerover", (event) => {
  const shape = event.target.closest(".bar, .part, .box, .event");
  const title = shape && shape.querySelector("title");
  if (title) showTip(title.textContent, event);
  else if (!event.target.closest("svg.chart")) tip.hidden = true;
});

// Flame view: a box fills the width when selected; the lowest one brings the whole back.
for (const flame of document.querySelectorAll("svg.flame")) {
  const boxes = [...flame.querySelectorAll(".box")].map((box) => ({
    box, x: parseFloat(box.getAttribute("x")), width: parseFloat(box.getAttribute("width")),
  }));
  flame.addEventListener("click", (event) => {
    const chosen = boxes.find(({ box }) => box === event.target.closest(".box"));
    if (!chosen) return;
    for (const { box, x, width } of boxes) {
      const left = Math.max(x, chosen.x), right = Math.min(x + width, chosen.x + chosen.width);
      box.setAttribute("visibility", right - left > 1e-6 ? "visible" : "hidden");
      box.setAttribute("x", `${100 * (left - chosen.x) / chosen.width}%`);
      box.setAttribute("width", `${Math.max(0, 100 * (right - left) / chosen.width)}%`);
    }
  });
}

// For whoever takes a picture of the whole page.
root.dataset.height = root.scrollHeight;
