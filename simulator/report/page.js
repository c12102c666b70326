"use strict";
// Draws each figure in the colours of the theme, and again when that changes: on paper, all is light.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const plots = [...document.querySelectorAll("figure")]
  .filter((figure) => figure.querySelector("script.figure"))
  .map((figure) => {
    const { data, layout } = JSON.parse(figure.querySelector("script.figure").textContent);
    return { place: figure.querySelector(".plot"), data, layout };
  });
const options = { responsive: true, displayModeBar: false, displaylogo: false };

async function paint(theme) {
  for (const plot of plots) {
    await Plotly.newPlot(plot.place, plot.data, plot.layout, options);
    const known = Object.entries(THEMES[theme]).filter(([key]) => key.split(".")[0] in plot.layout);
    await Plotly.relayout(plot.place, Object.fromEntries([["font.color", THEMES[theme]["font.color"]], ...known]));
  }
  document.documentElement.dataset.painted = theme;
}

const now = () => (dark.matches ? "dark" : "light");
dark.addEventListener("change", () => paint(now()));
window.addEventListener("beforeprint", () => paint("light"));
window.addEventListener("afterprint", () => paint(now()));
paint(now());
