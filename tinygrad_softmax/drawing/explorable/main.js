"use strict";

// The page: its language, its sections, and the comparison with the package's gradients.

// The largest difference between the page's gradients and the package's, relative to the largest entry of
// all gradients of the model.
function difference() {
  return Math.max(...data.models.map((model) => {
    const { layers } = arithmetic.backward(model, data.y, arithmetic.forward(model, data.X, data.y));
    const mine = layers.flatMap(({ dW, db }) => [...dW.flat(), ...(db ?? [])]);
    const others = model.gradients.flatMap(({ W, b }) => [...W.flat(), ...(b ?? [])]);
    const largest = Math.max(...others.map(Math.abs)) || 1;
    return Math.max(...mine.map((value, n) => Math.abs(value - others[n]))) / largest;
  }));
}

const SECTIONS = ["one", "nudge", "all", "steps"];
const QUESTIONS = ["product", "sum", "reg"]; // in section 3
const LANGUAGES = { en: "English", zh: "中文" };

function Page() {
  const [, speak] = useState(language);
  const [i, choose] = useState(data.example);
  const off = useMemo(difference, []);
  const change = (to) => {
    language = to;
    speak(to);
    if (!inFrame) history.replaceState(null, "", `#lang=${to}`);
  };
  useEffect(() => {
    const moved = () => {
      const lang = address().get("lang");
      if (lang in strings) {
        language = lang;
        speak(lang);
      }
      goTo(address().get("at"));
    };
    addEventListener("hashchange", moved);
    goTo(address().get("at"));
    return () => removeEventListener("hashchange", moved);
  }, []);
  document.documentElement.lang = { en: "en", zh: "zh-CN" }[language];
  document.title = text("title");
  const { names } = data;
  const layer = shown.names.at(-1);
  const input = shown.layers.length > 1 ? "hidden" : names.X;
  const lines = [
    ...data.prepare.map((line) => [line]),
    ["dscores = probs"],
    [`dscores[range(num_examples), ${names.y}] -= 1`, "lines.one", "one"],
    ["dscores /= num_examples"],
    [`d${layer.W} = np.dot(${input}.T, dscores)`, "lines.product", "product"],
    ...(layer.b ? [[backwardBias(shown.names.length - 1, layer.b, "dscores"), "lines.sum", "sum"]] : []),
    ...(shown.reg ? [[`d${layer.W} += reg * ${layer.W}`, "lines.reg", "reg"]] : []),
  ];
  const size = { n: data.y.length, d: data.X[0].length, k: classes.length };
  const link = (at) => `#lang=${language}&at=${at}`;
  return html`<header>
      <div class="languages" role="group" aria-label="Language / 语言">${Object.entries(LANGUAGES).map(([code, name]) =>
        html`<button type="button" lang=${code} aria-pressed=${String(code === language)}
          onClick=${() => change(code)}>${name}</button>`)}</div>
      <h1>${text("h1")}</h1>
      <p><${Words} of="lead" /></p>
      <pre class="lines" tabindex="0" aria-label=${text("lines")}>${lines.map(([code, key, at]) => html`<code>${code}${key && html`<span class="comment">  # ${
        inFrame ? text(key) : html`<a href=${link(at)}>${text(key)}</a>`}</span>`}${"\n"}</code>`)}</pre>
      <p class="quiet"><${Words} of=${data.source} ...${size} />${shown.reg > 0 && html`<${Words} of="source.reg"
        penalty=${penalty(shown)} reg=${minus(String(shown.reg))} />`}${data.oneHot !== "" && html`<${Words} of="source.one_hot"
        labels=${data.oneHot} y=${names.y} />`}${data.renamed.length > 0 && html`<${Words} of="source.renamed"
        names=${data.renamed.map(([now, given]) => `\`${now}\` = \`${given}\``).join(", ")} />`}</p>
      ${!inFrame && html`<nav aria-label=${text("sections")}><ol>${SECTIONS.map((at) =>
        html`<li><a href=${link(at)}>${text(`${at}.title`).replace(/^\d\. ?/, "")}</a></li>`)}</ol></nav>`}
    </header>
    <main>
      <${OneExample} i=${i} choose=${choose} />
      <${Nudge} i=${i} />
      <${AllExamples} />
      <${Steps} />
    </main>
    <footer>
      <p id="compared" data-off=${off}><${Words} of=${off < 1e-9 ? "same" : "different"} off=${off ? minus(off.toExponential(1)) : "0"} /></p>
      <p>${text("made")}</p>
      <details><summary>${text("licences")}</summary><pre tabindex="0" aria-label=${text("licences")}>${
        document.getElementById("licences").textContent}</pre></details>
    </footer>`;
}

// Scrolls to a section or a question, and moves the focus to its title.
function goTo(at) {
  const title = document.getElementById(SECTIONS.includes(at) ? `${at}-title` : `${at}-question`);
  if (!title || ![...SECTIONS, ...QUESTIONS].includes(at)) return;
  title.scrollIntoView({ block: "start" });
  title.focus({ preventScroll: true });
}

render(h(Page), document.getElementById("page"));
