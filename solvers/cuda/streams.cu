// The streams themselves, for tests and for timing the generator. where (6, R): experiment, seed, step, inner, word,
// first block; out (n, R) with lanes contiguous.
#include "philox.cuh"

#define LANE_OR_RETURN \
  const i64 r = (i64)blockIdx.x * blockDim.x + threadIdx.x; \
  if (r >= R) return; \
  const Place at = {where[r], where[R + r], where[2 * R + r], where[3 * R + r], where[4 * R + r]}; \
  const u32 first = where[5 * R + r];

extern "C" __global__ void fill_words(i64 n, i64 R, const u32* where, u32* out) {
  LANE_OR_RETURN
  for (i64 i = 0; i < n; ++i) out[i * R + r] = philox(first + (u32)(i / 4), at).w[i % 4];
}
KERNEL(fill_words)

extern "C" __global__ void fill_uniform(i64 n, i64 R, const u32* where, REAL* out) {
  LANE_OR_RETURN
  for (i64 i = 0; i < n; ++i) out[i * R + r] = (REAL)unit(philox(first + (u32)(i / 4), at).w[i % 4]);
}
KERNEL(fill_uniform)

extern "C" __global__ void fill_signs(i64 n, i64 R, const u32* where, REAL* out) {
  LANE_OR_RETURN
  Words block = {{0u, 0u, 0u, 0u}};
  for (i64 i = 0; i < n; ++i) {
    if (i % 128 == 0) block = philox(first + (u32)(i / 128), at);
    out[i * R + r] = (REAL)sign(block.w[(i % 128) / 32], (int)(i % 32));
  }
}
KERNEL(fill_signs)

extern "C" __global__ void fill_normals(i64 n, i64 R, const u32* where, REAL* out) {
  LANE_OR_RETURN
  for (i64 b = 0; 4 * b < n; ++b) {
    const Words block = philox(first + (u32)b, at);
    NORMAL z[4];
    box_muller(block.w[0], block.w[1], &z[0], &z[1]);
    box_muller(block.w[2], block.w[3], &z[2], &z[3]);
    for (int i = 0; i < 4 && 4 * b + i < n; ++i) out[(4 * b + i) * R + r] = (REAL)z[i];
  }
}
KERNEL(fill_normals)
