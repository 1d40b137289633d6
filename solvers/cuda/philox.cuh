// Philox4x32-10 and what is made of its words: the streams of synthetic/philox.py, the same integers.
// No header is included: the text compiles with nvcc, NVRTC, and with g++ behind shim.hpp.
// Compiled without fused multiply-add (--fmad=false, -ffp-contract=off) every operation below is an IEEE operation in
// the order written; signs and uniforms are then the same bits everywhere, normals differ by log, sin and cos only.
#ifndef KERNEL
#define KERNEL(NAME)
#endif

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#ifndef REAL
#define REAL double
#endif
#ifndef ROUNDS
#define ROUNDS 10
#endif

struct Words { u32 w[4]; };

// key = (experiment, seed), counter = (block, inner, step, word)
struct Place { u32 experiment, seed, step, inner, word; };

__device__ __forceinline__ u32 lane_word(int node, int stream) { return ((u32)(node + 32768) << 8) | (u32)stream; }

__device__ __forceinline__ Words philox(u32 block, const Place& at) {
  u32 c0 = block, c1 = at.inner, c2 = at.step, c3 = at.word, k0 = at.experiment, k1 = at.seed;
#pragma unroll
  for (int round = 0; round < ROUNDS; ++round) {
    const u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
    c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
    c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
    c1 = (u32)p1;
    c3 = (u32)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

__device__ __forceinline__ double unit(u32 word) { return ((double)word + 0.5) * 0x1p-32; }

__device__ __forceinline__ double sign(u32 word, int bit) { return 1.0 - 2.0 * (double)((word >> bit) & 1u); }

#ifdef FAST
// The same pair in the precision of the run: log(1 - v) above u = 1/2, where a float u would lose its digits.
typedef REAL NORMAL;
__device__ __forceinline__ void box_muller(u32 radius_word, u32 angle_word, REAL* first, REAL* second) {
  const bool upper = radius_word >> 31;
  const REAL v = ((REAL)(upper ? ~radius_word : radius_word) + (REAL)0.5) * (REAL)0x1p-32;
  const REAL r = sqrt((REAL)-2 * (upper ? log1p(-v) : log(v)));
  const REAL a = (REAL)6.283185307179586 * (((REAL)(int)angle_word + (REAL)0.5) * (REAL)0x1p-32);
  *first = r * cos(a);
  *second = r * sin(a);
}
#else
// (r cos a, r sin a), r = sqrt(-2 log u), a = 2 pi u', in double whatever REAL is
typedef double NORMAL;
__device__ __forceinline__ void box_muller(u32 radius_word, u32 angle_word, double* first, double* second) {
  const double r = sqrt(-2.0 * log(unit(radius_word)));
  const double a = 6.283185307179586 * unit(angle_word);
  *first = r * cos(a);
  *second = r * sin(a);
}
#endif
