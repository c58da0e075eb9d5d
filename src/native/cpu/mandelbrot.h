/*
 * `mandelbrot@1`, rows first..end: several vectors of points at once, because one point's steps
 * wait for each other. A lane that has escaped goes on, uncounted, until all have.
 */
typedef double Reals __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t Flags __attribute__((vector_size(VECTOR_BYTES)));

const uint64_t REALS = VECTOR_BYTES / sizeof(double);
const uint64_t VECTORS = 4;
const uint64_t POINTS = VECTORS * REALS;
/* Steps between two looks at whether any lane is left. */
const uint64_t STRIDE = 16;

bool any_set(const Flags flags[VECTORS]) {
  Flags either = flags[0];
  for (uint64_t v = 1; v < VECTORS; v++) either |= flags[v];
  int64_t any = 0;
  for (uint64_t i = 0; i < REALS; i++) any |= either[i];
  return any != 0;
}

/* Iterations of POINTS points that share an imaginary part. */
void mandelbrot_points(const double *real, double imaginary, uint64_t limit, int64_t *counts) {
  Reals cx[VECTORS], x[VECTORS], y[VECTORS];
  Flags inside[VECTORS], count[VECTORS];
  const Reals zero = {0}, cy = imaginary + zero, four = 4.0 + zero;
  for (uint64_t v = 0; v < VECTORS; v++) {
    memcpy(&cx[v], real + v * REALS, sizeof cx[v]);
    x[v] = y[v] = zero;
    inside[v] = zero == zero;
    count[v] = inside[v] - inside[v];
  }
  for (uint64_t n = 0; n < limit && any_set(inside); n += STRIDE) {
    const uint64_t steps = limit - n < STRIDE ? limit - n : STRIDE;
    for (uint64_t i = 0; i < steps; i++) {
#pragma GCC unroll 4
      for (uint64_t v = 0; v < VECTORS; v++) {
        const Reals size = kadre_mandelbrot_step(&x[v], &y[v], cx[v], cy);
        inside[v] &= size <= four;
        count[v] -= inside[v];
      }
    }
  }
  memcpy(counts, count, sizeof count);
}

/* extents: rows, width, first row, height, limit; input: x, y, span as binary64 */
const char *mandelbrot_rows(const kadre_task *task, uint64_t first, uint64_t end) {
  const uint64_t width = task->extents[1], first_row = task->extents[2], limit = task->extents[4];
  double region[3];
  memcpy(region, task->inputs[0], sizeof region);
  const kadre_view view = {region[0], region[1], region[2], width, task->extents[3]};
  uint32_t *out = static_cast<uint32_t *>(task->outputs[0]);
  double real[POINTS];
  int64_t counts[POINTS];
  for (uint64_t row = first; row < end; row++) {
    const double imaginary = kadre_view_y(&view, first_row + row);
    for (uint64_t column = 0; column < width; column += POINTS) {
      const uint64_t here = width - column < POINTS ? width - column : POINTS;
      /* Surplus lanes repeat the last point. */
      for (uint64_t i = 0; i < POINTS; i++) {
        real[i] = kadre_view_x(&view, column + (i < here ? i : here - 1));
      }
      mandelbrot_points(real, imaginary, limit, counts);
      for (uint64_t i = 0; i < here; i++) out[row * width + column + i] = (uint32_t)counts[i];
    }
  }
  return nullptr;
}
