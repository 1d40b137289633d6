// Hitting times at time t from the squared gradient norm of one run: solvers/jump_kernel.py, watch.
// hit: first t below the level; sustained: first t0 from which the norm stayed below over [t0, sustain t0];
// last: the end, at linger t0 or at t_max. times (3, R): hit, sustained, last; -1: not yet.

__device__ __forceinline__ void watch(
    i64 t, REAL square, REAL level, i64 t_max, double sustain, double linger, int stop, i64 R, i64 r,
    i64* run_start, i64* times) {
  i64 &begun = run_start[r], &hit = times[r], &sustained = times[R + r], &last = times[2 * R + r];
  if (!(square <= level)) {
    begun = -1;
  } else if (begun < 0) {
    begun = t;
    if (hit < 0) hit = t;
  }
  if (sustained < 0 && begun >= 0 && (double)t >= sustain * (double)begun) sustained = begun;
  if (t == t_max || (stop && sustained >= 0 && (double)t >= linger * (double)sustained)) last = t;
}
