/*
 * A blocked matrix product that keeps the numeric contract's chain. Between panels of k the
 * accumulators go back to c and are loaded again, which is exact, instead of being summed apart; so
 * blocking costs nothing in bits. The blocking follows Goto and van de Geijn, "Anatomy of
 * High-Performance Matrix Multiplication" (2008): a in packed blocks for the second-level cache, b
 * in packed slivers for the first.
 *
 * Included once by each vector variant, inside its anonymous namespace, after it has defined MR and
 * NR (register block), KC (k of one panel), MC (rows of a packed at once, a multiple of MR), NC
 * (columns of b packed at once, a multiple of NR) and micro_kernel. Nothing here may come from the
 * C++ library: the linker keeps one copy of an inline function, and it could be the one compiled
 * for a newer processor.
 */
struct Matrix {
  const float *data;
  uint64_t stride;
};

struct Result {
  float *data;
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
  for (uint64_t i = 0; i < count; i++) c[i] = kadre_canonical(c[i]);
}

/* Where packed operands lie; slivers of b are `sliver` floats apart, 0: one place for all. */
struct Packed {
  float *a, *b;
  uint64_t sliver;
};

/*
 * One block of at most MC rows and one panel of kc products against columns of b. Slivers of b are
 * packed just before their first use, while they are in the first-level cache, and kept for the
 * blocks of rows that follow.
 */
void gemm_block(Matrix a, Matrix b, Result c, const uint64_t extents[3], Packed packed,
                bool is_first) {
  const uint64_t rows = extents[0], columns = extents[1], kc = extents[2], ldc = c.stride;
  pack_a(a, rows, kc, packed.a);
  for (uint64_t j = 0; j < columns; j += NR) {
    const uint64_t nr = columns - j < NR ? columns - j : NR;
    float *sliver = packed.b + j / NR * packed.sliver;
    if (is_first) pack_b({b.data + j, b.stride}, nr, kc, sliver);
    for (uint64_t i = 0; i < rows; i += MR) {
      const uint64_t mr = rows - i < MR ? rows - i : MR;
      float *tile = c.data + i * ldc + j;
      if (mr == MR && nr == NR) {
        micro_kernel(kc, packed.a + i * kc, sliver, tile, ldc);
      } else {
        edge_kernel(kc, packed.a + i * kc, sliver, tile, ldc, mr, nr);
      }
    }
  }
}

uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

/* All of c: columns in stripes of NC, k in panels of KC, rows in even blocks. */
void gemm_blocks(Matrix a, Matrix b, Result c, const uint64_t extents[3], uint64_t block_rows,
                 Packed packed) {
  const uint64_t rows = extents[0], columns = extents[1], k = extents[2];
  for (uint64_t j = 0; j < columns; j += NC) {
    const uint64_t nc = columns - j < NC ? columns - j : NC;
    for (uint64_t p = 0; p < k; p += KC) {
      const uint64_t kc = k - p < KC ? k - p : KC;
      for (uint64_t i = 0; i < rows; i += block_rows) {
        const uint64_t block[3] = {rows - i < block_rows ? rows - i : block_rows, nc, kc};
        gemm_block({a.data + i * a.stride + p, a.stride}, {b.data + p * b.stride + j, b.stride},
                   {c.data + i * c.stride + j, c.stride}, block, packed, i == 0);
      }
    }
  }
}

const char *gemm_rows(const kadre_task *task, uint64_t first_row, uint64_t end_row) {
  const uint64_t columns = task->extents[1], k = task->extents[2], lda = task->extents[3];
  const uint64_t rows = end_row - first_row;
  /* Even blocks, in whole register blocks, so that none is a sliver. */
  const uint64_t blocks = (rows + MC - 1) / MC;
  const uint64_t block_rows = round_up((rows + blocks - 1) / blocks, MR);
  const uint64_t kc_max = k < KC ? k : KC;
  /* With one block of rows a sliver of b is used once: one place in the nearest cache will do. */
  const uint64_t sliver = NR * kc_max;
  const uint64_t slivers = blocks == 1 ? 1 : round_up(columns < NC ? columns : NC, NR) / NR;
  const uint64_t a_floats = round_up(block_rows * kc_max, 16);
  const uint64_t bytes = round_up((a_floats + slivers * sliver) * sizeof(float), 64);
  float *space = static_cast<float *>(aligned_alloc(64, bytes == 0 ? 64 : bytes));
  if (space == nullptr) return "out-of-memory";
  float *c = static_cast<float *>(task->outputs[0]) + first_row * columns;
  memset(c, 0, rows * columns * sizeof(float));
  const uint64_t extents[3] = {rows, columns, k};
  const float *a = static_cast<const float *>(task->inputs[0]) + first_row * lda;
  const float *b = static_cast<const float *>(task->inputs[1]);
  gemm_blocks({a, lda}, {b, task->extents[4]}, {c, columns}, extents, block_rows,
              {space, space + a_floats, blocks == 1 ? 0 : sliver});
  free(space);
  canonicalise_nan(c, rows * columns);
  return nullptr;
}
