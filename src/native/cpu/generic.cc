/*
 * The backend for any CPU: the numeric contract in plain loops over fmaf. On processors with fused
 * multiply-add in their base instruction set (arm64) the compiler vectorises it; elsewhere fmaf is
 * the C library's exact one, slow and right.
 */
#include <math.h>
#include <string.h>

#include "../backend.h"
#include "../portable/mandelbrot.h"
#include "../portable/montecarlo.h"
#include "../portable/sha256.h"
#include "rounding.h"
#include "split.h"

#define VECTOR_BYTES 16

namespace {

/* Columns kept in registers or first-level cache while k ascends. */
const uint64_t STRIP = 64;

const char *gemm_rows(const kadre_task *task, uint64_t first_row, uint64_t end_row) {
  const uint64_t columns = task->extents[1], k = task->extents[2];
  const uint64_t lda = task->extents[3], ldb = task->extents[4];
  const float *a = static_cast<const float *>(task->inputs[0]);
  const float *b = static_cast<const float *>(task->inputs[1]);
  float *c = static_cast<float *>(task->outputs[0]);
  for (uint64_t row = first_row; row < end_row; row++) {
    for (uint64_t column = 0; column < columns; column += STRIP) {
      const uint64_t width = columns - column < STRIP ? columns - column : STRIP;
      float acc[STRIP] = {0};
      for (uint64_t p = 0; p < k; p++) {
        const float left = a[row * lda + p];
        const float *right = b + p * ldb + column;
        for (uint64_t j = 0; j < width; j++) acc[j] = fmaf(left, right[j], acc[j]);
      }
      float *out = c + row * columns + column;
      for (uint64_t j = 0; j < width; j++) {
        out[j] = kadre_canonical(acc[j]);
      }
    }
  }
  return nullptr;
}

const uint64_t ROWS_PER_GRAIN = 1;
/* About a hundred times slower than a vector variant, so smaller parts are worth a thread. */
const double SLOWNESS = 100;

#include "kernels.h"

}  // namespace

extern "C" const kadre_backend kadre_cpu_generic = {"cpu/generic", probe, parts_of, run};
