/*
 * The backend for any CPU: the numeric contract in plain loops over fmaf. On processors with fused
 * multiply-add in their base instruction set (arm64) the compiler vectorises it; elsewhere fmaf is
 * the C library's exact one, slow and right.
 */
#include <math.h>
#include <string.h>

#include "../backend.h"
#include "rounding.h"
#include "split.h"

namespace {

/* Columns kept in registers or first-level cache while k ascends. */
const uint64_t STRIP = 64;

void gemm_rows(const kadre_task *task, uint64_t first_row, uint64_t end_row) {
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
        out[j] = acc[j] == acc[j] ? acc[j] : kadre_float_of(KADRE_NAN_BITS);
      }
    }
  }
}

const char *probe() {
  const kadre_fp_mode saved = kadre_fp_enter();
  const char *problem = kadre_rounding_problem();
  kadre_fp_leave(saved);
  return problem;
}

uint32_t parts_of(const kadre_backend *, const kadre_task *task, uint32_t threads) {
  if (task->kernel != KADRE_GEMM_F32) return 1;
  const uint64_t *extents = task->extents;
  /* About a hundred times slower than a vector variant, so smaller parts are worth it. */
  const double work = 1e2 * (double)extents[0] * (double)extents[1] * (double)extents[2];
  return kadre_row_parts(extents[0], work, 1, threads);
}

const char *run(const kadre_backend *, const kadre_task *task, uint32_t part, uint32_t parts) {
  if (task->kernel == KADRE_NOOP) {
    memset(task->outputs[0], 0, task->extents[0]);
    return nullptr;
  }
  if (task->kernel != KADRE_GEMM_F32) return "unknown-kernel";
  const kadre_fp_mode saved = kadre_fp_enter();
  const uint64_t rows = task->extents[0];
  const uint64_t first = kadre_part_start(rows, 1, part, parts);
  gemm_rows(task, first, kadre_part_start(rows, 1, part + 1, parts));
  kadre_fp_leave(saved);
  return nullptr;
}

}  // namespace

extern "C" const kadre_backend kadre_cpu_generic = {"cpu/generic", probe, parts_of, run};
