// Lower levels. Each one offers
//     load(data, shape, R, r)   the numbers of run r, data (ROWS, D, R) with the runs contiguous
//     at(x)                     what depends on x alone
//     grad_y(y, F, G)           F = grad_y f(x, y), G = grad_y g(x, y), arrays (DY,)
//     grad_x(x, y, F, G)        the x gradients, arrays (DX,)
//     hypergradient(i, x)       coordinate i of grad phi(x), where KNOWN
// and the free functions below them are what the kernels call. LEVEL: 0 quadratic, 1 polynomial, 2 softmax.

#ifndef LEVEL
#define LEVEL 0
#endif

#if LEVEL == 0
// g = a z^2/2, f = phi + (c0 + gamma x) z + h z^2/2 in every coordinate, z = y - b x, phi = curvature x^2/2
struct Level {
  static const bool KNOWN = true;
  REAL curvature[DX], a[DX], h[DX], b[DX], gamma[DX], c0[DX], centre[DX], slope[DX];

  __device__ void load(const REAL* data, const i64*, i64 R, i64 r) {
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      curvature[i] = data[(0 * DX + i) * R + r];
      a[i] = data[(1 * DX + i) * R + r];
      h[i] = data[(2 * DX + i) * R + r];
      b[i] = data[(3 * DX + i) * R + r];
      gamma[i] = data[(4 * DX + i) * R + r];
      c0[i] = data[(5 * DX + i) * R + r];
    }
  }
  __device__ void at(const REAL* x) {
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      centre[i] = b[i] * x[i];
      slope[i] = c0[i] + gamma[i] * x[i];
    }
  }
  __device__ void grad_y(const REAL* y, REAL* F, REAL* G) const {
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      const REAL z = y[i] - centre[i];
      F[i] = slope[i] + h[i] * z;
      G[i] = a[i] * z;
    }
  }
  __device__ void grad_x(const REAL* x, const REAL* y, REAL* F, REAL* G) const {
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      const REAL z = y[i] - centre[i];
      F[i] = (curvature[i] * x[i] + gamma[i] * z) - b[i] * (slope[i] + h[i] * z);
      G[i] = -b[i] * (a[i] * z);
    }
  }
  __device__ REAL hypergradient(int i, const REAL* x) const { return curvature[i] * x[i]; }
};
#elif LEVEL == 1
// The quadratic with cubic and quartic terms: g += g3 z^3/6 + g4 z^4/24, f += f3 z^3/6 + f4 z^4/24; the rows hold
// g3/2, g4/6, f3/2, f4/6.
struct Level {
  static const bool KNOWN = true;
  REAL curvature[DX], a[DX], h[DX], b[DX], gamma[DX], c0[DX], g3[DX], g4[DX], f3[DX], f4[DX], centre[DX], slope[DX];

  __device__ void load(const REAL* data, const i64*, i64 R, i64 r) {
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      curvature[i] = data[(0 * DX + i) * R + r];
      a[i] = data[(1 * DX + i) * R + r];
      h[i] = data[(2 * DX + i) * R + r];
      b[i] = data[(3 * DX + i) * R + r];
      gamma[i] = data[(4 * DX + i) * R + r];
      c0[i] = data[(5 * DX + i) * R + r];
      g3[i] = data[(6 * DX + i) * R + r];
      g4[i] = data[(7 * DX + i) * R + r];
      f3[i] = data[(8 * DX + i) * R + r];
      f4[i] = data[(9 * DX + i) * R + r];
    }
  }
  __device__ void at(const REAL* x) {
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      centre[i] = b[i] * x[i];
      slope[i] = c0[i] + gamma[i] * x[i];
    }
  }
  __device__ REAL f_z(int i, REAL z) const { return (slope[i] + h[i] * z) + (z * z) * (f3[i] + f4[i] * z); }
  __device__ REAL g_z(int i, REAL z) const { return a[i] * z + (z * z) * (g3[i] + g4[i] * z); }

  __device__ void grad_y(const REAL* y, REAL* F, REAL* G) const {
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      const REAL z = y[i] - centre[i];
      F[i] = f_z(i, z);
      G[i] = g_z(i, z);
    }
  }
  __device__ void grad_x(const REAL* x, const REAL* y, REAL* F, REAL* G) const {
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      const REAL z = y[i] - centre[i];
      F[i] = (curvature[i] * x[i] + gamma[i] * z) - b[i] * f_z(i, z);
      G[i] = -b[i] * g_z(i, z);
    }
  }
  __device__ REAL hypergradient(int i, const REAL* x) const { return curvature[i] * x[i]; }
};
#else
// Learn to regularise (paper 000, App. G): f = l_val(y), g = l_tr(y) + sum_i exp(2 x_i) ||y_i||^2, l the mean
// softmax cross-entropy of Y' a over samples a; y is Y (DX, CLASSES) row by row. data: the training samples, then
// the validation ones, each a_1 .. a_DX, label; shape: how many of both.
struct Level {
  static const bool KNOWN = false;
  const REAL *train, *val;
  i64 n_train, n_val;
  REAL weight[DX];

