"use strict";

// The examples as points of the plane, each class with a colour and a shape of its own. Only examples
// with two features are drawn.
const planar = data.X[0].length === 2;
const classes = shown.layers.at(-1).W[0].map((_, k) => k);

const plane = (() => {
  if (!planar) return null;
  const axis = (d) => {
    const all = data.X.map((x) => x[d]);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const room = 0.08 * (high - low) || 1;
    return { low: low - room, span: high - low + 2 * room };
  };
  const axes = [axis(0), axis(1)];
  return {
    place: (x) => [(100 * (x[0] - axes[0].low)) / axes[0].span,
      100 - (100 * (x[1] - axes[1].low)) / axes[1].span],
    at: (u, v) => [axes[0].low + axes[0].span * u, axes[1].low + axes[1].span * (1 - v)],
  };
})();

// Outlines around 0, about as large as a circle of radius 1.
const shapes = [
  "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z", "M-.9 -.9H.9V.9H-.9Z", "M0 -1.15L1.1 .85H-1.1Z",
  "M0 -1.25L1.25 0L0 1.25L-1.25 0Z", "M0 1.15L1.1 -.85H-1.1Z",
];

function Shape({ k, x = 0, y = 0, size = 1.3, chosen = false }) {
  return html`<path d=${shapes[k % shapes.length]} class=${`point class-${k} ${chosen ? "chosen" : ""}`}
    transform=${`translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${size})`} />`;
}

// The sign of a class in a line of text.
const Sign = ({ k }) => html`<svg class="sign" viewBox="-2 -2 4 4" aria-hidden="true">
  <${Shape} k=${k} /></svg>`;

function Points({ chosen = null, choose = null, label }) {
  const points = useMemo(() => data.X.map((x, i) => {
    const [u, v] = plane.place(x);
    return html`<${Shape} k=${data.y[i]} x=${u} y=${v} />`;
  }), []);
  // The nearest point to where the picture is clicked; the keyboard has the slider beside it.
  const click = choose && ((event) => {
    const frame = event.currentTarget.getBoundingClientRect();
    const u = (100 * (event.clientX - frame.left)) / frame.width;
    const v = (100 * (event.clientY - frame.top)) / frame.height;
    const far = data.X.map((x) => Math.hypot(plane.place(x)[0] - u, plane.place(x)[1] - v));
    choose(far.indexOf(Math.min(...far)));
  });
  const [u, v] = chosen === null ? [0, 0] : plane.place(data.X[chosen]);
  return html`<svg class=${`points ${choose ? "pick" : ""}`} viewBox="0 0 100 100" onClick=${click}
    role=${label ? "img" : "presentation"} aria-label=${label} preserveAspectRatio="none">${points}
    ${chosen !== null && html`<${Shape} k=${data.y[chosen]} x=${u} y=${v} size="2.6" chosen />`}</svg>`;
}
