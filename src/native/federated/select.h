/*
 * Exact top-k: a sample proposes a magnitude that somewhat more than k elements reach, one pass
 * collects those, and the cut is made among them. When the sample misled, everything is a
 * candidate. Ties go to the lower index, so the set is that of docs/protocol/federated-codec.md,
 * 3.4, whatever the sample was.
 */
#ifndef KADRE_FEDERATED_SELECT_H
#define KADRE_FEDERATED_SELECT_H

#include <algorithm>
#include <vector>

#include "blocks.h"

namespace {

const uint64_t SAMPLE_MAX = 16384;
/* Below this many elements a sample is not worth it. */
const uint64_t SAMPLED_MIN = 65536;

/* Indices, from `base` on, of magnitudes >= least; at most `room`, else returns room + 1. */
uint64_t collect(const float *x, uint64_t count, uint32_t least, uint32_t base, uint64_t room,
                 uint32_t *out) {
  uint64_t found = 0, i = 0;
#if defined(__AVX512F__)
  const __m512i bound = _mm512_set1_epi32((int)least), clear = _mm512_set1_epi32((int)MAGNITUDE);
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (; i + 16 <= count && found + 16 <= room; i += 16) {
    const __m512i bits = _mm512_and_si512(_mm512_loadu_si512(x + i), clear);
    const __mmask16 mask = _mm512_cmpge_epu32_mask(bits, bound);
    if (mask == 0) continue;
    const __m512i indices = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)(base + i)));
    _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(mask, indices));
    found += (uint64_t)__builtin_popcount(mask);
  }
#elif defined(__AVX2__)
  const __m256i below = _mm256_set1_epi32((int)least - 1);
  const __m256i clear = _mm256_set1_epi32((int)MAGNITUDE);
  for (; i + 8 <= count && found + 8 <= room; i += 8) {
    const __m256i bits =
        _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(x + i)), clear);
    const __m256 over = _mm256_castsi256_ps(_mm256_cmpgt_epi32(bits, below));
    for (int mask = _mm256_movemask_ps(over); mask != 0; mask &= mask - 1) {
      out[found++] = (uint32_t)(base + i + (uint64_t)__builtin_ctz((unsigned)mask));
    }
  }
#endif
  for (; i < count; i++) {
    if ((kadre_bits(x[i]) & MAGNITUDE) < least) continue;
    if (found == room) return room + 1;
    out[found++] = (uint32_t)(base + i);
  }
  return found;
}

inline uint32_t magnitude_at(const float *x, uint32_t index) {
  return kadre_bits(x[index]) & MAGNITUDE;
}

/* Keeps the k largest of ascending candidates, in place; returns how many are left. */
uint64_t cut(const float *x, uint32_t *candidates, uint64_t count, uint64_t k,
             std::vector<uint32_t> &scratch) {
  if (count <= k) return count;
  scratch.resize(count);
  for (uint64_t i = 0; i < count; i++) scratch[i] = magnitude_at(x, candidates[i]);
  std::nth_element(scratch.begin(), scratch.begin() + (ptrdiff_t)(k - 1), scratch.end(),
                   [](uint32_t a, uint32_t b) { return a > b; });
  const uint32_t threshold = scratch[k - 1];
  uint64_t above = 0;
  for (uint64_t i = 0; i < k; i++) above += scratch[i] > threshold;
  uint64_t ties = k - above, kept = 0;
  for (uint64_t i = 0; i < count; i++) {
    const uint32_t magnitude = magnitude_at(x, candidates[i]);
    if (magnitude < threshold || (magnitude == threshold && ties == 0)) continue;
    if (magnitude == threshold) ties--;
    candidates[kept++] = candidates[i];
  }
  return kept;
}

/* A magnitude that, by a strided sample, some more than k of the elements reach; at least 1. */
uint32_t propose(const float *x, uint64_t count, uint64_t k, std::vector<uint32_t> &scratch) {
  const uint64_t stride = count / SAMPLE_MAX + 1, sampled = (count + stride - 1) / stride;
  const double expected = (double)k * (double)sampled / (double)count;
  const uint64_t rank = (uint64_t)(expected + 4 * sqrt(expected) + 8);
  if (rank >= sampled) return 1;
  scratch.resize(sampled);
  for (uint64_t i = 0; i < sampled; i++) scratch[i] = kadre_bits(x[i * stride]) & MAGNITUDE;
  std::nth_element(scratch.begin(), scratch.begin() + (ptrdiff_t)rank, scratch.end(),
                   [](uint32_t a, uint32_t b) { return a > b; });
  return scratch[rank] > 0 ? scratch[rank] : 1;
}

uint64_t select_largest(const float *x, uint64_t count, uint64_t k, uint32_t *out) {
  std::vector<uint32_t> scratch;
  const uint32_t least = count < SAMPLED_MIN ? 1 : propose(x, count, k, scratch);
  /* Vector stores write whole registers. */
  std::vector<uint32_t> candidates(least == 1 ? count + 16 : std::min(count, 3 * k + 4096) + 16);
  uint64_t found = collect(x, count, least, 0, candidates.size() - 16, candidates.data());
  const bool misled = found > candidates.size() - 16 || (found < k && least > 1);
  if (misled) {
    candidates.resize(count + 16);
    found = collect(x, count, 1, 0, count, candidates.data());
  }
  const uint64_t kept = cut(x, candidates.data(), found, k, scratch);
  memcpy(out, candidates.data(), kept * sizeof *out);
  return kept;
}

/*
 * Chunks of one vector are alike: the cut of one, a little lowered, proposes that of the next. One
 * that misleads costs a second pass over a chunk in the cache.
 */
uint64_t select_chunks(const float *x, uint64_t count, uint32_t chunk_log2, uint64_t keep,
                       uint32_t *out) {
  const uint64_t size = 1ull << chunk_log2;
  const uint32_t lowered = 1u << 20;
  std::vector<uint32_t> scratch, candidates(size + 16);
  uint32_t least = 1;
  uint64_t kept = 0;
  for (uint64_t from = 0; from < count; from += size) {
    const uint64_t here = count - from < size ? count - from : size;
    uint64_t found = collect(x + from, here, least, (uint32_t)from, size, candidates.data());
    if (found < keep && least > 1) {
      found = collect(x + from, here, 1, (uint32_t)from, size, candidates.data());
    }
    const uint64_t chosen = cut(x, candidates.data(), found, keep, scratch);
    memcpy(out + kept, candidates.data(), chosen * sizeof *out);
    kept += chosen;
    uint32_t smallest = MAGNITUDE;
    for (uint64_t i = 0; i < chosen; i++) {
      smallest = std::min(smallest, magnitude_at(x, candidates[i]));
    }
    least = chosen < keep || smallest <= lowered ? 1 : smallest - lowered;
  }
  return kept;
}

}  // namespace

#endif
