/*
 * A decision applied to a range of coordinates, and the optimiser's step
 * (docs/protocol/federated-rules.md, sections 6 and 8).
 */
#ifndef KADRE_FEDERATED_APPLY_H
#define KADRE_FEDERATED_APPLY_H

#include <algorithm>
#include <vector>

#include "vectors.h"

namespace {

/* Coordinates whose sums stay in the first-level cache while vectors go by. */
const uint64_t MIX_TILE = 2048;
/* Coordinates sorted side by side. */
const uint64_t SORT_TILE = 256;
/* 2 sum + total stays an exact double. */
const double MIX_EXACT_MAX = 4503599627370496.0 - 1073741824.0;

inline bool is_exact(const kadre_basis *basis, const uint32_t *shares, uint64_t from, uint64_t to) {
  double bound = 0;
  for (uint32_t a = 0; a < basis->count; a++) {
    if (shares[a] != 0) bound += shares[a] * bound_of(basis->vectors[a], from, to);
  }
  return bound <= MIX_EXACT_MAX;
}

inline void mix_exact(const kadre_basis *basis, const uint32_t *shares, uint32_t total,
                      kadre_range range, int32_t *out) {
  double sums[MIX_TILE];
  const uint64_t count = range.to - range.from;
  std::fill(sums, sums + count, 0.0);
  for (uint32_t a = 0; a < basis->count; a++) {
    const kadre_vector &vector = basis->vectors[a];
    const double share = shares[a];
    if (share == 0) continue;
    if (vector.dense != nullptr) {
      const int32_t *values = vector.dense + range.from;
      for (uint64_t i = 0; i < count; i++) sums[i] += share * (double)values[i];
      continue;
    }
    double *to = sums;
    each_part(vector, range.from, range.to,
              [=](uint64_t at, uint64_t length, const int8_t *levels, double scale) {
                const double step = share * scale;
                for (uint64_t i = 0; i < length; i++) to[at + i] += step * (double)levels[i];
              });
  }
  /* Both are exact and below 2^53, so the quotient's floor is the integer one. */
  const double twice = 2.0 * total;
  for (uint64_t i = 0; i < count; i++) {
    out[i] = (int32_t)floor((2.0 * sums[i] + total) / twice);
  }
}

inline void mix_wide(const kadre_basis *basis, const uint32_t *shares, uint32_t total,
                     kadre_range range, int32_t *out) {
  int64_t sums[MIX_TILE] = {0};
  int32_t values[MIX_TILE];
  const uint64_t count = range.to - range.from;
  for (uint32_t a = 0; a < basis->count; a++) {
    if (shares[a] == 0) continue;
    load(basis->vectors[a], range.from, range.to, values);
    const int64_t share = shares[a];
    for (uint64_t i = 0; i < count; i++) sums[i] += share * values[i];
  }
  for (uint64_t i = 0; i < count; i++) out[i] = (int32_t)kadre_div_half_up(sums[i], total);
}

/* One row over at most MIX_TILE coordinates; out[0] is that of range.from. */
inline void mix_row(const kadre_basis *basis, const uint32_t *shares, uint32_t total,
                    kadre_range range, int32_t *out) {
  for (uint32_t a = 0; a < basis->count; a++) {
    if (shares[a] == total) {
      load(basis->vectors[a], range.from, range.to, out);
      return;
    }
  }
  if (is_exact(basis, shares, range.from, range.to)) {
    mix_exact(basis, shares, total, range, out);
  } else {
    mix_wide(basis, shares, total, range, out);
  }
}

void mix(const kadre_basis *basis, const kadre_rows *rows, kadre_range range, int32_t *out) {
  for (uint64_t from = range.from; from < range.to; from += MIX_TILE) {
    const uint64_t to = from + MIX_TILE < range.to ? from + MIX_TILE : range.to;
    mix_row(basis, rows->shares, rows->total, {from, to}, out + from);
  }
}

/* Smaller values to `low`, whole tiles at once. */
inline void exchange(int32_t *__restrict low, int32_t *__restrict high) {
  for (uint64_t k = 0; k < SORT_TILE; k++) {
    const int32_t a = low[k], b = high[k];
    low[k] = a < b ? a : b;
    high[k] = a < b ? b : a;
  }
}

/*
 * Batcher's merge exchange network (Knuth, volume 3, 5.2.2, algorithm M), which sorts any number of
 * rows: every coordinate takes the same path, so there are no branches.
 */
inline void sort_rows(std::vector<int32_t> &rows, uint32_t count) {
  uint32_t top = 1;
  while (2 * top < count) top *= 2;
  for (uint32_t p = top; p > 0; p /= 2) {
    uint32_t q = top, r = 0, d = p;
    for (;;) {
      for (uint32_t i = 0; i + d < count; i++) {
        if ((i & p) == r) exchange(&rows[i * SORT_TILE], &rows[(i + d) * SORT_TILE]);
      }
      if (q == p) break;
      d = q - p;
      q /= 2;
      r = p;
    }
  }
}

/* Mean of sorted rows begin..end of one coordinate. */
inline int32_t mean_of(const int32_t *column, uint32_t begin, uint32_t end) {
  int64_t sum = 0;
  for (uint32_t j = begin; j < end; j++) sum += column[j * SORT_TILE];
  return (int32_t)kadre_div_half_up(sum, end - begin);
}

inline int32_t median_of(const int32_t *column, uint32_t count) {
  const uint32_t middle = count / 2;
  return count % 2 == 1 ? column[middle * SORT_TILE] : mean_of(column, middle - 1, middle + 1);
}

/* Mean of the `keep` values closest to the lower median, the lower one on a tie. */
inline int32_t closest_mean(const int32_t *column, uint32_t count, uint32_t keep) {
  uint32_t begin = (count - 1) / 2, end = begin + 1;
  const int64_t centre = column[begin * SORT_TILE];
  while (end - begin < keep) {
    const bool is_below =
        end == count ||
        (begin > 0 && centre - column[(begin - 1) * SORT_TILE] <= column[end * SORT_TILE] - centre);
    if (is_below) {
      begin--;
    } else {
      end++;
    }
  }
  return mean_of(column, begin, end);
}

inline int32_t picked(const kadre_rows *rows, const int32_t *column) {
  const uint32_t parameter = rows->parameter;
  if (rows->pick == KADRE_PICK_MEDIAN) return median_of(column, rows->count);
  if (rows->pick == KADRE_PICK_TRIM) return mean_of(column, parameter, rows->count - parameter);
  return closest_mean(column, rows->count, parameter);
}

void sort(const kadre_basis *basis, const kadre_rows *rows, kadre_range range, int32_t *out) {
  std::vector<int32_t> held((size_t)rows->count * SORT_TILE);
  for (uint64_t from = range.from; from < range.to; from += SORT_TILE) {
    const uint64_t to = from + SORT_TILE < range.to ? from + SORT_TILE : range.to;
    for (uint32_t j = 0; j < rows->count; j++) {
      const uint32_t *shares = rows->shares + (size_t)j * basis->count;
      mix_row(basis, shares, rows->total, {from, to}, &held[j * SORT_TILE]);
    }
    sort_rows(held, rows->count);
    for (uint64_t k = from; k < to; k++) out[k] = picked(rows, &held[k - from]);
  }
}

void step(const kadre_optimiser_settings *by, uint64_t elements, const int32_t *state,
          const int32_t *aggregate, kadre_range range, int32_t *out) {
  for (uint64_t k = range.from; k < range.to; k++) {
    kadre_optimiser_step(by, state + k, elements, aggregate[k], out + k);
  }
}

}  // namespace

#endif
