"use strict";

// What all sections are made of: words, numbers, questions, sliders, bars and tables of numbers.
const { h, render } = preact;
const { useState, useEffect, useMemo, useRef } = preactHooks;
const html = htm.bind(h);
const data = JSON.parse(document.getElementById("data").textContent);
const strings = JSON.parse(document.getElementById("strings").textContent);
const shown = data.models[data.shown]; // by sections 1 to 3
const inFrame = location.protocol === "about:"; // in a notebook, where a page has no address

// --- words ---

// The address says the language (#lang=zh) and, in a link, the section (#at=step).
const address = () => new URLSearchParams(location.hash.slice(1));
let language = address().get("lang") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
if (!(language in strings)) language = "en";

// "{n}" is filled in; "{n|# example|# examples}" is the first of these if n is 1, and else the second.
function text(key, values = {}) {
  const found = strings[language][key];
  if (found === undefined) throw new Error(`no text called ${key}`);
  return found.replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (_, name, one, many) => {
    if (!(name in values)) throw new Error(`${key} needs ${name}`);
    if (one === undefined) return values[name];
    return (values[name] === 1 ? one : many).replace("#", values[name]);
  });
}

// A text with what stands between backticks as code, and between double asterisks as strong (a power has spaces).
function Words({ of, ...values }) {
  const coded = (written) => written.split("`").map((part, n) => (n % 2 ? html`<code>${part}</code>` : part));
  return text(of, values).split(/\*\*(?=\S)(.*?\S)\*\*/).map((part, n) =>
    (n % 2 ? html`<strong>${coded(part)}</strong>` : coded(part)));
}

// --- code ---

// An entry of a bias, or of its gradient: one of the shape (1, K) has two indices.
const entryOf = (name, at, k) => `${name}[${shown.rows[at] ? "0, " : ""}${k}]`;

// What the loss adds to the mean over the examples.
function penalty({ names }) {
  const squares = names.map(({ W }) => `np.sum(${W} ** 2)`);
  return `0.5 * reg * ${squares.length > 1 ? `(${squares.join(" + ")})` : squares[0]}`;
}

const backwardBias = (at, name, dscores) =>
  `d${name} = np.sum(${dscores}, axis=0${shown.rows[at] ? ", keepdims=True" : ""})`;

// --- numbers ---

const minus = (written) => written.replaceAll("-", "−");

// With a fixed number of decimals, or as many digits if it is huge; what rounds to 0 has no sign.
function fixed(value, digits = 3) {
  if (!Number.isFinite(value)) return minus(String(value));
  if (Math.abs(value) >= 1e6) return minus(value.toExponential(digits));
  const written = value.toFixed(digits);
  return Number(written) === 0 ? written.replace("-", "") : minus(written);
}

// With four significant digits, whatever the size; as NumPy writes it.
function short(value) {
  if (value === 0 || !Number.isFinite(value)) return minus(String(value || 0 * value));
  const size = Math.abs(value);
  return minus(size >= 1e5 || size < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(4))));
}

// Short enough for the end of an axis.
function rough(value) {
  const size = Math.abs(value);
  return value === 0 ? "0" : minus(size >= 1e4 || size < 1e-3 ? value.toExponential(1)
    : String(Number(value.toPrecision(3))));
}

// --- controls ---

function Slider({ id, label, shown, hidden = false, ...rest }) {
  return html`<div class="slider">
    <label for=${id} class=${hidden ? "unseen" : ""}>${label}</label>
    <input type="range" id=${id} aria-valuetext=${shown} ...${rest} />
    <output for=${id}>${shown}</output>
  </div>`;
}

// The reader chooses before the answer opens: `opened` is called at the first check.
function Question({ name, right, opened, ...values }) {
  const [chosen, setChosen] = useState(null);
  const [checked, setChecked] = useState(null);
  const check = (event) => {
    event.preventDefault();
    if (chosen === null) return;
    setChecked(chosen);
    opened();
  };
  return html`<form class="question" onSubmit=${check}>
    <fieldset>
      <legend id=${`${name}-question`} tabindex="-1"><${Words} of=${`${name}.question`} ...${values} /></legend>
      ${[0, 1, 2, 3].map((n) => html`<label class="option">
        <input type="radio" name=${name} value=${n} checked=${chosen === n}
          onChange=${() => setChosen(n)} />
        <span><${Words} of=${`${name}.${n}`} ...${values} /></span></label>`)}
    </fieldset>
    <button type="submit" aria-disabled=${chosen === null ? "true" : "false"}>${text("check")}</button>
    <div role="status" class="feedback">${checked !== null && html`
      <p class=${checked === right ? "right" : "wrong"}>
        <strong>${text(checked === right ? "right" : "wrong")}</strong><${Words} of=${`${name}.${checked}.why`} ...${values} /></p>
      ${checked !== right && html`<p><${Words} of=${`${name}.again`} ...${values} /></p>`}`}
    </div>
  </form>`;
}

