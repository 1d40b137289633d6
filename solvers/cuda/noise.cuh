// One sample of F's and of G's noise, coordinate by coordinate. NOISE: 0 normals, 1 signs.
// The streams are numbered FX 0, FY 1, GX 2, GY 3: F's stream is `part` (0: x, 1: y), G's part + 2.

#ifndef NOISE
#define NOISE 0
#endif

#if NOISE == 1
enum { PER_BLOCK = 128 };
#else
enum { PER_BLOCK = 4 };
#endif

// Blocks of one draw of n coordinates.
__device__ __forceinline__ u32 blocks_of(int n) { return (u32)((n + PER_BLOCK - 1) / PER_BLOCK); }

// use(i, noise of F, noise of G) for i < N. `first`: the draw's first block; at.word is set here.
template <int N, class Use>
__device__ __forceinline__ void each_noise(u32 first, Place at, int node, int part, Use use) {
  Place to = at;
  at.word = lane_word(node, part);
  to.word = lane_word(node, part + 2);
#if NOISE == 1
  Words f = {{0u, 0u, 0u, 0u}}, g = f;
#pragma unroll
  for (int i = 0; i < N; ++i) {
    if (i % 128 == 0) {
      f = philox(first + (u32)(i / 128), at);
      g = philox(first + (u32)(i / 128), to);
    }
    const int word = (i % 128) / 32;
    use(i, (REAL)sign(f.w[word], i % 32), (REAL)sign(g.w[word], i % 32));
  }
#else
#pragma unroll
  for (int b = 0; b < (N + 3) / 4; ++b) {
    const Words f = philox(first + (u32)b, at), g = philox(first + (u32)b, to);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int i = 4 * b + 2 * half;
      if (i < N) {
        NORMAL f0, f1, g0, g1;
        box_muller(f.w[2 * half], f.w[2 * half + 1], &f0, &f1);
        box_muller(g.w[2 * half], g.w[2 * half + 1], &g0, &g1);
        use(i, (REAL)f0, (REAL)g0);
        if (i + 1 < N) use(i + 1, (REAL)f1, (REAL)g1);
      }
    }
  }
#endif
}
