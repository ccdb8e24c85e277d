"use strict";

// The softmax classifier in pure functions: the page computes what the package computes. A model is
// {layers: [{W, b}, ...], reg}: one layer, or two with a ReLU between them; b is null if there is none.
// Matrices are arrays of rows. Letters: example i, feature d, class k.
const arithmetic = (() => {
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const dot = (a, b) => {
    let total = 0;
    for (let d = 0; d < a.length; d++) total += a[d] * b[d];
    return total;
  };

  // rows @ W + b
  function affine(rows, { W, b }) {
    const size = W[0].length;
    return rows.map((row) => {
      const result = b ? [...b] : new Array(size).fill(0);
      for (let d = 0; d < row.length; d++) {
        const weights = W[d];
        for (let k = 0; k < size; k++) result[k] += row[d] * weights[k];
      }
      return result;
    });
  }

  const relu = (rows) => rows.map((row) => row.map((value) => Math.max(0, value)));

  // The probabilities, and the logarithm of the sum of the exponentials, at any score.
  function softmax(scores) {
    const top = Math.max(...scores);
    const exps = scores.map((score) => Math.exp(score - top));
    const total = sum(exps);
    return { probs: exps.map((value) => value / total), log: top + Math.log(total) };
  }

  // --- all examples ---

  // `inputs` are those of each layer: X, and the hidden units.
  function forward(model, X, y) {
    const inputs = [X];
    for (const layer of model.layers.slice(0, -1)) inputs.push(relu(affine(inputs.at(-1), layer)));
    const scores = affine(inputs.at(-1), model.layers.at(-1));
    const rows = scores.map(softmax);
    const dataLoss = sum(rows.map((row, i) => row.log - scores[i][y[i]])) / y.length;
    const squares = model.layers.map(({ W }) => sum(W.map((row) => dot(row, row))));
    const regLoss = 0.5 * model.reg * sum(squares);
    return { inputs, scores, probs: rows.map((row) => row.probs), dataLoss, regLoss,
      loss: dataLoss + regLoss };
  }

  // Of each layer: `upstream`, the gradient of what its affine map returns; the gradient of W from
  // the data alone (`dataW`) and in full (`dW`); `db`. Where a ReLU answers 0, its gradient is 0.
  function backward(model, y, { inputs, probs }) {
    let upstream = probs.map((row, i) => row.map((p, k) => (k === y[i] ? p - 1 : p) / y.length));
    const dscores = upstream;
    const layers = [];
    for (let at = model.layers.length - 1; at >= 0; at--) {
      const { W, b } = model.layers[at];
      const dataW = W.map((row) => row.map(() => 0));
      upstream.forEach((slopes, i) => inputs[at][i].forEach((value, d) => {
        for (let k = 0; k < slopes.length; k++) dataW[d][k] += value * slopes[k];
      }));
      const dW = W.map((row, d) => row.map((w, k) => dataW[d][k] + model.reg * w));
      const db = b && b.map((_, k) => sum(upstream.map((slopes) => slopes[k])));
      layers.unshift({ upstream, dataW, dW, db });
      if (at) {
        upstream = upstream.map((slopes, i) =>
          inputs[at][i].map((value, d) => (value > 0 ? dot(slopes, W[d]) : 0)));
      }
    }
    return { dscores, layers };
  }

  // The model after one step against the gradient.
  function step(model, gradients, size) {
    const layers = model.layers.map(({ W, b }, at) => {
      const { dW, db } = gradients.layers[at];
      return {
        W: W.map((row, d) => row.map((w, k) => w - size * dW[d][k])),
        b: b && b.map((value, k) => value - size * db[k]),
      };
    });
    return { ...model, layers };
  }

  const predicted = (probs) => probs.map((row) => row.indexOf(Math.max(...row)));

  // --- one example, line by line ---

  // The program's values, each a matrix. `nudge` = {name, row, column, by} adds `by` to one number
  // right after the line that makes it, so that all later lines use the changed one.
  function run({ x, y, layers }, nudge = {}) {
    const values = {};
    const keep = (name, rows) => {
      values[name] = rows;
      if (name === nudge.name) {
        values[name] = rows.map((row, r) =>
          row.map((v, c) => (r === nudge.row && c === nudge.column ? v + nudge.by : v)));
      }
      return values[name];
    };
    let rows = keep("x", [x]);
    layers.forEach(({ W, b }, at) => {
      const after = at ? "2" : "";
      if (at) rows = keep("hidden", relu(rows));
      const layer = { W: keep(`W${after}`, W), b: b && keep(`b${after}`, [b])[0] };
      rows = affine(rows, layer);
    });
    const scores = keep("scores", rows);
    const exps = keep("exp_scores", [scores[0].map(Math.exp)]);
    const total = sum(exps[0]);
    const probs = keep("probs", [exps[0].map((value) => value / total)]);
    return { values, loss: -Math.log(probs[0][y]) };
  }

  // The gradient of every value of the program, from the last line to the first.
  function slopes({ x, y, layers }) {
    const { values } = run({ x, y, layers });
    const exps = values.exp_scores[0];
    const total = sum(exps);
    const dprobs = exps.map((_, k) => (k === y ? -1 / values.probs[0][k] : 0));
    const shared = dot(dprobs, exps) / total ** 2;
    const dexps = dprobs.map((slope) => slope / total - shared);
    let upstream = dexps.map((slope, k) => slope * exps[k]);
    const found = { scores: [upstream], exp_scores: [dexps], probs: [dprobs] };
    for (let at = layers.length - 1; at >= 0; at--) {
      const after = at ? "2" : "";
      const input = at ? "hidden" : "x";
      const { W, b } = layers[at];
      found[`W${after}`] = values[input][0].map((v) => upstream.map((slope) => v * slope));
      if (b) found[`b${after}`] = [upstream];
      found[input] = [W.map((row) => dot(row, upstream))];
      upstream = found[input][0].map((slope, d) => (values[input][0][d] > 0 ? slope : 0));
    }
    return found;
  }

  // The slope that two runs of the program measure: with the number h smaller, and h larger. A ReLU
  // may switch between them.
  function measured(example, place, h) {
    const low = run(example, { ...place, by: -h });
    const high = run(example, { ...place, by: h });
    const on = ({ values }) => String(values.hidden?.[0].map((value) => value > 0));
    return { low: low.loss, high: high.loss, slope: (high.loss - low.loss) / (2 * h),
      kink: on(low) !== on(high) };
  }

  return { sum, dot, affine, relu, softmax, forward, backward, step, predicted, run, slopes, measured };
})();
