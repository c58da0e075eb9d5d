/* SHA-256 of leaves: by the processor's own instructions where it has them, else in plain C. */
#include "leaves.h"

#include <string.h>

#include "../portable/sha256.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace kadre {
namespace {

const uint64_t BLOCK = 64;

void compress_portable(uint32_t state[8], const uint8_t *data, uint64_t blocks) {
  for (; blocks > 0; blocks--, data += BLOCK) {
    uint32_t words[16];
    for (int i = 0; i < 16; i++) {
      words[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 |
                 (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
    }
    kadre_sha256_compress(state, words);
  }
}

#if defined(__x86_64__)
/* FIPS 180-4 with Intel's SHA extensions: two rounds per instruction, state as ABEF and CDGH. */
__attribute__((target("sha,sse4.1,ssse3"))) void compress_extended(uint32_t state[8],
                                                                   const uint8_t *data,
                                                                   uint64_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
  const __m128i *round_words = reinterpret_cast<const __m128i *>(KADRE_SHA256_ROUND);
  __m128i *halves = reinterpret_cast<__m128i *>(state);
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(halves), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(halves + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  for (; blocks > 0; blocks--, data += BLOCK) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i words[4];
    for (int i = 0; i < 4; i++) {
      const __m128i *at = reinterpret_cast<const __m128i *>(data) + i;
      words[i] = _mm_shuffle_epi8(_mm_loadu_si128(at), big_endian);
    }
#pragma GCC unroll 16
    for (int group = 0; group < 16; group++) {
      __m128i &now = words[group & 3];
      if (group >= 4) {
        const __m128i last = words[(group + 3) & 3];
        const __m128i seventh = _mm_alignr_epi8(last, words[(group + 2) & 3], 4);
        now = _mm_add_epi32(_mm_sha256msg1_epu32(now, words[(group + 1) & 3]), seventh);
        now = _mm_sha256msg2_epu32(now, last);
      }
      const __m128i sum = _mm_add_epi32(now, _mm_loadu_si128(round_words + group));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(halves, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(halves + 1, _mm_alignr_epi8(dchg, feba, 8));
}

bool has_extensions() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  return (b >> 29 & 1) != 0 && __builtin_cpu_supports("sse4.1");
}
#endif

void compress(uint32_t state[8], const uint8_t *data, uint64_t blocks) {
#if defined(__x86_64__)
  static const bool extended = has_extensions();
  if (extended) {
    compress_extended(state, data, blocks);
    return;
  }
#endif
  compress_portable(state, data, blocks);
}

}  // namespace

void hash_leaf(const uint8_t *leaf, uint64_t bytes, uint8_t *digest) {
  uint32_t state[8];
  memcpy(state, KADRE_SHA256_START, sizeof state);
  /* The prefix moves every block of the leaf by one byte: only the first is copied. */
  const uint64_t total = bytes + 1, whole = total / BLOCK;
  if (whole > 0) {
    uint8_t first[BLOCK] = {0};
    memcpy(first + 1, leaf, BLOCK - 1);
    compress(state, first, 1);
    compress(state, leaf + BLOCK - 1, whole - 1);
  }
  uint8_t tail[2 * BLOCK] = {0};
  const uint64_t left = total - whole * BLOCK;
  if (whole > 0) {
    memcpy(tail, leaf + whole * BLOCK - 1, left);
  } else if (bytes > 0) {
    memcpy(tail + 1, leaf, bytes);
  }
  tail[left] = 0x80;
  const uint64_t blocks = left + 9 <= BLOCK ? 1 : 2;
  for (int i = 0; i < 8; i++) tail[blocks * BLOCK - 1 - i] = (uint8_t)(8 * total >> (8 * i));
  compress(state, tail, blocks);
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < 4; j++) digest[4 * i + j] = (uint8_t)(state[i] >> (24 - 8 * j));
  }
}

}  // namespace kadre
