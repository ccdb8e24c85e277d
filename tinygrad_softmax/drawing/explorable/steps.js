"use strict";

// Section 4: steps against the gradient move the decision regions, and the loss falls.
const SIDE = 72; // so many squares along each side of the decision regions
const REGS = [0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1];
const SIZES = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

// A list of choices that has the given one among them.
const among = (list, value) => [...new Set([...list, value])].sort((a, b) => a - b);

function Regions({ model, label }) {
  const canvas = useRef();
  useEffect(() => {
    const brush = canvas.current.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const colours = classes.map((k) => style.getPropertyValue(`--class-${k}`).trim());
    const places = Array.from({ length: SIDE * SIDE }, (_, n) =>
      plane.at((n % SIDE + 0.5) / SIDE, (Math.floor(n / SIDE) + 0.5) / SIDE));
    const { probs } = arithmetic.forward({ ...model, reg: 0 }, places, places.map(() => 0));
    brush.clearRect(0, 0, SIDE, SIDE);
    arithmetic.predicted(probs).forEach((k, n) => {
      if (k < 0) return; // no class where the scores are not finite
      brush.globalAlpha = 0.15 + 0.5 * (probs[n][k] - 1 / classes.length);
      brush.fillStyle = colours[k];
      brush.fillRect(n % SIDE, Math.floor(n / SIDE), 1, 1);
    });
  });
  return html`<div class="regions"><canvas ref=${canvas} width=${SIDE} height=${SIDE} role="img"
    aria-label=${label}></canvas><${Points} /></div>`;
}

function begin(which, reg) {
  const model = { ...data.models[which], reg: reg ?? data.models[which].reg };
  return { which, model, history: [arithmetic.forward(model, data.X, data.y).loss], told: null };
}

function Steps() {
  const [state, setState] = useState(() => begin(data.starts[0]));
  const [size, setSize] = useState(1);
  const { model, history } = state;
  const values = useMemo(() => arithmetic.forward(model, data.X, data.y), [model]);
  const right = arithmetic.predicted(values.probs).filter((k, i) => k === data.y[i]).length;
  const scheme = useScheme();
  const go = (number) => {
    let moved = model;
    const losses = [];
    for (let n = 0; n < number && Number.isFinite(losses.at(-1) ?? values.loss); n++) {
      const made = n ? arithmetic.forward(moved, data.X, data.y) : values;
      moved = arithmetic.step(moved, arithmetic.backward(moved, data.y, made), size);
      losses.push(arithmetic.forward(moved, data.X, data.y).loss);
    }
    if (losses.length) {
      setState({ ...state, model: moved, history: [...history, ...losses], told: history.at(-1) });
    }
  };
  const regularise = (reg) => {
    const changed = { ...model, reg };
    const { loss } = arithmetic.forward(changed, data.X, data.y);
    setState({ ...state, model: changed, history: [...history.slice(0, -1), loss], told: null });
  };
  const regs = among(REGS, data.models[state.which].reg);
  const said = { steps: history.length - 1, loss: fixed(values.loss, 4), data: fixed(values.dataLoss, 4),
    reg: fixed(values.regLoss, 4), right, n: data.y.length, share: Math.round((100 * right) / data.y.length),
    before: fixed(state.told ?? 0, 4) };
  const broken = !Number.isFinite(values.loss);
  const trend = broken ? "steps.broken" : state.told === null ? "steps.now"
    : said.loss === said.before ? "steps.stayed" : values.loss > state.told ? "steps.rose" : "steps.fell";
  const lines = model.names.flatMap(({ W, b }) => [W, b]).filter(Boolean)
    .map((name) => `${name} -= step_size * d${name}`);
  const network = model.layers.length > 1;
  return html`<section id="steps" aria-labelledby="steps-title">
    <h2 id="steps-title" tabindex="-1">${text("steps.title")}</h2>
    <p><${Words} of="steps.lead" />${planar && html`<${Words} of="steps.lead_regions" />`}</p>
    ${data.starts.length > 1 && html`<fieldset class="choice"><legend>${text("steps.model")}</legend>
      ${data.starts.map((which) => {
        const { layers } = data.models[which];
        return html`<label class="option"><input type="radio" name="model" checked=${which === state.which}
          onChange=${() => setState(begin(which))} /><span>${
          text(layers.length > 1 ? "steps.network" : "steps.linear", { units: layers[0].W[0].length })}</span></label>`;
      })}</fieldset>`}
    <pre><code>${lines.join("\n")}</code></pre>
    <div class=${planar ? "two" : ""}>
      ${planar && html`<div><${Regions} model=${model} key=${scheme} label=${text("steps.regions", said)} />
          <p class="quiet"><${Words} of="steps.points" /> ${classes.map((k) =>
            html`<span class="key"><${Sign} k=${k} /> ${k}</span> `)}</p></div>`}
      <div>
        <div class="buttons" role="group" aria-label=${text("steps.buttons")}>
          ${[1, 10, 100].map((number) => html`<button type="button" id=${`steps-${number}`}
            onClick=${() => go(number)}>${text(`steps.${number}`)}</button>`)}
          <button type="button" id="steps-reset" onClick=${() => setState(begin(state.which, model.reg))}>${
            text("steps.reset")}</button>
        </div>
        <${Slider} id="step-size" label=${text("steps.size")} min="0" max=${SIZES.length - 1} step="1"
          value=${SIZES.indexOf(size)} shown=${String(size)}
          onInput=${(event) => setSize(SIZES[event.target.value])} />
        <${Slider} id="reg" label=${text("steps.reg")} min="0" max=${regs.length - 1} step="1"
          value=${regs.indexOf(model.reg)} shown=${String(model.reg)}
          onInput=${(event) => regularise(regs[event.target.value])} />
        <p role="status" id="steps-said" class="result"><${Words} of=${trend} ...${said} />${!broken && html`<${Words} of="steps.parts" ...${said} />`}</p>
        <h3>${text("steps.curve")}</h3>
        <${Chart} xs=${[0, Math.max(1, history.length - 1)]} note=${(v) => fixed(v, 3)}
          ends=${[0, Math.max(...history.filter(Number.isFinite))]}
          lines=${[{ points: history.map((loss, n) => [n, loss]), kind: "curve" }]}
          marks=${[{ x: history.length - 1, y: history.at(-1), kind: "end" }]}
          label=${text("steps.chart", said)} />
        <p class="axis quiet" aria-hidden="true"><span>0</span><span>${text("steps.count", said)}</span></p>
        <p><${Words} of=${network ? "steps.try_network" : planar ? "steps.try_regions" : "steps.try"} /></p>
      </div>
    </div>
  </section>`;
}

// "dark" or "light": what is painted on a canvas has to be painted again when it changes.
function useScheme() {
  const query = useMemo(() => matchMedia("(prefers-color-scheme: dark)"), []);
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const change = () => setDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return dark ? "dark" : "light";
}
