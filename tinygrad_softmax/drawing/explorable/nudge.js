"use strict";

// Section 2: any number of the program is changed a little, and the measured slope is compared with
// the gradient of the backward pass.

// The lines of the program: the code, the values that it uses for the first time, and the value it makes.
function linesOf() {
  const lines = shown.names.map(({ W, b }, at) => {
    const after = at ? "2" : "";
    const product = `np.dot(${at ? "hidden" : `${data.names.X}[i]`}, ${W})${b ? ` + ${shown.rows[at] ? `${b}[0]` : b}` : ""}`;
    const last = at === shown.names.length - 1;
    return {
      uses: [...(at ? [] : ["x"]), `W${after}`, ...(b ? [`b${after}`] : [])],
      code: last ? `scores = ${product}` : `hidden = np.maximum(0, ${product})`,
      makes: last ? "scores" : "hidden",
    };
  });
  return [...lines, { uses: [], code: "exp_scores = np.exp(scores)", makes: "exp_scores" },
    { uses: [], code: "probs = exp_scores / np.sum(exp_scores)", makes: "probs" }];
}

// Which layer has a value as its bias, if one has.
const layerOf = (name) => ["b", "b2"].indexOf(name);

// What each value of the program is called on the page.
function called(name) {
  const { W, b } = shown.names[name.endsWith("2") ? 1 : 0];
  return { x: `${data.names.X}[i]`, W, b, W2: W, b2: b }[name] ?? name;
}

function Nudge({ i }) {
  const example = exampleOf(i);
  const { values, loss } = arithmetic.run(example);
  const gradients = arithmetic.slopes(example);
  const [place, setPlace] = useState({ name: "scores", row: 0, column: 0 });
  const [power, setPower] = useState(-3);
  const h = 10 ** power;
  const value = values[place.name][place.row][place.column];
  const slope = gradients[place.name][place.row][place.column];
  const found = arithmetic.measured(example, place, h);
  const single = values[place.name].length === 1;
  const title = layerOf(place.name) >= 0 ? entryOf(called(place.name), layerOf(place.name), place.column)
    : `${called(place.name)}[${single ? place.column : `${place.row}, ${place.column}`}]`;
  // What has to stay positive is drawn only as far as it is.
  const reach = ["exp_scores", "probs"].includes(place.name) ? 0.9 * value : 1;
  const ends = [Math.min(-h, -reach), Math.max(h, reach)];
  const steps = Array.from({ length: 61 }, (_, n) => ends[0] + ((ends[1] - ends[0]) * n) / 60);
  const curve = steps.map((by) => [by, arithmetic.run(example, { ...place, by }).loss]);
  const losses = curve.map((point) => point[1]).filter(Number.isFinite);
  const room = Math.max(0.05, 0.1 * (Math.max(...losses) - Math.min(...losses)));
  const limits = [Math.min(...losses) - room, Math.max(...losses) + room];
  const tangent = steps.map((by) => [by, loss + slope * by])
    .filter(([, y]) => y >= limits[0] && y <= limits[1]);
  const grid = (name) => html`<${Grid} id=${`nudge-${name}`} rows=${values[name]} name=${called(name)}
    entry=${layerOf(name) < 0 ? null : (k) => entryOf(called(name), layerOf(name), k)}
    letters=${values[name].length > 1 ? lettersOf(name) : ["", ""]}
    picked=${place.name === name ? [place.row, place.column] : null}
    pick=${([row, column]) => setPlace({ name, row, column })} />`;
  const defined = Number.isFinite(found.slope);
  const [measured, gradient] = [fixed(found.slope, 6), fixed(slope, 6)];
  const said = !defined ? "nudge.undefined" : measured === gradient ? "nudge.agree" : found.kink ? "nudge.kink" : power > -3 ? "nudge.long"
    : power < -7 ? "nudge.tiny" : "nudge.agree";
  return html`<section id="nudge" aria-labelledby="nudge-title">
    <h2 id="nudge-title" tabindex="-1">${text("nudge.title")}</h2>
    <p><${Words} of="nudge.lead" /></p>
    <div class="two">
      <div class="values">
        <p><${Words} of="nudge.pick" i=${i} y=${data.y[i]} /></p>
        ${linesOf().map(({ uses, code, makes }) => html`${uses.map(grid)}
          <pre><code>${code}</code></pre>${grid(makes)}`)}
        <pre><code>loss = -np.log(probs[${data.y[i]}])</code></pre>
        <p><code>loss</code> = ${fixed(loss, 6)}</p>
      </div>
      <div class="outcome">
        <h3><code>${title}</code> = ${short(value)}</h3>
        <${Slider} id="h" label=${text("nudge.h")} min="-10" max="0" step="1" value=${power}
          shown=${`h = ${power > -4 ? h : `1e${minus(String(power))}`}`}
          onInput=${(event) => setPower(Number(event.target.value))} />
        <table class="plain"><tbody>
          <tr><th scope="row"><${Words} of="nudge.high" /></th><td>${fixed(found.high, 10)}</td></tr>
          <tr><th scope="row"><${Words} of="nudge.low" /></th><td>${fixed(found.low, 10)}</td></tr>
          <tr class="main"><th scope="row"><${Words} of="nudge.measured" /></th>
            <td id="measured">${fixed(found.slope, 10)}</td></tr>
          <tr class="main"><th scope="row"><${Words} of="nudge.gradient" /></th>
            <td id="gradient">${fixed(slope, 10)}</td></tr>
          <tr><th scope="row"><${Words} of="nudge.difference" /></th>
            <td>${defined ? minus(Math.abs(found.slope - slope).toExponential(1)) : "—"}</td></tr>
        </tbody></table>
        <${Chart} xs=${ends} ends=${limits} note=${(v) => fixed(v, 2)} height="12"
          lines=${[{ points: curve, kind: "curve" }, { points: tangent, kind: "tangent" }]}
          marks=${[{ x: -h, y: found.low, kind: "end" }, { x: h, y: found.high, kind: "end" }]}
          label=${text("nudge.chart", { name: title, slope: fixed(slope) })} />
        <p class="quiet"><${Words} of="nudge.legend" name=${title} /></p>
        ${place.name === "probs" && html`<p><${Words} of="nudge.probs" /></p>`}
      </div>
    </div>
    <p role="status" class="result sticky" id="nudge-said"><${Words} of=${said} name=${title}
      measured=${measured} gradient=${gradient} /></p>
  </section>`;
}

// The letters of a matrix's rows and columns; a hidden unit is j.
function lettersOf(name) {
  const network = shown.layers.length > 1;
  return name.endsWith("2") ? ["j", "k"] : ["d", network ? "j" : "k"];
}
