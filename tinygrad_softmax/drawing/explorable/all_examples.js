"use strict";

// Section 3: the gradient of one weight is a sum over the examples; so is that of a bias, with factor 1.
const LISTED = 20; // rows of the table of pieces

// The pieces of one entry of a gradient, as bars by example, their running total, and sums by class.
function Pieces({ id, factors, slopes, product, factor, slope }) {
  const pieces = slopes.map((value, i) => factors[i] * value);
  let total = 0;
  const running = pieces.map((piece, i) => [i + 1, (total += piece)]);
  const n = pieces.length;
  const largest = Math.max(...pieces.map(Math.abs)) || 1;
  const bars = classes.map((k) => pieces.map((piece, i) => (data.y[i] !== k ? "" :
    `M${i + 0.5} 0V${(-piece / largest).toFixed(4)}`)).join(""));
  return html`<div class="pieces" id=${id}>
    <h4><${Words} of="all.bars" product=${product} /></h4>
    <div class="chart" style=${{ height: "7rem" }}>
      <div class="ends" aria-hidden="true"><span>${rough(largest)}</span><span>${rough(-largest)}</span></div>
      <div class="plot"><svg role="img" viewBox=${`0 -1.05 ${n} 2.1`} preserveAspectRatio="none"
        aria-label=${text("all.bars.chart", { n, largest: short(largest) })}>
        <path class="zero" d=${`M0 0H${n}`} />
        ${bars.map((d, k) => html`<path class=${`piece class-${k}`} d=${d}
          style=${{ strokeWidth: Math.max(1, Math.min(12, 200 / n)) }} />`)}
      </svg></div>
    </div>
    <h4><${Words} of="all.total" /></h4>
    <${Chart} xs=${[0, n]} lines=${[{ points: [[0, 0], ...running], kind: "curve" }]} height="7"
      marks=${[{ x: n, y: total, kind: "end" }]}
      label=${text("all.total.chart", { n, total: short(total) })} />
    <table class="plain"><caption><${Words} of="all.classes" /></caption><thead><tr>
      <th scope="col"><${Words} of="all.label" /></th><th scope="col"><${Words} of="all.examples" /></th>
      <th scope="col"><${Words} of="all.sum" /></th></tr></thead><tbody>
      ${classes.map((k) => {
        const own = pieces.filter((_, i) => data.y[i] === k);
        return html`<tr><th scope="row"><${Sign} k=${k} /> ${k}</th><td>${own.length}</td>
          <td>${short(arithmetic.sum(own))}</td></tr>`;
      })}
      <tr class="main"><th scope="row">${text("all.together")}</th><td>${n}</td>
        <td data-total>${short(total)}</td></tr>
    </tbody></table>
    <details><summary>${text("all.numbers")}</summary>
      <p>${text(n > LISTED ? "all.first" : "all.every", { n, listed: LISTED })}</p>
      <div class="scroll" tabindex="0" role="group" aria-label=${text("all.numbers")}><table class="plain"><thead><tr><th scope="col">i</th>
        <th scope="col"><code>${factor}</code></th><th scope="col"><code>${slope}</code></th>
        <th scope="col"><code>${product}</code></th><th scope="col">${text("all.so_far")}</th></tr></thead>
        <tbody>${pieces.slice(0, LISTED).map((piece, i) => html`<tr><th scope="row">${i}</th>
          <td>${short(factors[i])}</td><td>${short(slopes[i])}</td><td>${short(piece)}</td>
          <td>${short(running[i][1])}</td></tr>`)}</tbody></table></div>
    </details>
  </div>`;
}

// Where a matrix has its largest entry: the first one that is shown.
function largestOf(rows) {
  const all = rows.flat().map(Math.abs);
  const at = all.indexOf(Math.max(...all));
  return [Math.floor(at / rows[0].length), at % rows[0].length];
}

