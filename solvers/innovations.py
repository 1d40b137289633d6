"""The estimate's noise with p times fewer normals: the innovations form of p independent AR(1) processes.

In one coordinate the noise of Phi_t is N_t = sum_j q_j n_{j,t} + sigma zeta_t with n_{j,t} = rho_j n_{j,t-1}
+ tau_j xi_{j,t} and n_{j,-1} = 0, an exogenous Gaussian process whatever the steps of x are. Its law is that of

    m_t = rho (m_{t-1} + g_{t-1} e_{t-1}),    N_t = q'm_t + v_t e_t,    e_t independent standard normals,

where m_t is the Kalman prediction of n_t from N_0 .. N_{t-1}, with the covariance recursion

    P_t = rho P+_{t-1} rho + diag(tau^2),   v_t^2 = q'P_t q + sigma^2,   g_t = P_t q / v_t,   P+_t = P_t - g_t g_t'

One normal a coordinate in place of p + 1, exact for the law of the path of x (the y_j of such a run are only
predictions). The gains settle geometrically; they are tabulated until they have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SETTLED = 1e-14
"""Relative change of v and g below which the gains count as constant: some units of rounding."""


@dataclass(frozen=True, eq=False)
class Gains:
    """Row t: v (R, d) and kick = rho g_{t-1} (R, p, d); when ``settled`` the last row holds for all later t.
    P (d, p, p) = P+ and g (p, d): the state to go on from."""

    v: np.ndarray
    kick: np.ndarray
    P: np.ndarray
    g: np.ndarray
    settled: bool


def innovation_gains(
    rho: np.ndarray, tau: np.ndarray, q: np.ndarray, sigma: float, start: tuple[np.ndarray, np.ndarray], longest: int
) -> Gains:
    """Gains until they settle, for at most ``longest`` >= 1 steps, from ``start`` = (P+, g).

    rho, tau, q: (p, d). P+ has shape (d, p, p), g (p, d): zeros at t = 0.
    """
    R, Q = rho.T, q.T  # coordinates lead
    noise = np.einsum("ij,jk->ijk", tau.T**2, np.eye(R.shape[1]))
    after, g = start
    g = g.T
    v_rows: list[np.ndarray] = []
    kick_rows: list[np.ndarray] = []
    settled = False
    while len(v_rows) < longest and not settled:
        P = R[:, :, None] * after * R[:, None, :] + noise
        Pq = np.einsum("ijk,ik->ij", P, Q)
        v = np.sqrt(np.maximum(np.einsum("ij,ij->i", Q, Pq) + sigma**2, 0.0))
        kick_rows.append((R * g).T)
        v_rows.append(v)
        new = np.divide(Pq, v[:, None], out=np.zeros_like(Pq), where=v[:, None] > 0)
        change = np.abs(new - g).max(initial=0.0) / max(np.abs(new).max(initial=0.0), 1e-300)
        g = new
        after = P - g[:, :, None] * g[:, None, :]
        after = 0.5 * (after + after.transpose(0, 2, 1))
        steady_v = len(v_rows) > 1 and bool(np.allclose(v, v_rows[-2], rtol=SETTLED, atol=0.0))
        settled = steady_v and change < SETTLED
    return Gains(np.array(v_rows), np.array(kick_rows), after, g.T, settled)
