"use strict";

// Section 1: the scores of one example are dragged; why dscores is probs, minus 1 at the label.

// The numbers of an example in the model that is shown.
function exampleOf(i) {
  return { x: data.X[i], y: data.y[i], layers: shown.layers };
}

function Picker({ i, choose }) {
  const { X, y } = data;
  return html`<div class="picker">
    ${planar && html`<${Points} chosen=${i} choose=${choose}
      label=${text("one.points", { i, y: y[i] })} />`}
    <div>
      <${Slider} id="example" label=${text("one.example")} min="0" max=${X.length - 1} step="1" value=${i}
        shown=${`i = ${i}`} onInput=${(event) => choose(Number(event.target.value))} />
      <p><${Words} of="one.chosen" i=${i} last=${X.length - 1} y=${y[i]} label=${`${data.names.y}[i]`} /> <${Sign} k=${y[i]} /></p>
      ${planar && html`<p class="quiet"><${Words} of="one.pick" /></p>`}
    </div>
  </div>`;
}

function Row({ k, score, exp, prob, slope, label, extent, drag, mark }) {
  return html`<div class=${`row ${label ? "label" : ""}`} role="group" aria-label=${text("one.class", { k })}>
    <label class="who"><input type="radio" name="label" checked=${label} onChange=${mark} />
      <span><${Sign} k=${k} /> ${text("one.class", { k })}${label && html` <b>${text("one.label")}</b>`}</span></label>
    <${Slider} id=${`score-${k}`} label=${html`<code>scores</code><span class="unseen">[${k}]</span>`} hidden min=${-extent} max=${extent} step="0.1"
      value=${score} shown=${fixed(score, 2)} onInput=${drag} />
    <span class="cell"><code class="what">exp_scores</code><span class="number" data-exp=${k}>${
      exp < 1e5 ? fixed(exp, 2) : short(exp)}</span></span>
    <span class="cell"><code class="what">probs</code><${Bar} value=${prob} />
      <span class="number" data-prob=${k}>${fixed(prob)}</span></span>
    <span class="cell"><code class="what">dscores</code>${slope === null
      ? html`<span class="closed" aria-label=${text("one.closed")}>?</span>`
      : html`<${Bar} value=${slope} signed /><span class="number" data-dscore=${k}>${fixed(slope)}</span>`}</span>
  </div>`;
}

// What raises the label's score, and what lowers the others, are equally long.
function Balance({ slopes, label }) {
  const others = slopes.map((slope, k) => ({ slope, k })).filter(({ k }) => k !== label);
  const widths = (size) => ({ width: `${100 * size}%` });
  return html`<div class="balance">
    <p><${Words} of="one.balance" sum=${fixed(arithmetic.sum(slopes))} /></p>
    <div class="stack" aria-hidden="true"><i class="below" style=${widths(-slopes[label])}>${label}</i></div>
    <div class="stack" aria-hidden="true">${others.map(({ slope, k }) =>
      html`<i class="above" style=${widths(slope)}>${slope > 0.04 && k}</i>`)}</div>
    <p id="balance"><${Words} of="one.sides" up=${fixed(-slopes[label])}
      down=${others.map(({ slope }) => fixed(slope)).join(" + ")} /></p>
  </div>`;
}

function Scores({ i, opened }) {
  const example = exampleOf(i);
  const given = arithmetic.run(example).values.scores[0];
  const [scores, setScores] = useState(given);
  const [label, setLabel] = useState(example.y);
  const exps = scores.map(Math.exp);
  const { probs, log } = arithmetic.softmax(scores);
  const slopes = probs.map((p, k) => (k === label ? p - 1 : p));
  const extent = Math.max(5, ...given.map((score) => Math.ceil(Math.abs(score)) + 1));
  const drag = (k) => (event) => setScores(scores.map((s, j) => (j === k ? Number(event.target.value) : s)));
  const reset = () => {
    setScores(given);
    setLabel(example.y);
  };
  return html`<div class="rows" role="group" aria-label=${text("one.rows")}>
      <div class="row head" aria-hidden="true"><span>${text("one.who")}</span><code>scores</code>
        <code>exp_scores</code><code>probs</code><code>dscores</code></div>
      ${scores.map((score, k) => html`<${Row} k=${k} score=${score} exp=${exps[k]} prob=${probs[k]}
        slope=${opened ? slopes[k] : null} label=${k === label} extent=${extent} drag=${drag(k)}
        mark=${() => setLabel(k)} />`)}
    </div>
    <p class="result" role="status" id="loss"><code>loss = -np.log(probs[${label}])</code> =${" "}
      <strong>${fixed(log - scores[label])}</strong>
    </p>
    <button type="button" onClick=${reset}>${text("one.reset")}</button>
    ${opened && html`<${Balance} slopes=${slopes} label=${label} />
      <p><${Words} of="one.extremes" /></p>`}`;
}

function OneExample({ i, choose }) {
  const [opened, setOpened] = useState(false);
  return html`<section id="one" aria-labelledby="one-title">
    <h2 id="one-title" tabindex="-1">${text("one.title")}</h2>
    <p><${Words} of="one.lead" /></p>
    <pre><code>${`exp_scores = np.exp(scores)
probs = exp_scores / np.sum(exp_scores)
loss = -np.log(probs[${data.names.y}[i]])`}</code></pre>
    <${Picker} i=${i} choose=${choose} />
    <p><${Words} of=${opened ? "one.drag" : "one.predict"} /></p>
    <${Scores} key=${i} i=${i} opened=${opened} />
    <${Question} name="one" right=${1} opened=${() => setOpened(true)} y=${`${data.names.y}[i]`} />
  </section>`;
}
