/*
 * A blocked matrix product that keeps the numeric contract's chain. Between panels of k the
 * accumulators go back to c and are loaded again, which is exact, instead of being summed apart; so
 * blocking costs nothing in bits. The blocking follows Goto and van de Geijn, "Anatomy of
 * High-Performance Matrix Multiplication" (2008): a in packed blocks for the second-level cache, b
 * in packed slivers for the first.
 *
 * Included once by each vector variant, inside its anonymous namespace, after it has defined MR and
 * NR (register block), KC (k of one panel), MC (rows of a packed at once, a multiple of MR) and
 * micro_kernel. Nothing here may come from the C++ library: the linker keeps one copy of an inline
 * function, and it could be the one compiled for a newer processor.
 */
struct Matrix {
  const float *data;
  uint64_t stride;
};

/* A tile that hangs over an edge is worked on in a full-size copy; the surplus is never stored. */
void edge_kernel(uint64_t kc, const float *a, const float *b, float *c, uint64_t ldc, uint64_t mr,
                 uint64_t nr) {
  float tile[MR * NR] = {0};
  for (uint64_t i = 0; i < mr; i++) memcpy(tile + i * NR, c + i * ldc, nr * sizeof(float));
  micro_kernel(kc, a, b, tile, NR);
  for (uint64_t i = 0; i < mr; i++) memcpy(c + i * ldc, tile + i * NR, nr * sizeof(float));
}

/* Rows in groups of MR, k ascending inside a group; missing rows are zeros. */
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

/* One sliver of NR columns, k ascending; missing columns are zeros. */
void pack_b(Matrix b, uint64_t columns, uint64_t kc, float *packed) {
  if (columns == NR) {
    for (uint64_t p = 0; p < kc; p++) {
      const float *from = b.data + p * b.stride;
      /* The next sliver of this row is wanted soon and lies too far apart for the hardware. */
      for (uint64_t ahead = 0; ahead < NR; ahead += 16) __builtin_prefetch(from + NR + ahead, 0, 2);
      memcpy(packed + p * NR, from, NR * sizeof(float));
    }
    return;
  }
  memset(packed, 0, NR * kc * sizeof(float));
  for (uint64_t p = 0; p < kc; p++) {
    memcpy(packed + p * NR, b.data + p * b.stride, columns * sizeof(float));
  }
}

/* Every NaN that leaves a kernel has the same bits. */
void canonicalise_nan(float *c, uint64_t count) {
  const float quiet = kadre_float_of(KADRE_NAN_BITS);
  for (uint64_t i = 0; i < count; i++) c[i] = c[i] == c[i] ? c[i] : quiet;
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

uint32_t parts_of(const kadre_backend *, const kadre_task *task, uint32_t threads) {
  if (task->kernel != KADRE_GEMM_F32) return 1;
  const uint64_t *extents = task->extents;
  const double work = (double)extents[0] * (double)extents[1] * (double)extents[2];
  return kadre_row_parts(extents[0], work, MR, threads);
}

const char *run(const kadre_backend *, const kadre_task *task, uint32_t part, uint32_t parts) {
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
