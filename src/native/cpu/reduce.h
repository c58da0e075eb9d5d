/* `reduce@1`, outputs first..end. */
template <class Fold>
void reduce_with(const kadre_task *task, uint64_t first, uint64_t end, Fold fold) {
  const uint64_t count = task->extents[2], level = task->extents[3];
  uint64_t block = CHUNK;
  for (uint64_t i = 1; i < level; i++) block *= CHUNK;
  const float *x = static_cast<const float *>(task->inputs[0]);
  float *out = static_cast<float *>(task->outputs[0]);
  for (uint64_t i = first; i < end; i++) {
    const uint64_t at = i * block;
    const uint64_t length = count - at < block ? count - at : block;
    out[i] = kadre_canonical(fold_tree(x + at, length, level, fold));
  }
}

/* extents: outputs, operation, elements, level; input: x */
const char *reduce_outputs(const kadre_task *task, uint64_t first, uint64_t end) {
  switch (task->extents[1]) {
    case 0:
      reduce_with(task, first, end, Add());
      return nullptr;
    case 1:
      reduce_with(task, first, end, Least());
      return nullptr;
    case 2:
      reduce_with(task, first, end, Most());
      return nullptr;
    case 3:
      reduce_with(task, first, end, Multiply());
      return nullptr;
    default:
      return "unknown-operation";
  }
}
