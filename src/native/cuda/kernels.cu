/*
 * Device code: one entry point per kernel and blocking, found by name by gpu.cc. Compiled by nvcc,
 * by clang, and by the host compiler for the fake driver.
 */
#include "language.h"

#include "gemm-f32.h"
#include "mandelbrot.h"

#define GEMM_F32(name, warps_m, warps_n, blocks_per_multiprocessor)                              \
  typedef gemm_f32::Blocking<warps_m, warps_n> name##_blocking;                                 \
  extern "C" __global__ void __launch_bounds__(name##_blocking::THREADS,                        \
                                               blocks_per_multiprocessor)                       \
      name(const float *a, const float *b, float *c, unsigned m, unsigned n,          \
           unsigned k, unsigned lda, unsigned ldb, unsigned ldc) {          \
    __shared__ name##_blocking::Panels panels[2];                                               \
    const gemm_f32::Operands x = {a, b, c, m, n, k, lda, ldb, ldc};                             \
    gemm_f32::tile<name##_blocking>(x, panels);                                                 \
  }

/* 128 x 128 elements per block for large products, 64 x 64 where those would leave the GPU idle. */
GEMM_F32(kadre_gemm_f32_128, 4, 2, 2)
GEMM_F32(kadre_gemm_f32_64, 2, 1, 6)

extern "C" __global__ void __launch_bounds__(mandelbrot::THREADS)
    kadre_mandelbrot(double x, double y, double span, unsigned *counts, unsigned width,
                     unsigned height, unsigned first, unsigned points, unsigned limit) {
  const unsigned at = blockIdx.x * mandelbrot::THREADS + threadIdx.x;
  if (at >= points) return;
  counts[at] = mandelbrot::steps_of({x, y, span, width, height}, first, at, limit);
}
