"""Mistakes that people make: the subject, a part of its right gradient, and what is there instead.

``known`` is a mark for those where the repair must be the teacher's own: the line that was right,
or one with which every variable holds the same. Without it any repair that is right will do.
"""

from typing import NamedTuple


class Mistake(NamedTuple):
    """A part of a right gradient and what is written in its place."""

    subject: str
    right: str
    wrong: str
    known: bool = True

    @property
    def title(self):
        """A name for the test."""
        return f"{self.subject}: {self.wrong.strip() or 'nothing'} for {self.right.strip()}"


ELSEWHERE = False  # there is a second place at which it can be repaired as well

MISTAKES = [
    Mistake(*entry)
    for entry in [
        ("softmax", "    dscores /= num_examples\n", ""),
        ("softmax", "y] -= 1", "y] += 1"),
        ("softmax", "    dscores[range(num_examples), y] -= 1\n", ""),
        ("softmax", "dscores[range(num_examples), y] -= 1", "dscores[:, y] -= 1"),
        ("softmax", "num_examples), y] -= 1", "num_examples), y - 1] -= 1"),
        ("softmax", "    dW += reg * W\n", ""),
        ("softmax", "dW += reg * W", "dW += 2 * reg * W"),
        ("softmax", "dW += reg * W", "dW -= reg * W"),
        ("softmax", "dW += reg * W", "dW += W"),
        ("softmax", "dW += reg * W", "dW += reg * W\n    db += reg * b"),
        ("softmax", "np.sum(dscores, axis=0, keepdims=True)", "np.sum(dscores, axis=0)"),
        ("softmax", "np.sum(dscores, axis=0, keep", "np.sum(dscores, axis=1, keep"),
        ("softmax", "np.sum(dscores, axis=0, keep", "np.mean(dscores, axis=0, keep"),
        ("softmax", "np.sum(dscores, axis=0, keepdims=True)", "dscores"),
        ("softmax", "np.dot(X.T, dscores)", "np.dot(dscores.T, X).T / num_examples"),
        ("softmax", "    dscores[range(num_examples), y] -= 1\n    dscores /= num_examples\n",
         "    dscores /= num_examples\n    dscores[range(num_examples), y] -= 1\n"),
        ("by_steps", "dlogprobs = -Y", "dlogprobs = Y"),
        ("by_steps", "dprobs = dlogprobs / probs", "dprobs = dlogprobs"),
        ("by_steps", "/ s**2", "/ s"),
        ("by_steps", "e, axis=1, keepdims=True) / s**2", "e, axis=0, keepdims=True) / s**2"),
        ("by_steps", "dprobs / s + ds", "dprobs / s"),
        ("by_steps", "ds = -np.sum", "ds = np.sum", ELSEWHERE),
        ("by_steps", "dlogits = de * e", "dlogits = de"),
        ("columns", "dscores /= num_train * T", "dscores /= num_train"),
        ("columns", "dscores /= num_train * T", "dscores /= X.shape[0] * T"),
        ("columns", "dscores /= num_train * T", "dscores *= T / num_train"),
        ("columns", "np.dot(dscores, X.T)", "np.dot(X, dscores.T)"),
        ("columns", "np.sum(exp_scores, axis=0", "np.sum(exp_scores, axis=1"),
        ("columns", "np.sum(dscores, axis=1", "np.sum(dscores, axis=0"),
        ("columns", "b) / T", "b)", ELSEWHERE),
        ("weighted", "dscores /= np.sum(weights)", "dscores /= N"),
        ("weighted", "    dscores *= weights[:, None]\n", "", ELSEWHERE),
        ("weighted", "y] -= 1", "y] -= weights"),
        ("two_layer", "dhidden[hidden_layer <= 0]", "dhidden[hidden_layer > 0]"),
        ("two_layer", "    dW2 += reg * W2\n", ""),
        ("mlp", "1 - h**2", "1 - h"),
        ("mlp", "1 - h**2", "1 - z**2"),
        ("mlp", "dz = dh * (1 - h**2)", "dz = 1 - h**2"),
        ("mlp", "dp * p * (1 - p)", "dp * p"),
        ("mlp", "dp * p * (1 - p)", "dp * logits * (1 - logits)"),
        ("mlp", "db1 = dz.sum", "db1 = dh.sum"),
        ("mlp", "dW2 = h.T", "dW2 = z.T"),
        ("mlp", "(p - Y) / N", "(Y - p) / N"),
        ("logistic", "dz = dp * p * (1 - p)", "dz = dp", ELSEWHERE),
        ("logistic", "-y / p + (1 - y) / (1 - p)", "-y / p", ELSEWHERE),
        ("logistic", "-y / p + (1 - y)", "-y / p - (1 - y)", ELSEWHERE),
        ("logistic", "db = np.sum(dz)", "db = dz"),
        ("logistic", "db = np.sum(dz)", "db = np.mean(dz)"),
        ("hinge", "    dW /= num_train\n", ""),
        ("hinge", "                dW[:, y[i]] -= X[i]\n", ""),
        ("hinge", "                dW[:, j] += X[i]\n", ""),
        ("hinge", "if margin > 0", "if margin < 0"),
        ("hinge", "dW += 2 * reg * W", "dW += reg * W"),
        ("hinge_squared", "dm = 2 * m", "dm = m"),
        ("hinge_squared", "dscores = -dm * y", "dscores = -dm", ELSEWHERE),
        ("ridge", "2 * residual / len(y)", "2 * residual"),
        ("ridge", "2 * residual / len(y)", "residual / len(y)"),
        ("ridge", "2 * alpha * w", "alpha * w"),
        ("ridge", " + 2 * alpha * w", ""),
        ("ridge", "X @ w + b - y", "X @ w - y", ELSEWHERE),
        ("ridge", "db = np.sum(dresidual)", "db = dresidual"),
        ("poisson", "(rate - y)", "(rate + y)"),
        ("poisson", "(rate - y)", "(eta - y)"),
        ("poisson", "(rate - y)", "(1 - y)"),
        ("absolute", "np.sign(pred - y)", "(pred - y)"),
        ("batch_norm", " + dmu / N", ""),
        ("batch_norm", " + dvar * 2 * (x - mu) / N", "", ELSEWHERE),
        ("batch_norm", "inv_std**3", "inv_std"),
        ("batch_norm", "-0.5 *", "0.5 *"),
        ("batch_norm", "+ dmu / N", "+ dmu"),
        ("batch_norm", "dgamma = np.sum(dout * x_hat, axis=0)", "dgamma = dout * x_hat"),
        ("batch_norm", "dgamma = np.sum(dout * x_hat", "dgamma = np.sum(dout * x"),
        ("batch_norm", "dx_hat = dout * gamma", "dx_hat = dout"),
        ("layer_norm", "first = dxn.mean(axis=1,", "first = dxn.mean(axis=0,"),
        ("layer_norm", "dxn - first - second", "dxn - first"),
        ("layer_norm", "second) / std", "second) * std"),
        ("embedding", "    np.add.at(dE, words, dh)", "    dE[words] += dh"),
        ("recurrent", "dWx += x[t].T @ da", "dWx = x[t].T @ da"),
        ("recurrent", "hs[t + 1] ** 2", "hs[t] ** 2"),
        ("recurrent", "dh = da @ Wh.T", "dh = da @ Wh"),
        ("autoencoder", "    dW = drecon.T @ code\n    dW += X.T", "    dW = X.T"),
        ("autoencoder", "/ X.size", "/ X.shape[0]"),
    ]
]  # fmt: skip
