/*
 * The two products of PowerSGD, bound by reading the matrix. Products of binary32 are exact in
 * binary64, so only the order of additions matters: eight lanes along a row, rows one after the
 * other (docs/protocol/federated-codec.md, 3.6).
 */
#ifndef KADRE_FEDERATED_PRODUCTS_H
#define KADRE_FEDERATED_PRODUCTS_H

#include <algorithm>
#include <vector>

#include "codecs.h"

namespace {

const uint64_t LANES = 8;
/* Columns whose sums stay in the first-level cache while rows go by. */
const uint64_t STRIP = 512;

/* The product is exact, so fused or not is the same value; fused is one instruction. */
inline double plus_product(double sum, double a, double b) {
#if defined(__FMA__)
  return __builtin_fma(a, b, sum);
#else
  return a * b + sum;
#endif
}

inline float folded(double *lanes) {
  for (uint64_t width = LANES / 2; width >= 1; width /= 2) {
    for (uint64_t l = 0; l < width; l++) lanes[l] += lanes[l + width];
  }
  return (float)lanes[0];
}

/* Several rows at once share what is loaded of the column. */
template <int ROWS>
void rows_times_column(const float *m, uint64_t columns, const double *q, float *out) {
  double lanes[ROWS][LANES] = {{0}};
  uint64_t k = 0;
  for (; k + LANES <= columns; k += LANES) {
    for (int r = 0; r < ROWS; r++) {
      const float *row = m + (uint64_t)r * columns + k;
      for (uint64_t l = 0; l < LANES; l++) {
        lanes[r][l] = plus_product(lanes[r][l], (double)row[l], q[k + l]);
      }
    }
  }
  for (; k < columns; k++) {
    for (int r = 0; r < ROWS; r++) {
      double &lane = lanes[r][k % LANES];
      lane = plus_product(lane, (double)m[(uint64_t)r * columns + k], q[k]);
    }
  }
  for (int r = 0; r < ROWS; r++) out[r] = folded(lanes[r]);
}

void times_columns(const float *m, uint64_t rows, uint64_t columns, uint64_t rank,
                   const float *right, float *left) {
  const std::vector<double> q(right, right + rank * columns);
  const uint64_t group = 4;
  uint64_t i = 0;
  for (; i + group <= rows; i += group) {
    for (uint64_t j = 0; j < rank; j++) {
      rows_times_column<group>(m + i * columns, columns, &q[j * columns], left + j * rows + i);
    }
  }
  for (; i < rows; i++) {
    for (uint64_t j = 0; j < rank; j++) {
      rows_times_column<1>(m + i * columns, columns, &q[j * columns], left + j * rows + i);
    }
  }
}

/* sums += the rows, one after the other, each times its weight; a sum is loaded once for all. */
template <int ROWS>
void add_rows(const float *m, uint64_t columns, uint64_t width, const float *weights,
              double *sums) {
  for (uint64_t k = 0; k < width; k++) {
    double sum = sums[k];
    for (int r = 0; r < ROWS; r++) {
      sum = plus_product(sum, (double)m[(uint64_t)r * columns + k], (double)weights[r]);
    }
    sums[k] = sum;
  }
}

void transposed_times_columns(const float *m, uint64_t rows, uint64_t columns, uint64_t rank,
                              const float *left, float *right) {
  std::vector<double> sums(rank * STRIP);
  const uint64_t group = 8;
  for (uint64_t from = 0; from < columns; from += STRIP) {
    const uint64_t width = columns - from < STRIP ? columns - from : STRIP;
    std::fill(sums.begin(), sums.end(), 0.0);
    uint64_t i = 0;
    for (; i + group <= rows; i += group) {
      for (uint64_t j = 0; j < rank; j++) {
        const float *weights = left + j * rows + i;
        add_rows<group>(m + i * columns + from, columns, width, weights, &sums[j * STRIP]);
      }
    }
    for (; i < rows; i++) {
      for (uint64_t j = 0; j < rank; j++) {
        const float *weights = left + j * rows + i;
        add_rows<1>(m + i * columns + from, columns, width, weights, &sums[j * STRIP]);
      }
    }
    for (uint64_t j = 0; j < rank; j++) {
      float *to = right + j * columns + from;
      for (uint64_t k = 0; k < width; k++) to[k] = (float)sums[j * STRIP + k];
    }
  }
}

}  // namespace

#endif
