"use strict";

// Steps through the backward pass. All text comes from the data and is put in as text, never as
// HTML. At step 0 the loss has been computed; at step k its gradient has arrived at box k - 1.
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const frame = document.querySelector(".scroll");
const drawn = frame.querySelector("svg");
const size = drawn.viewBox.baseVal;
const boxes = [...frame.querySelectorAll(".box")]; // with copies
const links = [...frame.querySelectorAll(".link")];
const lines = [...document.querySelectorAll("[data-line]")];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const narrow = matchMedia("(max-width: 52rem)");
const boxOf = (i) => frame.querySelector(`.box[tabindex][data-box="${i}"]`);
const framed = location.protocol === "about:"; // in a notebook, where a step has no address
const PACE = 3000; // milliseconds a step, while it plays
let step = 0;
let chosen = 0;
let zoom = null; // as wide as there is room, until it is set
let timer = null;

function make(tag, parent, text = "", name = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  mark(element, text);
  parent.append(element);
  return element;
}

// Puts text into an element, with what stands between backticks as code.
function mark(element, text) {
  element.textContent = "";
  text.split("`").forEach((part, i) => {
    if (i % 2 === 0) return element.append(part);
    const code = document.createElement("code");
    code.textContent = part;
    element.append(code);
  });
}

function code(parent, text) {
  make("pre", parent).textContent = text;
}

// --- the numbers of a box ---

// What may have to be scrolled can be reached by the keyboard.
function wide(parent) {
  const frame = make("div", parent, "", "wide");
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Entries");
  return frame;
}

function table(parent, rows) {
  const body = make("tbody", make("table", wide(parent)));
  for (const row of rows) {
    const line = make("tr", body);
    for (const entry of row) make("td", line).textContent = entry;
  }
}

// Of one sign: faint to full in one colour. Else two colours meet at 0, where they fade.
function heatMap(parent, summary, label) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name, share) => `rgba(${style.getPropertyValue(name).trim()}, ${share})`;
  const both = summary.scale.length === 3;
  const shade = (share) => share === null ? style.getPropertyValue("--none").trim()
    : both ? colour(share < 0 ? "--below" : "--above", Math.abs(share) / 100)
      : colour("--only", 0.04 + 0.96 * share / 100);
  const cells = summary.heat;
  const heat = make("div", parent, "", "heat");
  if (summary.groups.length && summary.groups.length <= 12) { // more have no room
    const groups = make("div", heat, "", "groups");
    for (const [name, rows] of summary.groups) make("span", groups, name).style.flexGrow = rows;
  }
  const canvas = make("canvas", heat);
  canvas.width = cells[0].length;
  canvas.height = cells.length;
  canvas.style.height = `${Math.min(240, Math.max(18, cells.length * 9))}px`;
  canvas.style.width = `${Math.min(24, cells[0].length * 2.4)}rem`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Heat map of ${label}: ${summary.text}. ${summary.note}`);
  const brush = canvas.getContext("2d");
  cells.forEach((row, y) => row.forEach((share, x) => {
    brush.fillStyle = shade(share);
    brush.fillRect(x, y, 1, 1);
  }));
  const scale = make("p", parent, "", "scale");
  summary.scale.forEach((text, k) => {
    if (k) make("i", scale).style.background = `linear-gradient(90deg, ${
      both ? [shade(-100 * (2 - k)), shade(100 * (k - 1))] : [shade(0), shade(100)]})`;
    make("span", scale, text);
  });
}

function shown(parent, summary, label) {
  if (summary === null) {
    make("p", parent, "Not shown: the tape keeps only what the gradients need, and no variable " +
      "holds this value.");
    return;
  }
  make("p", parent, summary.text);
  if (summary.table.length > 1 || (summary.table.length && summary.table[0].length > 1)) {
    table(parent, summary.table);
  }
  if (summary.heat.length) heatMap(parent, summary, label);
  if (summary.note) make("p", parent, summary.note, "kind");
}

// --- the panel ---

function arrival(parent, one) {
  const lead = make("p", parent, "From ");
  const button = make("button", lead, `\`${one.name}\``, "link-to");
  button.type = "button";
  button.addEventListener("click", () => choose(one.source));
  lead.append(one.uses > 1 ? `, which uses it ${one.uses} times (each passes back the same): ` : ": ");
  mark(make("span", lead), one.sentence);
  if (one.formula) code(parent, one.formula);
}

function derived(parent, line) {
  make("h3", parent, "In the derivation, simplified");
  code(parent, line.code);
  if (line.parts.length) {
    make("p", parent, "It is the sum of:");
    const list = make("ul", parent);
    for (const text of line.parts) make("li", list, text[0].toUpperCase() + text.slice(1));
  }
  if (line.sentences.length) make("p", parent, line.sentences.join(" "));
}

function tell(i) {
  const panel = find("panel");
  const box = data.boxes[i];
  panel.textContent = "";
  make("h2", panel).append(box.name);
  make("p", panel, `${box.kind[0].toUpperCase()}${box.kind.slice(1)}. Shape: ${box.shape}` +
    (box.op ? `, made by \`${box.op}\`.` : "."), "kind");
  if (box.definition && box.definition !== box.name) code(panel, `${box.name} = ${box.definition}`);
  make("h3", panel, "Value");
  shown(panel, box.value, box.name);
  if (!box.gradient) make("p", panel, "It is given, and needs no gradient.");
  if (!box.gradient || i >= step) return;
  make("h3", panel, `Gradient, called \`${box.gradient}\``);
  shown(panel, box.slope, box.gradient);
  make("h3", panel, "Why");
  if (box.lead) make("p", panel, box.lead);
  for (const one of box.arrivals) arrival(panel, one);
  if (box.line) derived(panel, box.line);
}

