/*
 * Inner products of all pairs of a basis (docs/protocol/federated-rules.md, section 3). A tile of
 * every vector lies in the second-level cache as binary64; products of small integers are added
 * there without rounding, of large ones in two halves of 64-bit integers.
 */
#ifndef KADRE_FEDERATED_GRAM_H
#define KADRE_FEDERATED_GRAM_H

#include <algorithm>
#include <vector>

#include "vectors.h"

namespace {

typedef __int128 wide;

#if defined(__AVX512F__)
const int SUM_LANES = 8;
const int PAIRED_ROWS = 4;
#elif defined(__AVX2__)
const int SUM_LANES = 4;
const int PAIRED_ROWS = 3;
#else
const int SUM_LANES = 2;
const int PAIRED_ROWS = 2;
#endif
typedef double lanes __attribute__((vector_size(8 * SUM_LANES), aligned(8), may_alias));

/* Coordinates of a tile: two groups of rows fit the first-level cache. */
const uint64_t GRAM_TILE = 512;

/* Below 2^53 every sum of products is exact, in any order, fused or not. */
const double EXACT_MAX = 9007199254740992.0;

/* sums[i][j] = row a_i times row b_j over a tile; what lies behind a vector's end is zero. */
inline void tile_products(const double *a, const double *b, double sums[PAIRED_ROWS][PAIRED_ROWS]) {
  lanes held[PAIRED_ROWS][PAIRED_ROWS] = {};
  for (uint64_t k = 0; k < GRAM_TILE; k += SUM_LANES) {
    lanes right[PAIRED_ROWS];
    for (int j = 0; j < PAIRED_ROWS; j++) {
      right[j] = *reinterpret_cast<const lanes *>(b + j * GRAM_TILE + k);
    }
    for (int i = 0; i < PAIRED_ROWS; i++) {
      const lanes left = *reinterpret_cast<const lanes *>(a + i * GRAM_TILE + k);
      for (int j = 0; j < PAIRED_ROWS; j++) held[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < PAIRED_ROWS; i++) {
    for (int j = 0; j < PAIRED_ROWS; j++) {
      double sum = 0;
      for (int l = 0; l < SUM_LANES; l++) sum += held[i][j][l];
      sums[i][j] = sum;
    }
  }
}

/* Where sums of binary64 might round. */
inline wide wide_product(const int32_t *a, const int32_t *b) {
  int64_t high = 0;
  uint64_t low = 0;
  for (uint64_t k = 0; k < GRAM_TILE; k++) {
    const int64_t product = (int64_t)a[k] * b[k];
    high += product >> 32;
    low += (uint32_t)product;
  }
  return ((wide)high << 32) + low;
}

/* Vectors of zeros fill the last group up, so that all groups are alike. */
inline uint32_t padded(uint32_t count) {
  return (count + PAIRED_ROWS - 1) / PAIRED_ROWS * PAIRED_ROWS;
}

struct gram_tile {
  uint32_t rows;
  std::vector<double> floats;
  std::vector<int32_t> integers;
  /* The largest magnitude of each group. */
  std::vector<double> largest;

  explicit gram_tile(uint32_t count)
      : rows(padded(count)),
        floats(rows * GRAM_TILE),
        integers(rows * GRAM_TILE),
        largest(rows / PAIRED_ROWS) {}

  void fill(const kadre_basis *basis, uint64_t from, uint64_t to) {
    std::fill(largest.begin(), largest.end(), 0.0);
    for (uint32_t a = 0; a < basis->count; a++) {
      int32_t *whole = &integers[a * GRAM_TILE];
      load(basis->vectors[a], from, to, whole);
      for (uint64_t k = to - from; k < GRAM_TILE; k++) whole[k] = 0;
      double &most = largest[a / PAIRED_ROWS];
      most = std::max(most, largest_of(whole, GRAM_TILE));
      double *out = &floats[a * GRAM_TILE];
      for (uint64_t k = 0; k < GRAM_TILE; k++) out[k] = (double)whole[k];
    }
  }

  /* Adds the products of the groups that begin at vectors a and b to sums of rows x rows. */
  void add_group(uint32_t a, uint32_t b, std::vector<wide> &sums) const {
    const double most = largest[a / PAIRED_ROWS] * largest[b / PAIRED_ROWS];
    if (most == 0) return;
    const bool is_small = most * (double)GRAM_TILE <= EXACT_MAX;
    double found[PAIRED_ROWS][PAIRED_ROWS];
    if (is_small) tile_products(&floats[a * GRAM_TILE], &floats[b * GRAM_TILE], found);
    for (uint32_t i = 0; i < PAIRED_ROWS; i++) {
      for (uint32_t j = 0; j < PAIRED_ROWS; j++) {
        wide &sum = sums[(size_t)(a + i) * rows + b + j];
        const int32_t *left = &integers[(a + i) * GRAM_TILE];
        const int32_t *right = &integers[(b + j) * GRAM_TILE];
        sum += is_small ? (wide)(int64_t)found[i][j] : wide_product(left, right);
      }
    }
  }
};

void gram_block(const kadre_basis *basis, uint64_t block, uint64_t *out) {
  const uint32_t count = basis->count;
  gram_tile tile(count);
  std::vector<wide> sums((size_t)tile.rows * tile.rows);
  const uint64_t begin = block * KADRE_GRAM_BLOCK;
  const uint64_t left = basis->elements - begin;
  const uint64_t end = begin + (left < KADRE_GRAM_BLOCK ? left : KADRE_GRAM_BLOCK);
  for (uint64_t from = begin; from < end; from += GRAM_TILE) {
    tile.fill(basis, from, from + GRAM_TILE < end ? from + GRAM_TILE : end);
    for (uint32_t a = 0; a < count; a += PAIRED_ROWS) {
      for (uint32_t b = a; b < count; b += PAIRED_ROWS) tile.add_group(a, b, sums);
    }
  }
  for (uint32_t a = 0; a < count; a++) {
    for (uint32_t b = a; b < count; b++) {
      const wide sum = sums[(size_t)a * tile.rows + b];
      *out++ = (uint64_t)sum;
      *out++ = (uint64_t)(sum >> 64);
    }
  }
}

}  // namespace

#endif
