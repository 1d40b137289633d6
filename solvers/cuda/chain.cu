// Gradients of the zero-chain (bounds/chain.py) and of its soft-projected form (solvers/chain_kernel.py), one thread a
// point; z, u, out (T, R) with the points contiguous, read and written once.
#include "philox.cuh"

#define ROOT_E 1.6487212707001282
#define HALF_PHI 2.0663656770612464
#define V_MAX 28.0

// Psi(|t|) and Psi'(|t|); exactly 0 for |t| <= 1/2
__device__ __forceinline__ void psi(double t, double* value, double* slope) {
  const double size = fabs(t);
  *value = 0.0;
  *slope = 0.0;
  if (size > 0.5) {
    const double v = 0.5 / (size - 0.5);
    if (v < V_MAX) {
      const double w = v * v;
      *value = exp(1.0 - w);
      *slope = *value * (4.0 * v * w);
    }
  }
}

// Phi(t) = sqrt(pi e/2) erfc(-t/sqrt(2)) and Phi'(t)
__device__ __forceinline__ double phi(double t) { return HALF_PHI * erfc(-t * 0.70710678118654752440); }
__device__ __forceinline__ double phi_slope(double t) { return ROOT_E * exp(-0.5 * t * t); }

// out_i = Q_b(z_{i-1}, z_i) + Q_a(z_i, z_{i+1}), z_0 = 1, at z = scale * u
__device__ __forceinline__ void links(i64 T, i64 R, i64 r, const double* u, double scale, double* out) {
  double before, unused, after, slope;
  psi(1.0, &before, &unused);
  double z = scale * u[r];
  for (i64 i = 0; i < T; ++i) {
    psi(z, &after, &slope);
    double found = -before * phi_slope(z);
    if (i + 1 < T) {
      const double next = scale * u[(i + 1) * R + r];
      if (slope != 0.0) found -= slope * phi(z < 0.0 ? -next : next);
      z = next;
    }
    out[i * R + r] = found;
    before = after;
  }
}

extern "C" __global__ void chain_gradient(i64 T, i64 R, const double* z, double* out) {
  const i64 r = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (r < R) links(T, R, r, z, 1.0, out);
}
KERNEL(chain_gradient)

// J(u)' grad F_T(rho(u)) + ridge u, rho(u) = u/s, s = sqrt(1 + ||u||^2/(radius^2 T))
extern "C" __global__ void soft_chain_gradient(i64 T, i64 R, double radius, double ridge, const double* u, double* out) {
  const i64 r = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (r >= R) return;
  const double reach = radius * radius * (double)T;
  double square = 0.0, along = 0.0;
  for (i64 i = 0; i < T; ++i) square += u[i * R + r] * u[i * R + r];
  const double s = sqrt(1.0 + square / reach);
  links(T, R, r, u, 1.0 / s, out);
  for (i64 i = 0; i < T; ++i) along += u[i * R + r] * out[i * R + r];
  along /= reach * s * s * s;
  for (i64 i = 0; i < T; ++i) {
    const double v = u[i * R + r];
    out[i * R + r] = out[i * R + r] / s - v * along + ridge * v;
  }
}
KERNEL(soft_chain_gradient)
