/*
 * AVX2 with fused multiply-add: any x86-64 since about 2013.
 * This file is compiled with its own instruction set; the addon calls it only on processors that
 * have it. The blocking is gemm-blocked.h.
 */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "../backend.h"
#include "../portable/mandelbrot.h"
#include "../portable/montecarlo.h"
#include "../portable/sha256.h"
#include "rounding.h"
#include "split.h"

#define VECTOR_BYTES 32

namespace {

/* Register block: 6 x 16 floats are 12 of the 16 vector registers. */
const uint64_t MR = 6;
const uint64_t NR = 16;
/* k of one panel: a sliver of b is 32 KiB. */
const uint64_t KC = 512;
/* Rows of a packed at once: at most 240 KiB, so that a core's second thread leaves room for it. */
const uint64_t MC = 120;

/* Columns of b packed at once: at most 2 MiB, for the last-level cache. */
const uint64_t NC = 2048;

/* c[6][16] (stride ldc) continues its chains over kc more products. */
void micro_kernel(uint64_t kc, const float *a, const float *b, float *c, uint64_t ldc) {
  __m256 acc[MR][2];
#pragma GCC unroll 6
  for (uint64_t i = 0; i < MR; i++) {
    acc[i][0] = _mm256_loadu_ps(c + i * ldc);
    acc[i][1] = _mm256_loadu_ps(c + i * ldc + 8);
  }
#pragma GCC unroll 4
  for (uint64_t p = 0; p < kc; p++) {
    const __m256 b0 = _mm256_load_ps(b);
    const __m256 b1 = _mm256_load_ps(b + 8);
#pragma GCC unroll 6
    for (uint64_t i = 0; i < MR; i++) {
      const __m256 left = _mm256_broadcast_ss(a + i);
      acc[i][0] = _mm256_fmadd_ps(left, b0, acc[i][0]);
      acc[i][1] = _mm256_fmadd_ps(left, b1, acc[i][1]);
    }
    a += MR;
    b += NR;
  }
#pragma GCC unroll 6
  for (uint64_t i = 0; i < MR; i++) {
    _mm256_storeu_ps(c + i * ldc, acc[i][0]);
    _mm256_storeu_ps(c + i * ldc + 8, acc[i][1]);
  }
}

#include "gemm-blocked.h"

const uint64_t ROWS_PER_GRAIN = MR;
const double SLOWNESS = 1;

#include "kernels.h"

}  // namespace

extern "C" const kadre_backend kadre_cpu_avx2 = {"cpu/avx2", probe, parts_of, run};