  __device__ void load(const REAL* data, const i64* shape, i64, i64) {
    n_train = shape[0];
    n_val = shape[1];
    train = data;
    val = data + n_train * (DX + 1);
  }
  __device__ void at(const REAL* x) {
    for (int i = 0; i < DX; ++i) weight[i] = (REAL)2 * exp((REAL)2 * x[i]);
  }
  __device__ void mean_slope(const REAL* samples, i64 n, const REAL* y, REAL* out) const {
    for (int i = 0; i < DY; ++i) out[i] = 0;
    for (i64 s = 0; s < n; ++s) {
      const REAL* sample = samples + s * (DX + 1);
      REAL z[CLASSES], top, sum = 0;
      for (int c = 0; c < CLASSES; ++c) z[c] = 0;
      for (int i = 0; i < DX; ++i)
#pragma unroll
        for (int c = 0; c < CLASSES; ++c) z[c] += sample[i] * y[i * CLASSES + c];
      top = z[0];
      for (int c = 1; c < CLASSES; ++c) top = z[c] > top ? z[c] : top;
      for (int c = 0; c < CLASSES; ++c) {
        z[c] = exp(z[c] - top);
        sum += z[c];
      }
      const int label = (int)sample[DX];
      for (int c = 0; c < CLASSES; ++c) z[c] = z[c] / sum - (c == label ? (REAL)1 : (REAL)0);
      for (int i = 0; i < DX; ++i)
#pragma unroll
        for (int c = 0; c < CLASSES; ++c) out[i * CLASSES + c] += sample[i] * z[c];
    }
    for (int i = 0; i < DY; ++i) out[i] = out[i] / (REAL)n;
  }
  __device__ void grad_y(const REAL* y, REAL* F, REAL* G) const {
    mean_slope(val, n_val, y, F);
    mean_slope(train, n_train, y, G);
    for (int i = 0; i < DY; ++i) G[i] += weight[i / CLASSES] * y[i];
  }
  __device__ void grad_x(const REAL*, const REAL* y, REAL* F, REAL* G) const {
    for (int i = 0; i < DX; ++i) {
      REAL square = 0;
      for (int c = 0; c < CLASSES; ++c) square += y[i * CLASSES + c] * y[i * CLASSES + c];
      F[i] = 0;
      G[i] = weight[i] * square;
    }
  }
  __device__ REAL hypergradient(int, const REAL*) const { return 0; }
};
#endif

__device__ __forceinline__ void grad_y(const Level& level, const REAL* y, REAL* F, REAL* G) { level.grad_y(y, F, G); }

__device__ __forceinline__ void grad_x(const Level& level, const REAL* x, const REAL* y, REAL* F, REAL* G) {
  level.grad_x(x, y, F, G);
}

// ||grad phi(x)||^2; NaN, which is below no level, where no closed form is known
__device__ __forceinline__ REAL grad_phi_square(const Level& level, const REAL* x) {
  if (!Level::KNOWN) return (REAL)0 / (REAL)0;
  REAL square = 0;
#pragma unroll
  for (int i = 0; i < DX; ++i) {
    const REAL g = level.hypergradient(i, x);
    square += g * g;
  }
  return square;
}

// sqrt(1 + ||y||^2 / (d scale^2)), 1 for an infinite scale: the size of multiplicative noise
__device__ __forceinline__ REAL amplitude(const REAL* y, REAL scale) {
  if (!(scale < (REAL)1e30)) return 1;
  REAL square = 0;
#pragma unroll
  for (int i = 0; i < DY; ++i) square += y[i] * y[i];
  return sqrt((REAL)1 + square / (REAL)DY / (scale * scale));
}
