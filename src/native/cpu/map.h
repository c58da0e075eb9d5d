/*
 * `map@1`, elements first..end: runs a program (docs/protocol/kernels/map.md) instruction by
 * instruction over runs of 256 elements, so that choosing an instruction costs little and its
 * operands stay in the first-level cache.
 */
const uint64_t RUN = 256;

struct Program {
  uint32_t inputs, constants, slots, instructions, result;
  const uint32_t *constant;
  const uint32_t *instruction;
};

Program program_of(const void *bytes) {
  const uint32_t *word = static_cast<const uint32_t *>(bytes);
  return {word[0], word[1], word[2], word[3], word[4], word + 5, word + 5 + word[1]};
}

template <class Operation>
void apply(float *out, const float *a, const float *b, Operation operation) {
  /* The result may replace an operand: element by element that changes nothing. */
#pragma GCC ivdep
  for (uint64_t i = 0; i < RUN; i++) out[i] = operation(a[i], b[i]);
}

/* Operands that an operation does not have are slot 0. Booleans are 1 and +0. */
void execute(uint32_t code, float *out, const float *a, const float *b, const float *c) {
  switch (code) {
    case 0:
      return apply(out, a, b, [](float x, float y) { return x + y; });
    case 1:
      return apply(out, a, b, [](float x, float y) { return x - y; });
    case 2:
      return apply(out, a, b, [](float x, float y) { return x * y; });
    case 3:
      return apply(out, a, b, [](float x, float y) { return x / y; });
    case 4:
      return apply(out, a, b, [](float x, float y) { return kadre_min(x, y); });
    case 5:
      return apply(out, a, b, [](float x, float y) { return kadre_max(x, y); });
    case 6:
      return apply(out, a, b, [](float x, float y) { return x < y ? 1.0f : 0.0f; });
    case 7:
      return apply(out, a, b, [](float x, float y) { return x <= y ? 1.0f : 0.0f; });
    case 8:
      return apply(out, a, b, [](float x, float y) { return x == y ? 1.0f : 0.0f; });
    case 9:
      return apply(out, a, b, [](float x, float y) { return x == y ? 0.0f : 1.0f; });
    case 10:
      return apply(out, a, b, [](float x, float) { return sqrtf(x); });
    case 11:
      return apply(out, a, b, [](float x, float) { return fabsf(x); });
    case 12:
      return apply(out, a, b, [](float x, float) { return -x; });
    case 13:
#pragma GCC ivdep
      for (uint64_t i = 0; i < RUN; i++) out[i] = fmaf(a[i], b[i], c[i]);
      return;
    default:
#pragma GCC ivdep
      for (uint64_t i = 0; i < RUN; i++) out[i] = a[i] != 0.0f ? b[i] : c[i];
  }
}

/* extents: elements; inputs: program, arrays. Slots: arrays, constants, intermediate values. */
const char *map_elements(const kadre_task *task, uint64_t first, uint64_t end) {
  const Program program = program_of(task->inputs[0]);
  alignas(64) float slot[KADRE_MAP_SLOTS_MAX][RUN];
  for (uint32_t i = 0; i < program.constants; i++) {
    const float value = kadre_float(program.constant[i]);
    for (uint64_t j = 0; j < RUN; j++) slot[program.inputs + i][j] = value;
  }
  float *out = static_cast<float *>(task->outputs[0]);
  for (uint64_t at = first; at < end; at += RUN) {
    const uint64_t here = end - at < RUN ? end - at : RUN;
    for (uint32_t i = 0; i < program.inputs; i++) {
      /* The surplus of the last run keeps what was there, or nothing that is looked at. */
      if (here < RUN) memset(slot[i], 0, sizeof slot[i]);
      memcpy(slot[i], static_cast<const float *>(task->inputs[1 + i]) + at, here * sizeof(float));
    }
    for (uint32_t i = 0; i < program.instructions; i++) {
      const uint32_t word = program.instruction[2 * i], c = program.instruction[2 * i + 1];
      execute(word & 255, slot[word >> 8 & 255], slot[word >> 16 & 255], slot[word >> 24], slot[c]);
    }
    for (uint64_t i = 0; i < here; i++) out[at + i] = kadre_canonical(slot[program.result][i]);
  }
  return nullptr;
}
