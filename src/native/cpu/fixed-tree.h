/*
 * The numeric contract's one tree for sums and other folds (section 4): chunks of 4096 elements,
 * 256 lanes in a chunk. Included inside each variant's anonymous namespace.
 */
const uint64_t LANES = 256;
const uint64_t CHUNK = 4096;

/* Lanes 0..present-1 become one value; the order of adding is the tree's, whatever the vector. */
template <class Fold>
float fold_lanes(float *lane, uint64_t present, Fold fold) {
  for (uint64_t width = LANES / 2; width > 0; width /= 2) {
    const uint64_t partners = present > width ? present - width : 0;
    for (uint64_t l = 0; l < partners; l++) lane[l] = fold(lane[l], lane[l + width]);
    if (present > width) present = width;
  }
  return lane[0];
}

/* 1 <= count <= 4096 */
template <class Fold>
float fold_chunk(const float *x, uint64_t count, Fold fold) {
  float lane[LANES];
  const uint64_t present = count < LANES ? count : LANES;
  for (uint64_t l = 0; l < present; l++) lane[l] = x[l];
  uint64_t at = LANES;
  for (; at + LANES <= count; at += LANES) {
    for (uint64_t l = 0; l < LANES; l++) lane[l] = fold(lane[l], x[at + l]);
  }
  for (uint64_t l = 0; at + l < count; l++) lane[l] = fold(lane[l], x[at + l]);
  return fold_lanes(lane, present, fold);
}

/* 1 <= count <= 4096^level: the chunks' values are folded like elements, level by level. */
template <class Fold>
float fold_tree(const float *x, uint64_t count, uint64_t level, Fold fold) {
  if (level == 1) return fold_chunk(x, count, fold);
  uint64_t part = CHUNK;
  for (uint64_t i = 2; i < level; i++) part *= CHUNK;
  float folded[CHUNK];
  uint64_t parts = 0;
  for (uint64_t at = 0; at < count; at += part) {
    const uint64_t length = count - at < part ? count - at : part;
    folded[parts++] = fold_tree(x + at, length, level - 1, fold);
  }
  return fold_chunk(folded, parts, fold);
}

struct Add {
  float operator()(float a, float b) const { return a + b; }
};
struct Multiply {
  float operator()(float a, float b) const { return a * b; }
};
struct Least {
  float operator()(float a, float b) const { return kadre_min(a, b); }
};
struct Most {
  float operator()(float a, float b) const { return kadre_max(a, b); }
};