function AllExamples() {
  const model = shown;
  const { values, gradients } = useMemo(() => {
    const made = arithmetic.forward(model, data.X, data.y);
    return { values: made, gradients: arithmetic.backward(model, data.y, made) };
  }, []);
  const [at, setAt] = useState(model.layers.length - 1);
  const [place, setPlace] = useState(() => largestOf(gradients.layers[at].dataW));
  const [bias, setBias] = useState(() => largestOf([gradients.layers[at].db ?? [0]]));
  const [weight, setWeight] = useState(() => largestOf(shown.layers.at(-1).W));
  const [opened, setOpened] = useState({ product: false, sum: false, reg: false });
  const open = (question) => () => setOpened({ ...opened, [question]: true });
  const names = model.names[at];
  const last = at === model.layers.length - 1;
  const input = at ? "hidden" : data.names.X;
  const upstream = last ? "dscores" : "dhidden";
  const [row, unit] = at ? ["j", "k"] : ["d", last ? "k" : "j"];
  const { upstream: slopes, dataW, dW, db } = gradients.layers[at];
  const { W } = model.layers[at];
  const n = data.y.length;
  // The questions are about the scores, whichever layer is shown.
  const asked = { ...model.names.at(-1), X: model.names.length > 1 ? "hidden" : data.names.X, n,
    dscores: "dscores", d: model.names.length > 1 ? "j" : "d", k: "k", penalty: penalty(model),
    bias: entryOf(model.names.at(-1).b, model.names.length - 1, "k") };
  const [d, k] = place;
  const entry = `d${names.W}[${d}, ${k}]`;
  const product = `${input}[i, ${d}] * ${upstream}[i, ${k}]`;
  const column = (c) => slopes.map((values_) => values_[c]);
  const show = (to) => () => {
    setAt(to);
    setPlace(largestOf(gradients.layers[to].dataW));
    setBias(largestOf([gradients.layers[to].db ?? [0]]));
  };
  return html`<section id="all" aria-labelledby="all-title">
    <h2 id="all-title" tabindex="-1">${text("all.title")}</h2>
    <p><${Words} of="all.lead" ...${asked} /></p>
    <pre><code>${`dscores /= num_examples\nd${asked.W} = np.dot(${asked.X}.T, dscores)`}</code></pre>
    <${Question} name="product" right=${2} opened=${open("product")} ...${asked} />
    ${opened.product && html`${model.layers.length > 1 && html`<fieldset class="choice"><legend>${text("all.layer")}</legend>
        ${model.layers.map((_, l) => html`<label class="option"><input type="radio" name="layer"
          checked=${l === at} onChange=${show(l)} /><span>${text(`all.layer.${l}`)} (<code>${
          model.names[l].W}</code>)</span></label>`)}</fieldset>`}
      ${!last && html`<p><${Words} of="all.hidden" W2=${model.names[1].W} /></p>
        <pre><code>${`d${names.W} = np.dot(${input}.T, dhidden)`}</code></pre>`}
      <p><${Words} of="all.pick" /></p>
      <div class="two"><div><${Grid} id="weights" rows=${dW} picked=${place} pick=${setPlace} name=${`d${names.W}`}
        letters=${[row, unit]} eager />
        <div role="status" class="result" id="weight-sum">
          <p><${Words} of="all.adds" n=${n} product=${product} total=${short(dataW[d][k])} /></p>
          <p><${Words} of=${!model.reg ? "all.no_reg" : opened.reg ? "all.reg" : "all.more"} reg=${short(model.reg)} entry=${entry}
            w=${`${names.W}[${d}, ${k}]`} weight=${short(W[d][k])} part=${short(model.reg * W[d][k])}
            all=${short(dW[d][k])} /></p></div></div>
      <div><h3><code>${entry}</code></h3>
      <${Pieces} id="weight-pieces" factors=${values.inputs[at].map((x) => x[d])} slopes=${column(k)}
        product=${product} factor=${`${input}[i, ${d}]`} slope=${`${upstream}[i, ${k}]`} /></div></div>`}
    ${asked.b && html`<pre><code>${backwardBias(model.names.length - 1, asked.b, "dscores")}</code></pre>
    <${Question} name="sum" right=${0} opened=${open("sum")} ...${asked} />
    ${opened.sum && db && html`<p><${Words} of="all.pick_b" /></p>
      <div class="two"><div><${Grid} id="biases" rows=${[db]} picked=${bias} pick=${setBias} name=${`d${names.b}`}
        letters=${["", unit]} entry=${(c) => entryOf(`d${names.b}`, at, c)} eager />
        <p role="status" class="result" id="bias-sum"><${Words} of="all.adds_b" n=${n}
          entry=${entryOf(`d${names.b}`, at, bias[1])} total=${short(db[bias[1]])} /></p></div>
      <div><h3><code>${entryOf(`d${names.b}`, at, bias[1])}</code></h3>
      <${Pieces} id="bias-pieces" factors=${data.X.map(() => 1)} slopes=${column(bias[1])}
        product=${`1 * ${upstream}[i, ${bias[1]}]`} factor="1" slope=${`${upstream}[i, ${bias[1]}]`} /></div></div>`}`}
    ${model.reg > 0 && html`<pre><code>${`d${asked.W} += reg * ${asked.W}`}</code></pre>
      <${Question} name="reg" right=${3} opened=${open("reg")} ...${asked} />
      ${opened.reg && html`<${Penalty} model=${model} gradients=${gradients} place=${weight} pick=${setWeight} />`}`}
  </section>`;
}

// The slope of the regularisation in one weight of the scores, measured; the data add the rest.
function Penalty({ model, gradients, place: [d, k], pick }) {
  const at = model.layers.length - 1;
  const { W } = model.layers[at];
  const { dataW, dW } = gradients.layers[at];
  const name = model.names[at].W;
  const [w, step] = [W[d][k], 0.01];
  const value = (at_) => 0.5 * model.reg * at_ ** 2;
  const entry = `${name}[${d}, ${k}]`;
  return html`<p><${Words} of="all.pick" /></p>
    <div class="two"><${Grid} id="penalised" rows=${W} picked=${[d, k]} pick=${pick} name=${name}
      letters=${[at ? "j" : "d", "k"]} eager />
    <div role="status" class="result" id="penalty">
      <p><${Words} of="reg.measured" w=${entry} low=${value(w - step).toPrecision(6)}
        high=${value(w + step).toPrecision(6)} step=${step}
        slope=${short((value(w + step) - value(w - step)) / (2 * step))} reg=${short(model.reg)}
        weight=${short(w)} part=${short(model.reg * w)} /></p>
      <p><${Words} of="reg.together" total=${short(dataW[d][k])} entry=${`d${entry}`}
        all=${short(dW[d][k])} /></p></div></div>`;
}