// A bar from 0, of a value between 0 and 1, or between -1 and 1 if it has a sign.
function Bar({ value, signed = false, kind = "" }) {
  const size = Math.min(1, Math.abs(value)) * (signed ? 50 : 100);
  const start = signed ? (value < 0 ? 50 - size : 50) : 0;
  const sign = signed ? (value < 0 ? "below" : "above") : "";
  return html`<span class=${`bar ${signed ? "signed" : ""}`} aria-hidden="true">
    <i class=${`${sign} ${kind}`} style=${{ left: `${start}%`, width: `${size}%` }}></i></span>`;
}

// A table of numbers that can be picked. Tab enters it once; arrow keys move within it. `eager` picks
// what the pointer or the focus is on.
function Grid({ id, rows, picked, pick, name, letters = ["", ""], entry = null, eager = false }) {
  const table = useRef();
  const [row, column] = picked ?? [0, 0];
  const go = (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    const from = event.target.dataset;
    if (!move || !from.row) return;
    event.preventDefault();
    const [to, at] = [Number(from.row) + move[0], Number(from.column) + move[1]];
    table.current.querySelector(`[data-row="${to}"][data-column="${at}"]`)?.focus();
  };
  // What is picked first can be seen, without scrolling the page.
  useEffect(() => {
    const [box, cell] = [table.current.parentElement, table.current.querySelector("[aria-pressed=true]")];
    if (!cell) return;
    const [outer, inner] = [box.getBoundingClientRect(), cell.getBoundingClientRect()];
    box.scrollLeft += (inner.left + inner.right - outer.left - outer.right) / 2;
    box.scrollTop += (inner.top + inner.bottom - outer.top - outer.bottom) / 2;
  }, [rows.length, rows[0].length]);
  const single = rows.length === 1;
  return html`<div class="wide"><table class="grid" id=${id} ref=${table} onKeyDown=${go}>
    <caption><code>${name}</code></caption>
    ${letters[1] && html`<thead><tr>${!single && html`<td></td>`}
      ${rows[0].map((_, c) => html`<th scope="col">${letters[1]} = ${c}</th>`)}</tr></thead>`}
    <tbody>${rows.map((values, r) => html`<tr>
      ${!single && html`<th scope="row">${letters[0]} = ${r}</th>`}
      ${values.map((value, c) => {
        const choose = () => pick([r, c]);
        const here = picked !== null && r === row && c === column;
        return html`<td><button type="button" data-row=${r} data-column=${c} aria-pressed=${String(here)}
          tabindex=${r === row && c === column ? 0 : -1}
          aria-label=${`${entry ? entry(c) : `${name}[${single ? c : `${r}, ${c}`}]`} = ${short(value)}`} onClick=${choose}
          onFocus=${eager && choose} onMouseEnter=${eager && choose}>${short(value)}</button></td>`;
      })}</tr>`)}
    </tbody></table></div>`;
}

// --- charts ---

// A chart of lines, with the least and the largest value written beside it. `lines` are
// {points, kind}; `marks` are {x, y, kind}.
function Chart({ lines, marks = [], label, xs, height = 9, note = rough, ends = null }) {
  const all = lines.flatMap(({ points }) => points).concat(marks.map(({ x, y }) => [x, y]))
    .filter(([, y]) => Number.isFinite(y));
  const [low, high] = ends ?? [Math.min(...all.map((p) => p[1])), Math.max(...all.map((p) => p[1]))];
  const span = high - low || 1;
  const place = ([x, y]) => [
    (100 * (x - xs[0])) / (xs[1] - xs[0] || 1), 100 - 100 * ((y - low) / span)]; // in this order: a loss that diverges is huge
  const path = (points) => points.filter(([, y]) => Number.isFinite(y))
    .map((point, n) => `${n ? "L" : "M"}${place(point).map((v) => v.toFixed(3)).join(" ")}`).join("");
  return html`<div class="chart" style=${{ height: `${height}rem` }}>
    <div class="ends" aria-hidden="true"><span>${note(high)}</span><span>${note(low)}</span></div>
    <div class="plot">
    <svg role="img" aria-label=${label} viewBox="0 0 100 100" preserveAspectRatio="none">
      ${low < 0 && high > 0 && html`<path class="zero" d=${path([[xs[0], 0], [xs[1], 0]])} />`}
      ${lines.map(({ points, kind }) => html`<path class=${kind} d=${path(points)} />`)}
    </svg>
    ${marks.map(({ x, y, kind }) => Number.isFinite(y) && html`<i class=${`dot ${kind}`}
      aria-hidden="true" style=${{ left: `${place([x, y])[0]}%`, top: `${place([x, y])[1]}%` }}></i>`)}
    </div>
  </div>`;
}
