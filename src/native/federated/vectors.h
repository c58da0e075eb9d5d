/* Pieces of a basis vector as integers, whatever form it has. */
#ifndef KADRE_FEDERATED_VECTORS_H
#define KADRE_FEDERATED_VECTORS_H

#include "blocks.h"
#include "rounds.h"

namespace {

const char *check_blocks(const kadre_vector *vector) {
  const kadre_blocks *shape = &vector->shape;
  const char *problem = sections_problem(shape, vector->scales, vector->values);
  if (problem != nullptr) return problem;
  return each_block(shape, vector->scales, vector->values,
                    [](uint64_t, uint64_t, const int8_t *, uint32_t) {});
}

/*
 * The blocks' parts within from..to: (offset from `from`, count, levels, scale value). `from` and
 * block sizes are multiples of 16, so codes of any width start at a whole byte.
 */
template <typename Take>
inline void each_part(const kadre_vector &vector, uint64_t from, uint64_t to, Take take) {
  const uint64_t size = 1ull << vector.shape.block_log2;
  int8_t unpacked[KADRE_RANGE_STEP];
  for (uint64_t at = from; at < to;) {
    const uint64_t block_end = (at & ~(size - 1)) + size;
    const uint64_t end = block_end < to ? block_end : to;
    const uint32_t scale = get_scale(vector.scales, at >> vector.shape.block_log2);
    const int8_t *levels = levels_of(&vector.shape, vector.values, at, end - at, unpacked);
    take(at - from, end - at, levels, scale_value(scale));
    at = end;
  }
}

inline int32_t level_max_of(const kadre_blocks &shape) {
  return shape.bits == 1 ? 1 : (1 << (shape.bits - 1)) - 1;
}

/* Integers of from..to, at most KADRE_RANGE_STEP. */
inline void load(const kadre_vector &vector, uint64_t from, uint64_t to, int32_t *out) {
  if (vector.dense != nullptr) {
    memcpy(out, vector.dense + from, (to - from) * sizeof(int32_t));
    return;
  }
  each_part(vector, from, to, [=](uint64_t at, uint64_t count, const int8_t *levels, double scale) {
    const int32_t value = (int32_t)scale;
    for (uint64_t i = 0; i < count; i++) out[at + i] = levels[i] * value;
  });
}

inline double largest_of(const int32_t *values, uint64_t count) {
  int32_t lowest = 0, highest = 0;
  for (uint64_t i = 0; i < count; i++) {
    lowest = values[i] < lowest ? values[i] : lowest;
    highest = values[i] > highest ? values[i] : highest;
  }
  return -(double)lowest > (double)highest ? -(double)lowest : (double)highest;
}

/* No magnitude in from..to is above it. */
inline double bound_of(const kadre_vector &vector, uint64_t from, uint64_t to) {
  if (vector.dense != nullptr) return largest_of(vector.dense + from, to - from);
  const uint32_t log2 = vector.shape.block_log2;
  double largest = 0;
  for (uint64_t block = from >> log2; block << log2 < to; block++) {
    const double scale = scale_value(get_scale(vector.scales, block));
    largest = scale > largest ? scale : largest;
  }
  return largest * level_max_of(vector.shape);
}

}  // namespace

#endif