// --- the picture ---

function paint() {
  for (const box of boxes) {
    const i = Number(box.dataset.box);
    box.classList.toggle("arrived", i < step);
    box.classList.toggle("here", i === chosen);
    if (box.tabIndex === 0) box.setAttribute("aria-pressed", String(i === chosen));
  }
  for (const link of links) {
    const to = Number(link.dataset.from);
    link.classList.toggle("arrived", to < step);
    link.classList.toggle("now", to === step - 1 && to === chosen);
  }
  lines.forEach((line, k) => {
    const lit = data.boxes[chosen].places.includes(k);
    line.classList.toggle("lit", lit);
    if (lit) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  });
  find("first").setAttribute("aria-disabled", String(step === 0));
  find("back").setAttribute("aria-disabled", String(step === 0));
  find("next").setAttribute("aria-disabled", String(step === data.steps));
  find("link").href = `#step=${step}`;
  tell(chosen);
}

// Brings the middle of something into the middle of what scrolls around it.
function centre(outer, inner) {
  if (!outer || !inner) return;
  const [a, b] = [outer.getBoundingClientRect(), inner.getBoundingClientRect()];
  outer.scrollBy({
    left: b.width < a.width ? b.left + b.width / 2 - a.left - a.width / 2 : 0,
    top: b.top + b.height / 2 - a.top - a.height / 2,
    behavior: calm.matches ? "auto" : "smooth",
  });
}

function reveal() {
  centre(frame, boxOf(chosen));
  centre(find("source"), document.querySelector(".lit"));
}

function rescale() {
  const wide = frame.clientWidth / size.width;
  const whole = Math.min(wide, frame.clientHeight / size.height);
  const fits = find("fit").getAttribute("aria-pressed") === "true";
  const scale = fits ? Math.min(1, whole) : zoom ?? Math.max(narrow.matches ? 0.4 : 0.75, Math.min(1, wide));
  drawn.style.width = `${Math.floor(size.width * scale)}px`;
  drawn.style.height = `${Math.floor(size.height * scale)}px`;
}

function rezoom(by) {
  zoom = by && Math.max(0.1, Math.min(4, by * drawn.clientWidth / size.width));
  find("fit").setAttribute("aria-pressed", "false");
  rescale();
  reveal();
}

// --- moving ---

function go(to, kept = false) {
  const moved = Math.max(0, Math.min(data.steps, to));
  if (moved === step && chosen === Math.max(0, step - 1)) return;
  step = moved;
  chosen = Math.max(0, step - 1);
  mark(find("said"), data.said[step]);
  const focused = document.activeElement.closest(".box");
  paint();
  reveal();
  if (focused) boxOf(chosen).focus({ preventScroll: true });
  if (!kept && !framed) history.replaceState(null, "", `#step=${step}`);
}

function choose(i) {
  pause();
  if (i < data.steps) return go(i + 1);
  chosen = i;
  mark(find("said"), `\`${data.boxes[i].name}\` is given, and needs no gradient.`);
  paint();
  reveal();
}

function play() {
  if (timer !== null) return pause();
  if (step === data.steps) go(0);
  find("play").textContent = "Pause";
  timer = setInterval(() => {
    go(step + 1);
    if (step === data.steps) pause();
  }, PACE);
  go(step + 1);
}

function pause() {
  clearInterval(timer);
  timer = null;
  find("play").textContent = "Play";
}

function byHand(to) {
  pause();
  if (narrow.matches) frame.scrollIntoView({ block: "start" });
  go(to);
}

function fromAddress() {
  const found = /^#step=(\d+)$/.exec(location.hash);
  if (found) go(Number(found[1]), true);
}

for (const box of boxes) {
  if (!box.classList.contains("again")) box.setAttribute("role", "button");
  box.addEventListener("click", () => choose(Number(box.dataset.box)));
}
find("first").addEventListener("click", () => byHand(0));
find("back").addEventListener("click", () => byHand(step - 1));
find("next").addEventListener("click", () => byHand(step + 1));
find("play").addEventListener("click", play);
find("in").addEventListener("click", () => rezoom(1.25));
find("out").addEventListener("click", () => rezoom(0.8));
find("fit").addEventListener("click", (event) => {
  const fits = event.currentTarget.getAttribute("aria-pressed") === "true";
  rezoom(null);
  event.currentTarget.setAttribute("aria-pressed", String(!fits));
  rescale();
  reveal();
});
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const box = event.target.closest(".box");
  if (event.key === "ArrowRight") byHand(step + 1);
  else if (event.key === "ArrowLeft") byHand(step - 1);
  else if (box && (event.key === "Enter" || event.key === " ")) choose(Number(box.dataset.box));
  else return;
  event.preventDefault();
});
find("link").hidden = framed;
addEventListener("hashchange", () => { pause(); fromAddress(); });
addEventListener("resize", rescale);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
rescale();
paint();
reveal();
fromAddress();
