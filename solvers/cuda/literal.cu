// F2SA-p literally: solvers/literal_reference.py, one thread a lane.
// R runs (a seed at an eps), P nodes. x (DX, R), y (P, DY, R), sum_f, sum_g (P, DX, R), the runs contiguous, so that
// neighbouring threads read neighbouring numbers. A lane's state is read once and written once a launch; in between
// it takes up to `count` steps.
//
// keys (2, R): experiment, seed. numbers (4, R): nu, sigma_f, sigma_g, scale. Stages: whole (3, stages, R): first outer
// step, S, K; real (4, stages, R): eta_x, eta_y, sigma_f/S, sigma_g/S. times (3, R), run_start (R): see watch.cuh.
// meter (P, R): samples drawn. flags: 1 frozen, 2 node 0's samples in the x step, 4 also in the inner loops, 8 normalise.
#include "philox.cuh"
#include "noise.cuh"
#include "watch.cuh"
#include "levels.cuh"

enum { FROZEN = 1, SHARED_X = 2, SHARED_INNER = 4, NORMALISE = 8 };

__device__ __forceinline__ i64 thread_number() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }

__device__ __forceinline__ i64 stage_at(i64 t, const i64* whole, i64 stages, i64 R, i64 r) {
  i64 s = 0;
  while (s + 1 < stages && t >= whole[(s + 1) * R + r]) ++s;
  return s;
}

__device__ __forceinline__ void read(REAL* to, const REAL* from, int n, i64 R, i64 r) {
#pragma unroll
  for (int i = 0; i < n; ++i) to[i] = from[i * R + r];
}

__device__ __forceinline__ void write(REAL* to, const REAL* from, int n, i64 R, i64 r) {
#pragma unroll
  for (int i = 0; i < n; ++i) to[i * R + r] = from[i];
}

// y <- y - eta_y (j nu F_y + G_y) for steps first .. first + count - 1 of each lane's K.
extern "C" __global__ void inner_steps(
    i64 t, i64 first, i64 count, i64 R, i64 P, i64 stages, i64 flags, const i64* times, const u32* keys,
    const i64* nodes, const i64* whole, const REAL* real, const REAL* numbers, const REAL* data, const i64* shape,
    const REAL* x_all, REAL* y_all, i64* meter) {
  const i64 lane = thread_number();
  if (lane >= R * P) return;
  const i64 r = lane % R, m = lane / R;
  if (times[2 * R + r] >= 0) return;
  const i64 s = stage_at(t, whole, stages, R, r), K = whole[(2 * stages + s) * R + r];
  const i64 end = first + count < K ? first + count : K;
  if (first >= end) return;
  REAL x[DX], y[DY], F[DY], G[DY];
  read(x, x_all, DX, R, r);
  read(y, y_all + m * DY * R, DY, R, r);
  Level level;
  level.load(data, shape, R, r);
  level.at(x);
  const REAL eta = real[(stages + s) * R + r], j_nu = (REAL)nodes[m] * numbers[r];
  const REAL sigma_f = numbers[R + r], sigma_g = numbers[2 * R + r], scale = numbers[3 * R + r];
  const int node = flags & SHARED_INNER ? 0 : (int)nodes[m];
  Place at = {keys[r], keys[R + r], (u32)t, 1u, 0u};
  for (i64 k = first; k < end; ++k) {
    if (!(flags & FROZEN)) at.inner = (u32)(1 + k);
    grad_y(level, y, F, G);
    const REAL size = amplitude(y, scale), on_f = sigma_f * size, on_g = sigma_g * size;
    each_noise<DY>(0u, at, node, 1, [&](int i, REAL f, REAL g) {
      y[i] -= eta * (j_nu * (F[i] + on_f * f) + (G[i] + on_g * g));
    });
  }
  write(y_all + m * DY * R, y, DY, R, r);
  meter[lane] += end - first;
}
KERNEL(inner_steps)

