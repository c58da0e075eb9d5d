/*
 * What every CPU variant does with a call: find its kernel, cut it among threads, run a part.
 * Included inside each variant's anonymous namespace, after it has defined VECTOR_BYTES,
 * ROWS_PER_GRAIN and SLOWNESS (of the matrix product), gemm_rows and the kernels' headers.
 * Nothing here may come from the C++ library: the linker keeps one copy of an inline function, and
 * it could be the one compiled for a newer processor.
 */

/* Units 0..count-1 of a call may be cut between, in grains; cost is multiply-adds per unit. */
struct Work {
  uint64_t units, grain;
  double cost;
  const char *(*run)(const kadre_task *task, uint64_t first, uint64_t end);
};

const char *noop_bytes(const kadre_task *task, uint64_t first, uint64_t end) {
  memset(static_cast<uint8_t *>(task->outputs[0]) + first, 0, end - first);
  return nullptr;
}

const char *unknown_kernel(const kadre_task *, uint64_t, uint64_t) { return "unknown-kernel"; }

Work work_of(const kadre_task *task) {
  const uint64_t *extents = task->extents;
  switch (task->kernel) {
    case KADRE_NOOP:
      return {extents[0], 1, 0, noop_bytes};
    case KADRE_GEMM_F32:
      return {extents[0], ROWS_PER_GRAIN, SLOWNESS * (double)extents[1] * (double)extents[2],
              gemm_rows};
    case KADRE_MANDELBROT:
      return {extents[0], 1, 4.0 * (double)extents[1] * (double)extents[4], mandelbrot_rows};
    case KADRE_MONTECARLO_EUROPEAN:
      return {extents[0], 1, 80.0 * (double)extents[2], montecarlo_blocks};
    case KADRE_SHA256_SEARCH:
      return {extents[0], 1, 2e3 * (double)extents[2], search_blocks};
    case KADRE_MAP:
      return {extents[0], RUN, 8.0, map_elements};
    case KADRE_REDUCE:
      return {extents[0], 1, (double)extents[2] / (double)(extents[0] + 1), reduce_outputs};
    default:
      return {1, 1, 0, unknown_kernel};
  }
}

const char *probe() {
  const kadre_fp_mode saved = kadre_fp_enter();
  const char *problem = kadre_rounding_problem();
  kadre_fp_leave(saved);
  return problem;
}

uint32_t parts_of(const kadre_backend *, const kadre_task *task, uint32_t threads) {
  const Work work = work_of(task);
  return kadre_work_parts(work.units, work.cost * (double)work.units, work.grain, threads);
}

const char *run(const kadre_backend *, const kadre_task *task, uint32_t part, uint32_t parts) {
  const Work work = work_of(task);
  const uint64_t first = kadre_part_start(work.units, work.grain, part, parts);
  const uint64_t end = kadre_part_start(work.units, work.grain, part + 1, parts);
  const kadre_fp_mode saved = kadre_fp_enter();
  const char *problem = first < end ? work.run(task, first, end) : nullptr;
  kadre_fp_leave(saved);
  return problem;
}
