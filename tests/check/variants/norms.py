"""Right gradients of batch norm and layer norm."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Variant, variants_into

VARIANTS: list[Variant] = []
variant = variants_into(VARIANTS)


@variant(losses.batchnorm_steps, draws.norm, "x gamma beta")
def batch_norm_in_nine_steps(x, gamma, beta, target, eps):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    dout = 2 * (gamma * xhat + beta - target) / (N * D)
    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    dgamma = np.sum(dgammax * xhat, axis=0)
    dxhat = dgammax * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / (sqrtvar**2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D), dtype=x.dtype) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D), dtype=x.dtype) * dmu
    dx = dx1 + dx2
    return dx, dgamma, dbeta


@variant(losses.batchnorm_steps, draws.norm, "x gamma beta")
def batch_norm_in_one_line(x, gamma, beta, target, eps):
    N, D = x.shape
    ivar = 1 / np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) * ivar
    dout = 2 * (gamma * xhat + beta - target) / (N * D)
    dbeta, dgamma = dout.sum(axis=0), (dout * xhat).sum(axis=0)
    dx = gamma * ivar / N * (N * dout - dbeta - xhat * dgamma)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


@variant(losses.batchnorm, draws.norm, "x gamma beta")
def batch_norm_with_a_mean_path_of_zero(x, gamma, beta, target, eps):
    N = x.shape[0]
    mu, var = x.mean(axis=0), x.var(axis=0)
    x_hat = (x - mu) / np.sqrt(var + eps)
    dout = (gamma * x_hat + beta - target) / N
    dx_hat = dout * gamma
    dvar = np.sum(dx_hat * (x - mu) * -0.5 * (var + eps) ** -1.5, axis=0)
    dmu = np.sum(-dx_hat / np.sqrt(var + eps), axis=0) + dvar * np.mean(-2 * (x - mu), axis=0)
    dx = dx_hat / np.sqrt(var + eps) + dvar * 2 * (x - mu) / N + dmu / N
    return dx, np.sum(dout * x_hat, axis=0), np.sum(dout, axis=0)


@variant(losses.batchnorm, draws.norm, "x gamma beta")
def batch_norm_by_projections(x, gamma, beta, target, eps):
    N = x.shape[0]
    centre = np.eye(N, dtype=x.dtype) - 1 / N
    xmu = centre.astype(x.dtype) @ x
    std = np.sqrt((xmu**2).mean(axis=0) + eps)
    x_hat = xmu / std
    dout = (gamma * x_hat + beta - target) / N
    dx = np.empty_like(x)
    for j in range(x.shape[1]):
        slope = (np.eye(N) - np.outer(x_hat[:, j], x_hat[:, j]) / N) / std[j]
        dx[:, j] = centre @ slope @ (gamma[j] * dout[:, j])
    return dx, np.sum(dout * x_hat, axis=0), dout.sum(axis=0)


@variant(losses.layernorm, draws.norm, "x gamma beta")
def layer_norm_transposed_to_batch_norm(x, gamma, beta, target, eps):
    N = x.shape[0]
    xt = x.T
    std = np.sqrt(xt.var(axis=0) + eps)
    norm = (xt - xt.mean(axis=0)) / std
    dout = ((norm.T * gamma + beta) - target) / N
    g = (dout * gamma).T
    dxt = (g - g.mean(axis=0) - norm * (g * norm).mean(axis=0)) / std
    return dxt.T, (dout * norm.T).sum(axis=0), dout.sum(axis=0)


@variant(losses.layernorm, draws.norm, "x gamma beta")
def layer_norm_by_its_stages(x, gamma, beta, target, eps):
    N, D = x.shape
    mean = x.mean(axis=1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    std = np.sqrt(var + eps)
    norm = (x - mean) / std
    dout = (norm * gamma + beta - target) / N
    dnorm = dout * gamma
    dstd = -np.sum(dnorm * norm, axis=1, keepdims=True) / std
    dvar = dstd / (2 * std)
    dcentred = dnorm / std + 2 * dvar * (x - mean) / D
    dmean = -dcentred.sum(axis=1, keepdims=True)
    dx = dcentred + dmean / D
    return {"x": dx, "gamma": np.einsum("nd,nd->d", dout, norm), "beta": np.einsum("nd->d", dout)}