// sum_f, sum_g += the noise of samples first .. first + count - 1 of each lane's S, in their order.
extern "C" __global__ void batch_sums(
    i64 t, i64 first, i64 count, i64 R, i64 P, i64 stages, i64 flags, const i64* times, const u32* keys,
    const i64* nodes, const i64* whole, REAL* sum_f, REAL* sum_g, i64* meter) {
  const i64 lane = thread_number();
  if (lane >= R * P) return;
  const i64 r = lane % R, m = lane / R;
  if (times[2 * R + r] >= 0) return;
  const i64 s = stage_at(t, whole, stages, R, r), S = whole[(stages + s) * R + r];
  const i64 end = first + count < S ? first + count : S;
  if (first >= end) return;
  REAL f_total[DX], g_total[DX];
  for (int i = 0; i < DX; ++i) {
    f_total[i] = first ? sum_f[(m * DX + i) * R + r] : (REAL)0;
    g_total[i] = first ? sum_g[(m * DX + i) * R + r] : (REAL)0;
  }
  const int node = flags & SHARED_X ? 0 : (int)nodes[m];
  const Place at = {keys[r], keys[R + r], (u32)t, 0u, 0u};
  for (i64 k = first; k < end; ++k)
    each_noise<DX>((u32)k * blocks_of(DX), at, node, 0, [&](int i, REAL f, REAL g) {
      f_total[i] += f;
      g_total[i] += g;
    });
  write(sum_f + m * DX * R, f_total, DX, R, r);
  write(sum_g + m * DX * R, g_total, DX, R, r);
  meter[lane] += end - first;
}
KERNEL(batch_sums)

// limits (3, R): level eps^2 as REAL is apart in `levels`; ends (2, R): sustain, linger; t_max (R); stop for all.
extern "C" __global__ void look(
    i64 t, i64 R, i64 stop, const REAL* data, const i64* shape, const REAL* x_all, const REAL* levels,
    const i64* t_max, const double* ends, REAL* squares, i64* run_start, i64* times) {
  const i64 r = thread_number();
  if (r >= R || times[2 * R + r] >= 0) return;
  REAL x[DX];
  read(x, x_all, DX, R, r);
  Level level;
  level.load(data, shape, R, r);
  squares[r] = grad_phi_square(level, x);
  watch(t, squares[r], levels[r], t_max[r], ends[r], ends[R + r], (int)stop, R, r, run_start, times);
}
KERNEL(look)

// x <- x - eta_x Phi (/ ||Phi||), Phi = sum_j alpha_j (j F_x + G_x/nu) with the batch's noise, then look at t + 1.
extern "C" __global__ void outer_step(
    i64 t, i64 R, i64 P, i64 stages, i64 flags, i64 stop, const i64* nodes, const REAL* alpha, const i64* whole,
    const REAL* real, const REAL* numbers, const REAL* data, const i64* shape, REAL* x_all, const REAL* y_all,
    const REAL* sum_f, const REAL* sum_g, const REAL* levels, const i64* t_max, const double* ends, REAL* squares,
    i64* run_start, i64* times) {
  const i64 r = thread_number();
  if (r >= R || times[2 * R + r] >= 0) return;
  const i64 s = stage_at(t, whole, stages, R, r);
  REAL x[DX], y[DY], F[DX], G[DX], estimate[DX];
  read(x, x_all, DX, R, r);
  Level level;
  level.load(data, shape, R, r);
  level.at(x);
#pragma unroll
  for (int i = 0; i < DX; ++i) estimate[i] = 0;
  const REAL nu = numbers[r], scale = numbers[3 * R + r], eta = real[s * R + r];
  for (i64 m = 0; m < P; ++m) {
    read(y, y_all + m * DY * R, DY, R, r);
    grad_x(level, x, y, F, G);
    const REAL size = amplitude(y, scale), j = (REAL)nodes[m], weight = alpha[m];
    const REAL on_f = real[(2 * stages + s) * R + r] * size, on_g = real[(3 * stages + s) * R + r] * size;
#pragma unroll
    for (int i = 0; i < DX; ++i) {
      const i64 at = (m * DX + i) * R + r;
      const REAL f = F[i] + on_f * sum_f[at], g = G[i] + on_g * sum_g[at];
      estimate[i] += weight * (j * f + g / nu);
    }
  }
  REAL size = 0;
#pragma unroll
  for (int i = 0; i < DX; ++i) size += estimate[i] * estimate[i];
  size = flags & NORMALISE ? sqrt(size) : (REAL)1;
  if (size > 0) {
#pragma unroll
    for (int i = 0; i < DX; ++i) x[i] -= eta * (estimate[i] / size);
  }
  write(x_all, x, DX, R, r);
  squares[r] = grad_phi_square(level, x);
  watch(t + 1, squares[r], levels[r], t_max[r], ends[r], ends[R + r], (int)stop, R, r, run_start, times);
}
KERNEL(outer_step)
