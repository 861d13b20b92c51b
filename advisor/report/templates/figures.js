// How figures are written in drawings: as report/words.py writes them in the text.
"use strict";
const figures = {
  digits: (value) => (Math.abs(value) >= 99.95 ? Math.round(value).toLocaleString("en") : value.toPrecision(3)),
  seconds(value) {
    const size = Math.abs(value);
    if (size === 0) return "0 s";
    const [scaled, unit] = size >= 0.9995 ? [size, "s"] : size >= 1e-3 ? [size * 1e3, "ms"] : [size * 1e6, "us"];
    return `${figures.digits(scaled)} ${unit}`;
  },
  percent: (share) => `${(100 * share).toFixed(share !== 0 && Math.abs(share) < 0.01 ? 1 : 0)}%`,
};
