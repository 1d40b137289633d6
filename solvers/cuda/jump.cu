// The jump kernel: outer steps of F2SA-p whose inner loops are their exact Gaussian law (solvers/jump_reference.py), one
// thread a run. A run's state (x, w, dx, last innovations) is read and written once a launch.
//
// Arrays with the runs contiguous: x, dx, before (DX, R), w (P, DX, R). Shared by all runs: curvature, bias0, bias1 (DX),
// slope, q (P, DX), and by row of the tables (row r valid for t < until[r]): eta_x, sigma (., DX), rho, gain
// (., P, DX), factor (., P, P, DX). MODE: 0 direct, 1 joint, 2 filtered.
#include "philox.cuh"
#include "watch.cuh"

#if MODE == 2
enum { WIDTH = DX, SHIFT = 2 };  // four steps share a draw: one step's normals alone would waste most of a block
#else
enum { WIDTH = (1 + P) * DX, SHIFT = 0 };
#endif
enum { DRAWN = 4 * (((WIDTH << SHIFT) + 3) / 4) };

__device__ __forceinline__ REAL square_of(const REAL* x, const REAL* curvature) {
  REAL square = 0;
#pragma unroll
  for (int i = 0; i < DX; ++i) {
    const REAL g = curvature[i] * x[i];
    square += g * g;
  }
  return square;
}

extern "C" __global__ void jump_look(
    i64 t, i64 R, i64 stop, const REAL* curvature, const REAL* x_all, REAL level, i64 t_max, double sustain,
    double linger, REAL* squares, i64* run_start, i64* times) {
  const i64 r = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (r >= R || times[2 * R + r] >= 0) return;
  REAL x[DX];
  for (int i = 0; i < DX; ++i) x[i] = x_all[i * R + r];
  squares[r] = square_of(x, curvature);
  watch(t, squares[r], level, t_max, sustain, linger, (int)stop, R, r, run_start, times);
}
KERNEL(jump_look)

// Steps t .. t + count - 1; after each one a look at the new x.
extern "C" __global__ void jump_steps(
    i64 t, i64 count, i64 R, i64 stop, i64 normalise, const u32* keys, const REAL* curvature, const REAL* bias0,
    const REAL* bias1, const REAL* slope, const REAL* q, const i64* until, const REAL* eta_x, const REAL* sigma,
    const REAL* rho, const REAL* gain, const REAL* factor, REAL* x_all, REAL* w_all, REAL* dx_all, REAL* before_all,
    REAL level, i64 t_max, double sustain, double linger, REAL* squares, i64* run_start, i64* times) {
  const i64 r = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (r >= R || times[2 * R + r] >= 0) return;
  REAL x[DX], dx[DX], before[DX], w[P][DX], estimate[DX], z[DRAWN];
  for (int i = 0; i < DX; ++i) {
    x[i] = x_all[i * R + r];
    dx[i] = dx_all[i * R + r];
    before[i] = before_all[i * R + r];
    for (int j = 0; j < P; ++j) w[j][i] = w_all[(j * DX + i) * R + r];
  }
  Place at = {keys[r], keys[R + r], 0u, 0u, lane_word(0, 16)};
  const i64 end = t + count;
  bool drawn = false;
  i64 row = 0;
  for (; t < end; ++t) {
    while (t >= until[row]) ++row;
    const int place = (int)(t & ((1 << SHIFT) - 1));
    if (place == 0 || !drawn) {
      const u64 draw = (u64)t >> SHIFT;
      at.step = (u32)draw;
      at.inner = (u32)(draw >> 32);
      for (int b = 0; b < DRAWN / 4; ++b) {
        const Words words = philox((u32)b, at);
        NORMAL z0, z1, z2, z3;
        box_muller(words.w[0], words.w[1], &z0, &z1);
        box_muller(words.w[2], words.w[3], &z2, &z3);
        z[4 * b] = (REAL)z0;
        z[4 * b + 1] = (REAL)z1;
        z[4 * b + 2] = (REAL)z2;
        z[4 * b + 3] = (REAL)z3;
      }
      drawn = true;
    }
    const REAL* zeta = z + place * WIDTH;
#pragma unroll
    for (int i = 0; i < DX; ++i) estimate[i] = curvature[i] * x[i] + (bias0[i] + bias1[i] * x[i]);
    for (int j = 0; j < P; ++j) {
#pragma unroll
      for (int i = 0; i < DX; ++i) {
        const i64 one = j * DX + i, entry = row * (P * DX) + one;
#if MODE == 0
        const REAL noise = gain[entry] * zeta[(1 + j) * DX + i];
#elif MODE == 1
        REAL noise = 0;
        for (int k = 0; k <= j; ++k) noise += factor[((row * P + j) * P + k) * DX + i] * zeta[(1 + k) * DX + i];
#else
        const REAL noise = gain[entry] * before[i];
#endif
        w[j][i] = rho[entry] * (w[j][i] - slope[one] * dx[i]) + noise;
        estimate[i] += q[one] * w[j][i];
      }
    }
    REAL size = 0;
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      estimate[i] += sigma[row * DX + i] * zeta[i];
      size += estimate[i] * estimate[i];
    }
    const REAL scale = !normalise ? -eta_x[row] : size > 0 ? -eta_x[row] / sqrt(size) : (REAL)0;
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      dx[i] = scale * estimate[i];
      x[i] += dx[i];
      before[i] = zeta[i];
    }
    squares[r] = square_of(x, curvature);
    watch(t + 1, squares[r], level, t_max, sustain, linger, (int)stop, R, r, run_start, times);
    if (times[2 * R + r] >= 0) break;
  }
  for (int i = 0; i < DX; ++i) {
    x_all[i * R + r] = x[i];
    dx_all[i * R + r] = dx[i];
    before_all[i * R + r] = before[i];
    for (int j = 0; j < P; ++j) w_all[(j * DX + i) * R + r] = w[j][i];
  }
}
KERNEL(jump_steps)
