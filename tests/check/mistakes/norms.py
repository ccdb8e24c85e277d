"""Mistakes in the gradients of batch norm and layer norm."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Mistake, mistakes_into

MISTAKES: list[Mistake] = []
mistake = mistakes_into(MISTAKES)

WRT = "x gamma beta"
MEAN = r"mean|\bmu\b|xmu|path"
VAR = r"var|path"


def forward(x, gamma, beta, eps):
    """Batch norm, and what its backward pass needs."""
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    x_hat = (x - mu) / np.sqrt(var + eps)
    return gamma * x_hat + beta, x_hat, mu, var


@mistake(losses.batchnorm, draws.norm, WRT, "dx", "term_missing", "", MEAN)
def path_through_the_mean_missing(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, mu, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * x_hat, axis=0)
    dx_hat = dout * gamma
    dvar = np.sum(dx_hat * (x - mu), axis=0) * -0.5 * (var + eps) ** -1.5
    dx = dx_hat / np.sqrt(var + eps) + dvar * 2 * (x - mu) / N
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@mistake(losses.batchnorm, draws.norm, WRT, "dx", "term_missing", "", VAR)
def path_through_the_variance_missing(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = dout.sum(axis=0)
    dgamma = (dout * x_hat).sum(axis=0)
    dx_hat = dout * gamma
    dx = (dx_hat - dx_hat.mean(axis=0)) / np.sqrt(var + eps)
    return dx, dgamma, dbeta


@mistake(
    losses.batchnorm, draws.norm, WRT, "dx", "term_missing", "local_slope", r"mean|mu|var|path"
)
def mean_and_variance_held_constant(x, gamma, beta, target, eps):
    N = x.shape[0]
    mu, var = x.mean(axis=0), x.var(axis=0)
    std = np.sqrt(var + eps)
    x_hat = (x - mu) / std
    dout = (gamma * x_hat + beta - target) / N
    dx = dout * gamma / std
    return dx, np.sum(dout * x_hat, axis=0), np.sum(dout, axis=0)


@mistake(losses.batchnorm, draws.norm, WRT, "dgamma", "not_summed", "shape", r"sum|axis|shape")
def gamma_not_summed(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = np.sum(dout, axis=0)
    dgamma = dout * x_hat
    dx_hat = dout * gamma
    dx = dx_hat - dx_hat.mean(axis=0) - x_hat * np.mean(dx_hat * x_hat, axis=0)
    dx /= np.sqrt(var + eps)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@mistake(losses.batchnorm, draws.norm, WRT, "dbeta", "mean_for_sum", "scaled", r"mean|\b11\b")
def beta_averaged(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = dout.mean(axis=0)
    dgamma = np.sum(dout * x_hat, axis=0)
    g = dout * gamma
    dx = (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / np.sqrt(var + eps)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@mistake(losses.batchnorm, draws.norm, WRT, "dvar", "local_slope", "scaled", r"var|power|exponent")
def power_of_the_variance_wrong(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, mu, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * x_hat, axis=0)
    dx_hat = dout * gamma
    dvar = np.sum(dx_hat * (x - mu), axis=0) * -0.5 * (var + eps) ** -0.5
    dmu = -np.sum(dx_hat, axis=0) / np.sqrt(var + eps)
    dx = dx_hat / np.sqrt(var + eps) + dvar * 2 * (x - mu) / N + dmu / N
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@mistake(losses.batchnorm, draws.norm, WRT, "dvar", "sign", "", r"sign|minus|negat")
def sign_of_the_variance(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, mu, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * x_hat, axis=0)
    dx_hat = dout * gamma
    dvar = 0.5 * np.sum(dx_hat * (x - mu), axis=0) * (var + eps) ** (-3 / 2)
    dmu = -np.sum(dx_hat, axis=0) / np.sqrt(var + eps)
    dx = dx_hat / np.sqrt(var + eps) + 2 * dvar * (x - mu) / N + dmu / N
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@mistake(losses.batchnorm, draws.norm, WRT, "dmu", "scaled", "", r"\b11\b|\bn\b|mean")
def mean_gradient_not_spread(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, mu, var = forward(x, gamma, beta, eps)
    inv_std = 1 / np.sqrt(var + eps)
    dout = (out - target) / N
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * x_hat, axis=0)
    dx_hat = dout * gamma
    dmu = -np.sum(dx_hat, axis=0) * inv_std / N
    dvar = np.sum(dx_hat * (x - mu), axis=0) * -0.5 * inv_std**3
    dx = dx_hat * inv_std + dvar * 2 * (x - mu) / N + dmu / N
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@mistake(losses.batchnorm, draws.norm, WRT, "dx_hat", "local_slope", "term_missing", r"gamma")
def gamma_missing_on_the_way_down(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dx_hat = dout
    dx = dx_hat - dx_hat.mean(axis=0) - x_hat * np.mean(dx_hat * x_hat, axis=0)
    dx /= np.sqrt(var + eps)
    return dx, np.sum(dout * x_hat, axis=0), np.sum(dout, axis=0)


@mistake(losses.batchnorm, draws.norm, WRT, "dx", "scaled", "", r"\b11\b|\bn\b|shape")
def compact_without_the_number_of_rows(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = dout.sum(axis=0)
    dgamma = (x_hat * dout).sum(axis=0)
    dx = gamma / np.sqrt(var + eps) * (N * dout - dbeta - x_hat * dgamma)
    return dx, dgamma, dbeta


@mistake(losses.batchnorm, draws.norm, WRT, "dx", "term_sign", "", VAR + r"|dgamma|x_hat")
def compact_with_the_last_sign_wrong(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = dout.sum(axis=0)
    dgamma = (x_hat * dout).sum(axis=0)
    dx = gamma / np.sqrt(var + eps) / N * (N * dout - dbeta + x_hat * dgamma)
    return dx, dgamma, dbeta


@mistake(losses.batchnorm, draws.norm, WRT, "dx", "term_scaled", "", r"\b11\b|\bn\b|dout|shape")
def compact_with_one_term_not_multiplied(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = dout.sum(axis=0)
    dgamma = (x_hat * dout).sum(axis=0)
    dx = (1.0 / N) * gamma * (var + eps) ** -0.5 * (dout - dbeta - x_hat * dgamma)
    return dx, dgamma, dbeta


@mistake(losses.batchnorm, draws.norm, WRT, "dgamma", "overwritten", "local_slope", r"dout|gamma")
def incoming_gradient_overwritten(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = np.sum(dout, axis=0)
    dx_hat = dout
    dx_hat *= gamma
    dgamma = np.sum(dout * x_hat, axis=0)
    dx = dx_hat - dx_hat.mean(axis=0) - x_hat * np.mean(dx_hat * x_hat, axis=0)
    dx /= np.sqrt(var + eps)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@mistake(losses.batchnorm, draws.norm, WRT, "dgamma", "local_slope", "", r"x_hat|\bx\b")
def gamma_takes_the_input_before_normalising(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, x_hat, _, var = forward(x, gamma, beta, eps)
    dout = (out - target) / N
    dbeta = dout.sum(axis=0)
    dgamma = (dout * x).sum(axis=0)
    g = dout * gamma
    dx = (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / np.sqrt(var + eps)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


def steps(x, gamma, beta, target, eps):
    """The step-by-step forward pass, and the gradient of the normalised rows."""
    N, D = x.shape
    xmu = x - x.mean(axis=0)
    var = 1.0 / N * np.sum(xmu**2, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    dout = 2 * (gamma * xhat + beta - target) / (N * D)
    return xmu, var, sqrtvar, ivar, xhat, dout


@mistake(losses.batchnorm_steps, draws.norm, WRT, "dxmu", "term_missing", "", r"xmu|var")
def centred_rows_used_once(x, gamma, beta, target, eps):
    N, _ = x.shape
    xmu, var, sqrtvar, _, xhat, dout = steps(x, gamma, beta, target, eps)
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dsqrtvar = -1.0 / (sqrtvar**2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar
    dsq = 1.0 / N * np.ones(x.shape) * dvar
    dxmu = 2 * xmu * dsq
    dmu = -1 * np.sum(dxmu, axis=0)
    dx = dxmu + 1.0 / N * np.ones(x.shape) * dmu
    return dx, dgamma, dbeta


@mistake(losses.batchnorm_steps, draws.norm, WRT, "dsq", "scaled", "", r"\b11\b|\bn\b|sq")
def squares_not_divided(x, gamma, beta, target, eps):
    N, D = x.shape
    xmu, var, sqrtvar, ivar, xhat, dout = steps(x, gamma, beta, target, eps)
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / (sqrtvar**2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar
    dsq = np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    return dx1 + dx2, dgamma, dbeta


@mistake(losses.batchnorm_steps, draws.norm, WRT, "dsqrtvar", "local_slope", "", r"sqrtvar|ivar")
def slope_of_the_reciprocal_wrong(x, gamma, beta, target, eps):
    N, D = x.shape
    xmu, _, sqrtvar, ivar, xhat, dout = steps(x, gamma, beta, target, eps)
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dsqrtvar = -1.0 / sqrtvar * divar
    dvar = 0.5 / sqrtvar * dsqrtvar
    dxmu = dxhat * ivar + 2 * xmu * dvar / N
    dx = dxmu - np.ones((N, D)) * dxmu.mean(axis=0)
    return dx, dgamma, dbeta


@mistake(losses.batchnorm_steps, draws.norm, WRT, "dmu", "wrong_axis", "", r"axis")
def mean_gradient_over_the_features(x, gamma, beta, target, eps):
    N, _ = x.shape
    xmu, _, sqrtvar, ivar, xhat, dout = steps(x, gamma, beta, target, eps)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dvar = -0.5 * divar / sqrtvar**3
    dxmu = dxhat * ivar + 2 * xmu * dvar / N
    dmu = -np.sum(dxmu, axis=1, keepdims=True)
    dx = dxmu + dmu / N
    return dx, np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)


def rows(x, gamma, beta, eps):
    """Layer norm: the output, the normalised rows and their deviation."""
    mean = x.mean(axis=1, keepdims=True)
    std = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + eps)
    norm = (x - mean) / std
    return norm * gamma + beta, norm, std


@mistake(losses.layernorm, draws.norm, WRT, "dx", "wrong_axis", "", r"axis")
def layer_norm_with_the_axes_of_batch_norm(x, gamma, beta, target, eps):
    out, norm, std = rows(x, gamma, beta, eps)
    dout = (out - target) / x.shape[0]
    dnorm = dout * gamma
    dx = (dnorm - dnorm.mean(axis=0) - norm * (dnorm * norm).mean(axis=0)) / std
    return {"x": dx, "gamma": (dout * norm).sum(axis=0), "beta": dout.sum(axis=0)}


@mistake(losses.layernorm, draws.norm, WRT, "dgamma", "wrong_axis", "shape", r"axis")
def layer_norm_gamma_over_the_features(x, gamma, beta, target, eps):
    out, norm, std = rows(x, gamma, beta, eps)
    dout = (out - target) / x.shape[0]
    dgamma = (dout * norm).sum(axis=1)
    dbeta = dout.sum(axis=0)
    g = dout * gamma
    dx = (g - g.mean(1, keepdims=True) - norm * (g * norm).mean(1, keepdims=True)) / std
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@mistake(losses.layernorm, draws.norm, WRT, "dx", "term_missing", "", VAR)
def layer_norm_without_the_variance(x, gamma, beta, target, eps):
    out, norm, std = rows(x, gamma, beta, eps)
    dout = (out - target) / x.shape[0]
    dnorm = dout * gamma
    dx = dnorm / std
    dx -= dx.mean(axis=1, keepdims=True)
    return {"x": dx, "gamma": (dout * norm).sum(axis=0), "beta": dout.sum(axis=0)}


@mistake(
    losses.layernorm, draws.norm, WRT, "dx", "term_scaled", "term_missing", r"\b11\b|\b6\b|mean|sum"
)
def layer_norm_sums_divided_by_the_rows(x, gamma, beta, target, eps):
    N = x.shape[0]
    out, norm, std = rows(x, gamma, beta, eps)
    dout = (out - target) / N
    dnorm = dout * gamma
    first = dnorm.sum(axis=1, keepdims=True) / dnorm.shape[1]
    second = norm * np.sum(dnorm * norm, axis=1, keepdims=True) / N
    dx = (dnorm - first - second) / std
    return dx, (dout * norm).sum(axis=0), dout.sum(axis=0)


@mistake(losses.layernorm, draws.norm, WRT, "dx", "local_slope", "", r"std")
def layer_norm_multiplied_by_the_deviation(x, gamma, beta, target, eps):
    out, norm, std = rows(x, gamma, beta, eps)
    dout = (out - target) / x.shape[0]
    dnorm = dout * gamma
    first = dnorm.mean(axis=1, keepdims=True)
    second = norm * np.mean(dnorm * norm, axis=1, keepdims=True)
    dx = (dnorm - first - second) * std
    return dx, (dout * norm).sum(axis=0), dout.sum(axis=0)
