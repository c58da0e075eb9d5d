/*
 * AVX-512: 32 registers of sixteen floats.
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

#define VECTOR_BYTES 64

namespace {

/* Register block: 14 x 32 floats are 28 of the 32 vector registers. */
const uint64_t MR = 14;
const uint64_t NR = 32;
/* k of one panel: a sliver of b is 48 KiB. */
const uint64_t KC = 384;
/* Rows of a packed at once: at most 336 KiB, so that a core's second thread leaves room for it. */
const uint64_t MC = 224;

/* Columns of b packed at once: at most 2 MiB, for the last-level cache. */
const uint64_t NC = 2048;

/* c[14][32] (stride ldc) continues its chains over kc more products. */
void micro_kernel(uint64_t kc, const float *a, const float *b, float *c, uint64_t ldc) {
  __m512 acc[MR][2];
#pragma GCC unroll 14
  for (uint64_t i = 0; i < MR; i++) {
    acc[i][0] = _mm512_loadu_ps(c + i * ldc);
    acc[i][1] = _mm512_loadu_ps(c + i * ldc + 16);
  }
#pragma GCC unroll 4
  for (uint64_t p = 0; p < kc; p++) {
    const __m512 b0 = _mm512_load_ps(b);
    const __m512 b1 = _mm512_load_ps(b + 16);
#pragma GCC unroll 14
    for (uint64_t i = 0; i < MR; i++) {
      const __m512 left = _mm512_set1_ps(a[i]);
      acc[i][0] = _mm512_fmadd_ps(left, b0, acc[i][0]);
      acc[i][1] = _mm512_fmadd_ps(left, b1, acc[i][1]);
    }
    a += MR;
    b += NR;
  }
#pragma GCC unroll 14
  for (uint64_t i = 0; i < MR; i++) {
    _mm512_storeu_ps(c + i * ldc, acc[i][0]);
    _mm512_storeu_ps(c + i * ldc + 16, acc[i][1]);
  }
}

#include "gemm-blocked.h"

const uint64_t ROWS_PER_GRAIN = MR;
const double SLOWNESS = 1;

#include "kernels.h"

}  // namespace

extern "C" const kadre_backend kadre_cpu_avx512 = {"cpu/avx512", probe, parts_of, run};
