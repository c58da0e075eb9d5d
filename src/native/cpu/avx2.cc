/*
 * AVX2 with fused multiply-add: a blocked matrix product that keeps the numeric contract's chain.
 * Between panels of k the accumulators go back to c and are loaded again, which is exact, instead
 * of being summed apart; so blocking costs nothing in bits. The blocking follows Goto and van de
 * Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): a in packed blocks for the
 * second-level cache, b in packed slivers for the first.
 * This file is compiled with its own instruction set: it must not use anything inline from the C++
 * library, whose copies could be picked for code that runs on older processors.
 */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "../backend.h"
#include "rounding.h"
#include "split.h"

namespace {

/* Register block: 6 x 16 floats are 12 of the 16 vector registers. */
const uint64_t MR = 6;
const uint64_t NR = 16;
/* k of one panel: a sliver of b is 16 KiB, a third of the first-level cache. */
const uint64_t KC = 256;
/* Rows of a packed at once: at most 480 KiB, half of the second-level cache. */
const uint64_t MC = 480;

struct Matrix {
  const float *data;
  uint64_t stride;
};

/* c[6][16] (stride ldc) continues its chains over kc more products. */
void micro_kernel(uint64_t kc, const float *a, const float *b, float *c, uint64_t ldc) {
  __m256 acc[MR][2];
#pragma GCC unroll 6
  for (uint64_t i = 0; i < MR; i++) {
    acc[i][0] = _mm256_loadu_ps(c + i * ldc);
    acc[i][1] = _mm256_loadu_ps(c + i * ldc + 8);
  }
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

/* A tile that hangs over an edge is worked on in a full-size copy; the surplus is never stored. */
void edge_kernel(uint64_t kc, const float *a, const float *b, float *c, uint64_t ldc, uint64_t mr,
                 uint64_t nr) {
  float tile[MR * NR] = {0};
  for (uint64_t i = 0; i < mr; i++) memcpy(tile + i * NR, c + i * ldc, nr * sizeof(float));
  micro_kernel(kc, a, b, tile, NR);
  for (uint64_t i = 0; i < mr; i++) memcpy(c + i * ldc, tile + i * NR, nr * sizeof(float));
}

/* Rows in groups of six, k ascending inside a group; missing rows are zeros. */
void pack_a(Matrix a, uint64_t rows, uint64_t kc, float *packed) {
  for (uint64_t i = 0; i < rows; i += MR) {
    const uint64_t mr = rows - i < MR ? rows - i : MR;
    const float *from = a.data + i * a.stride;
    if (mr < MR) memset(packed, 0, MR * kc * sizeof(float));
    for (uint64_t r = 0; r < mr; r++) {
      for (uint64_t p = 0; p < kc; p++) packed[p * MR + r] = from[r * a.stride + p];
    }
    packed += MR * kc;
  }
}

/* One sliver of sixteen columns, k ascending; missing columns are zeros. */
void pack_b(Matrix b, uint64_t columns, uint64_t kc, float *packed) {
  if (columns == NR) {
    for (uint64_t p = 0; p < kc; p++) {
      const float *from = b.data + p * b.stride;
      /* The next sliver of this row is wanted soon and lies too far apart for the hardware. */
      _mm_prefetch(reinterpret_cast<const char *>(from + NR), _MM_HINT_T1);
      _mm256_store_ps(packed + p * NR, _mm256_loadu_ps(from));
      _mm256_store_ps(packed + p * NR + 8, _mm256_loadu_ps(from + 8));
    }
    return;
  }
  memset(packed, 0, NR * kc * sizeof(float));
  for (uint64_t p = 0; p < kc; p++) {
    memcpy(packed + p * NR, b.data + p * b.stride, columns * sizeof(float));
  }
}

void canonicalise_nan(float *c, uint64_t count) {
  const __m256 quiet = _mm256_set1_ps(kadre_float_of(KADRE_NAN_BITS));
  uint64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 value = _mm256_loadu_ps(c + i);
    const __m256 is_nan = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    if (_mm256_movemask_ps(is_nan)) _mm256_storeu_ps(c + i, _mm256_blendv_ps(value, quiet, is_nan));
  }
  for (; i < count; i++) {
    if (c[i] != c[i]) c[i] = kadre_float_of(KADRE_NAN_BITS);
  }
}

/* One block of at most MC rows against all of b. */
void gemm_block(Matrix a, Matrix b, float *c, uint64_t rows, uint64_t columns, uint64_t k,
                float *packed_a, float *packed_b) {
  for (uint64_t p = 0; p < k; p += KC) {
    const uint64_t kc = k - p < KC ? k - p : KC;
    const Matrix panel = {a.data + p, a.stride};
    pack_a(panel, rows, kc, packed_a);
    for (uint64_t j = 0; j < columns; j += NR) {
      const uint64_t nr = columns - j < NR ? columns - j : NR;
      const Matrix sliver = {b.data + p * b.stride + j, b.stride};
      pack_b(sliver, nr, kc, packed_b);
      for (uint64_t i = 0; i < rows; i += MR) {
        const uint64_t mr = rows - i < MR ? rows - i : MR;
        float *tile = c + i * columns + j;
        if (mr == MR && nr == NR) {
          micro_kernel(kc, packed_a + i * kc, packed_b, tile, columns);
        } else {
          edge_kernel(kc, packed_a + i * kc, packed_b, tile, columns, mr, nr);
        }
      }
    }
  }
}

const char *gemm_rows(const kadre_task *task, uint64_t first_row, uint64_t end_row) {
  const uint64_t columns = task->extents[1], k = task->extents[2];
  const uint64_t rows = end_row - first_row;
  if (rows == 0) return nullptr;
  /* Even blocks, in whole register blocks, so that none is a sliver. */
  const uint64_t blocks = (rows + MC - 1) / MC;
  const uint64_t block_rows = ((rows + blocks - 1) / blocks + MR - 1) / MR * MR;
  const uint64_t kc_max = k < KC ? k : KC;
  const uint64_t a_floats = (block_rows * kc_max + 15) / 16 * 16;
  const uint64_t bytes = ((a_floats + NR * kc_max) * sizeof(float) + 63) / 64 * 64;
  float *packed = static_cast<float *>(aligned_alloc(64, bytes == 0 ? 64 : bytes));
  if (packed == nullptr) return "out-of-memory";
  const Matrix b = {static_cast<const float *>(task->inputs[1]), task->extents[4]};
  float *c = static_cast<float *>(task->outputs[0]) + first_row * columns;
  memset(c, 0, rows * columns * sizeof(float));
  for (uint64_t i = 0; i < rows; i += block_rows) {
    const uint64_t count = rows - i < block_rows ? rows - i : block_rows;
    const uint64_t lda = task->extents[3];
    const Matrix a = {static_cast<const float *>(task->inputs[0]) + (first_row + i) * lda, lda};
    gemm_block(a, b, c + i * columns, count, columns, k, packed, packed + a_floats);
  }
  free(packed);
  canonicalise_nan(c, rows * columns);
  return nullptr;
}

const char *probe() {
  const kadre_fp_mode saved = kadre_fp_enter();
  const char *problem = kadre_rounding_problem();
  kadre_fp_leave(saved);
  return problem;
}

uint32_t parts_of(const kadre_task *task, uint32_t threads) {
  if (task->kernel != KADRE_GEMM_F32) return 1;
  const uint64_t *extents = task->extents;
  const double work = (double)extents[0] * (double)extents[1] * (double)extents[2];
  return kadre_row_parts(extents[0], work, MR, threads);
}

const char *run(const kadre_task *task, uint32_t part, uint32_t parts) {
  if (task->kernel == KADRE_NOOP) {
    memset(task->outputs[0], 0, task->extents[0]);
    return nullptr;
  }
  if (task->kernel != KADRE_GEMM_F32) return "unknown-kernel";
  const kadre_fp_mode saved = kadre_fp_enter();
  const uint64_t rows = task->extents[0];
  const uint64_t first = kadre_part_start(rows, MR, part, parts);
  const char *problem = gemm_rows(task, first, kadre_part_start(rows, MR, part + 1, parts));
  kadre_fp_leave(saved);
  return problem;
}

}  // namespace

extern "C" const kadre_backend kadre_cpu_avx2 = {"cpu/avx2", probe, parts_of, run};
