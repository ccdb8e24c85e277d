"use strict";

// Steps through the backward pass. All text comes from the data and is put in as text, never as
// HTML. Step 0 is the picture as it is; at step k the gradient has arrived at box k - 1.
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const graph = document.querySelector(".graph");
const boxes = [...graph.querySelectorAll(".box")]; // with copies
const links = [...graph.querySelectorAll(".link")];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const narrow = matchMedia("(max-width: 52rem)");
const start = find("said").textContent;
const boxOf = (i) => graph.querySelector(`.box[tabindex][data-box="${i}"]`);
let step = 0;
let chosen = null;

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
  const block = make("pre", parent);
  block.textContent = text;
}

function table(parent, rows) {
  const scroll = make("div", parent, "", "scroll");
  const body = make("tbody", make("table", scroll));
  for (const row of rows) {
    const line = make("tr", body);
    for (const entry of row) make("td", line).textContent = entry;
  }
}

function heatMap(parent, summary, label) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const canvas = make("canvas", parent);
  const cells = summary.heat;
  canvas.width = cells[0].length;
  canvas.height = cells.length;
  canvas.style.height = `${Math.min(240, Math.max(18, cells.length * 9))}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Heat map of ${label}: ${summary.text}`);
  const brush = canvas.getContext("2d");
  cells.forEach((row, y) => row.forEach((share, x) => {
    brush.fillStyle = share === null ? colour("--none")
      : `rgba(${colour(share < 0 ? "--low" : "--high")}, ${Math.abs(share) / 100})`;
    brush.fillRect(x, y, 1, 1);
  }));
  const scale = make("p", parent, "", "scale");
  for (const text of ["blue: below 0", "faint: near 0", "orange: above 0"]) make("span", scale, text);
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
  } else if (summary.heat.length) {
    heatMap(parent, summary, label);
  }
  if (summary.note) make("p", parent, summary.note, "kind");
}

function arrival(parent, one) {
  const lead = make("p", parent, "From ");
  const button = make("button", lead, `\`${one.name}\``, "link-to");
  button.type = "button";
  button.addEventListener("click", () => choose(one.source));
  lead.append(one.uses > 1 ? `, which uses it ${one.uses} times (each passes back the same): ` : ": ");
  const sentence = make("span", lead);
  mark(sentence, one.sentence);
  if (one.formula) code(parent, one.formula);
}

function derived(parent, line) {
  make("h3", parent, "In the derivation, simplified");
  code(parent, line.code);
  if (line.parts.length) {
    make("p", parent, "It is the sum of:");
    const list = make("ul", parent);
    for (const text of line.parts) make("li", list, text);
  }
  if (line.sentences.length) make("p", parent, line.sentences.join(" "));
}

function tell(i) {
  const panel = find("panel");
  panel.textContent = "";
  if (i === null) return;
  const box = data.boxes[i];
  make("h2", panel).append(box.name);
  make("p", panel, `${box.kind[0].toUpperCase()}${box.kind.slice(1)}. Shape: ${box.shape}` +
    (box.op ? `, made by \`${box.op}\`.` : "."), "kind");
  if (box.definition && box.definition !== box.name) code(panel, `${box.name} = ${box.definition}`);
  make("h3", panel, "Value");
  shown(panel, box.value, box.name);
  if (!box.gradient) {
    make("p", panel, "No gradient comes here: it is given, and nobody wants to change it.");
    return;
  }
  make("h3", panel, `Gradient, called \`${box.gradient}\``);
  shown(panel, box.slope, box.gradient);
  make("h3", panel, "Why");
  if (box.lead) make("p", panel, box.lead);
  for (const one of box.arrivals) arrival(panel, one);
  if (box.line) derived(panel, box.line);
}

function paint() {
  const here = step - 1;
  for (const box of boxes) {
    const i = Number(box.dataset.box);
    box.classList.toggle("arrived", i < step);
    box.classList.toggle("here", i === chosen);
    if (box.tabIndex === 0) box.setAttribute("aria-pressed", String(i === chosen));
  }
  for (const link of links) {
    const to = Number(link.dataset.from);
    link.classList.toggle("arrived", to < step);
    link.classList.toggle("now", to === here && here === chosen);
  }
  find("first").setAttribute("aria-disabled", String(step === 0));
  find("back").setAttribute("aria-disabled", String(step === 0));
  find("next").setAttribute("aria-disabled", String(step === data.steps));
  tell(chosen);
}

function reveal(i) {
  if (narrow.matches) graph.scrollIntoView({ block: "start" });
  const frame = graph.getBoundingClientRect();
  const box = boxOf(i).getBoundingClientRect();
  const by = (low, size, from, room) => low + size / 2 - from - room / 2;
  graph.scrollBy({
    left: by(box.left, box.width, frame.left, frame.width),
    top: by(box.top, box.height, frame.top, frame.height),
    behavior: calm.matches ? "auto" : "smooth",
  });
}

function go(to) {
  const moved = Math.max(0, Math.min(data.steps, to));
  if (moved === step && chosen === (step ? step - 1 : null)) return;
  step = moved;
  chosen = step ? step - 1 : null;
  mark(find("said"), step ? data.boxes[chosen].said : start);
  const focused = document.activeElement.closest(".box");
  paint();
  if (chosen === null) return;
  reveal(chosen);
  if (focused) boxOf(chosen).focus({ preventScroll: true });
}

function choose(i) {
  if (i < data.steps) return go(i + 1);
  chosen = i;
  mark(find("said"), `\`${data.boxes[i].name}\` is given. No gradient comes here.`);
  paint();
}

for (const box of boxes) {
  if (!box.classList.contains("again")) box.setAttribute("role", "button");
  box.addEventListener("click", () => choose(Number(box.dataset.box)));
}
find("first").addEventListener("click", () => go(0));
find("back").addEventListener("click", () => go(step - 1));
find("next").addEventListener("click", () => go(step + 1));
find("fit").addEventListener("click", (event) => {
  const fits = graph.classList.toggle("fit");
  event.currentTarget.setAttribute("aria-pressed", String(fits));
  if (chosen !== null) reveal(chosen);
});
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const box = event.target.closest(".box");
  if (event.key === "ArrowRight") go(step + 1);
  else if (event.key === "ArrowLeft") go(step - 1);
  else if (box && (event.key === "Enter" || event.key === " ")) choose(Number(box.dataset.box));
  else return;
  event.preventDefault();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
paint();
