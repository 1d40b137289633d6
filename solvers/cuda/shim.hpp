// Runs the CUDA sources of this folder on a CPU, one thread after the other: what the tests compile with g++.
// A kernel is started through launch_NAME(blocks, threads, arguments), its arguments by address as in cuLaunchKernel.
#pragma once
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __forceinline__ inline

struct ShimIndex { unsigned x, y, z; };
static thread_local ShimIndex threadIdx, blockIdx, blockDim, gridDim;

using std::erfc; using std::exp; using std::fabs; using std::log; using std::log1p; using std::sqrt; using std::sin; using std::cos;

template <class... A, std::size_t... I>
void shim_call(void (*kernel)(A...), void** a, std::index_sequence<I...>) {
  kernel(*static_cast<std::remove_reference_t<A>*>(a[I])...);
}

template <class... A>
void shim_launch(void (*kernel)(A...), unsigned blocks, unsigned threads, void** arguments) {
  gridDim = {blocks, 1, 1};
  blockDim = {threads, 1, 1};
  for (unsigned b = 0; b < blocks; ++b)
    for (unsigned t = 0; t < threads; ++t) {
      blockIdx = {b, 0, 0};
      threadIdx = {t, 0, 0};
      shim_call(kernel, arguments, std::index_sequence_for<A...>{});
    }
}

#define KERNEL(NAME) \
  extern "C" void launch_##NAME(unsigned blocks, unsigned threads, void** arguments) { \
    shim_launch(NAME, blocks, threads, arguments); \
  }
