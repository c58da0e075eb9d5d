/*
 * Block quantisation: even levels and sign with block mean. Loops are written so that the compiler
 * vectorises them for the instruction set of the including file; every float operation and every
 * sum's order is that of docs/protocol/federated-codec.md, 3.1.
 */
#ifndef KADRE_FEDERATED_BLOCKS_H
#define KADRE_FEDERATED_BLOCKS_H

#include <math.h>
#include <string.h>

#include "../portable/math.h"
#include "codecs.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

const double ELEMENT_MAX = 2147483647.0;
const uint32_t MAGNITUDE = 0x7fffffffu;
/* Values handled at once, so that unpacked codes stay in the first-level cache. */
const uint64_t PIECE = 4096;

inline double scale_value(uint32_t scale) {
  return (double)((uint64_t)(scale & 2047) << (scale >> 11));
}

inline bool is_normal(uint32_t scale) { return (scale & 1024) != 0 || scale < 2048; }

/* Ties to even; 0 <= r < 2^52. */
inline double rounded(double r) { return r + 4503599627370496.0 - 4503599627370496.0; }

inline uint32_t nearest_scale(double r) {
  if (r > 4398046511104.0) r = 4398046511104.0;
  /* As often as r is halved until it is below 2048: by its exponent, which is exact. */
  uint64_t bits;
  memcpy(&bits, &r, sizeof bits);
  const uint32_t log2 = (uint32_t)(bits >> 52);
  uint32_t exponent = log2 < 1023 + 11 ? 0 : log2 - (1023 + 10);
  double mantissa = rounded(r / (double)(1ull << exponent));
  if (mantissa == 2048) {
    mantissa = 1024;
    exponent++;
  }
  return exponent > 31 ? 0xffffu : exponent << 11 | (uint32_t)mantissa;
}

inline uint32_t limit_scale(uint32_t scale, double level_max) {
  while (scale_value(scale) * level_max > ELEMENT_MAX) {
    scale = is_normal(scale - 1) ? scale - 1 : scale - 1 - 1024;
  }
  return scale;
}

inline uint32_t fit_scale(double r, double level_max) {
  const double limit = ELEMENT_MAX / level_max;
  return limit_scale(nearest_scale(r < limit ? r : limit), level_max);
}

inline float largest_magnitude(const float *x, uint64_t count) {
  uint32_t largest = 0;
  for (uint64_t i = 0; i < count; i++) {
    const uint32_t bits = kadre_bits(x[i]) & MAGNITUDE;
    largest = bits > largest ? bits : largest;
  }
  return kadre_float(largest);
}

/* Sixteen lanes in binary64, folded in halves. */
inline double sum_of_magnitudes(const float *x, uint64_t count) {
  double lanes[16] = {0};
  uint64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (int l = 0; l < 16; l++) lanes[l] += (double)fabsf(x[i + l]);
  }
  for (; i < count; i++) lanes[i % 16] += (double)fabsf(x[i]);
  for (int width = 8; width >= 1; width /= 2) {
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

/* Nearest level, ties to even: the sum's low bits are the integer. */
inline void round_levels(const float *x, uint64_t count, float inverse, int level_max,
                         int8_t *out) {
  const float magic = 12582912.0f, top = (float)level_max;
  const int32_t base = 0x4b400000;
  for (uint64_t i = 0; i < count; i++) {
    float y = x[i] * inverse;
    y = y < top ? y : top;
    y = y > -top ? y : -top;
    out[i] = (int8_t)((int32_t)kadre_bits(y + magic) - base);
  }
}

inline bool has_unit(const int8_t *levels, uint64_t count) {
  uint8_t any = 0;
  for (uint64_t i = 0; i < count; i++) any |= levels[i] == 1 || levels[i] == -1;
  return any != 0;
}

/* Greatest common divisor of the magnitudes; 0 when all are zero. */
inline uint32_t common_divisor(const int8_t *levels, uint64_t count) {
  if (has_unit(levels, count)) return 1;
  uint32_t divisor = 0;
  for (uint64_t i = 0; i < count && divisor != 1; i++) {
    uint32_t small = (uint32_t)(levels[i] < 0 ? -levels[i] : levels[i]);
    while (small != 0) {
      const uint32_t rest = divisor % small;
      divisor = small;
      small = rest;
    }
  }
  return divisor;
}

/* Levels and canonical scale of one block. */
inline uint32_t encode_even(const float *x, uint64_t count, int level_max, double unit,
                            int8_t *levels) {
  uint32_t scale = fit_scale((double)largest_magnitude(x, count) / level_max * unit, level_max);
  if (scale == 0) scale = 1;
  round_levels(x, count, (float)(unit / scale_value(scale)), level_max, levels);
  const uint32_t divisor = common_divisor(levels, count);
  if (divisor == 1) return scale;
  if (divisor == 0) return 0;
  for (uint64_t i = 0; i < count; i++) levels[i] = (int8_t)(levels[i] / (int)divisor);
  return limit_scale(nearest_scale(scale_value(scale) * divisor), (double)level_max / divisor);
}

/* Packed codes of two's complement levels; count is a multiple of 8 except at the very end. */
inline void pack_levels(const int8_t *__restrict levels, uint64_t count, uint32_t bits,
                        uint8_t *__restrict out) {
  if (bits == 8) {
    memcpy(out, levels, count);
    return;
  }
  uint64_t i = 0;
  if (bits == 4) {
    for (; i + 2 <= count; i += 2) out[i / 2] = (uint8_t)((levels[i] & 15) | levels[i + 1] << 4);
  } else if (bits == 2) {
    for (; i + 4 <= count; i += 4) {
      uint32_t four;
      memcpy(&four, levels + i, 4);
      const uint32_t low = (four & 3) | (four >> 6 & 12);
      out[i / 4] = (uint8_t)(low | (four >> 12 & 48) | (four >> 18 & 192));
    }
  }
  uint32_t held = 0, held_bits = 0;
  uint8_t *to = out + i * bits / 8;
  for (; i < count; i++) {
    held |= (uint32_t)(levels[i] & ((1 << bits) - 1)) << held_bits;
    for (held_bits += bits; held_bits >= 8; held_bits -= 8, held >>= 8) *to++ = (uint8_t)held;
  }
  if (held_bits > 0) *to = (uint8_t)held;
}

/* Levels of packed codes. */
inline void unpack_levels(const uint8_t *__restrict in, uint64_t count, uint32_t bits,
                          int8_t *__restrict levels) {
  if (bits == 8) {
    memcpy(levels, in, count);
    return;
  }
  uint64_t i = 0;
  if (bits == 4) {
    for (; i + 2 <= count; i += 2) {
      const uint32_t two = in[i / 2];
      levels[i] = (int8_t)((int8_t)(two << 4) >> 4);
      levels[i + 1] = (int8_t)((int8_t)two >> 4);
    }
  } else if (bits == 2) {
    for (; i + 4 <= count; i += 4) {
      const uint32_t four = in[i / 4];
      for (int j = 0; j < 4; j++) levels[i + j] = (int8_t)((int8_t)(four << (6 - 2 * j)) >> 6);
    }
  }
  const uint8_t *from = in + i * bits / 8;
  uint32_t held = 0, held_bits = 0;
  for (; i < count; i++) {
    if (held_bits < bits) {
      held |= (uint32_t)*from++ << held_bits;
      held_bits += 8;
    }
    levels[i] = (int8_t)((int8_t)(held << (8 - bits)) >> (8 - bits));
    held >>= bits;
    held_bits -= bits;
  }
}

inline void put_scale(uint8_t *scales, uint64_t block, uint32_t scale) {
  scales[2 * block] = (uint8_t)scale;
  scales[2 * block + 1] = (uint8_t)(scale >> 8);
}

inline uint32_t get_scale(const uint8_t *scales, uint64_t block) {
  return scales[2 * block] | (uint32_t)scales[2 * block + 1] << 8;
}

/* One bit per value, set where it is negative; -0 is not. */
inline void pack_signs(const float *x, uint64_t count, uint8_t *out) {
  uint64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16) {
    const __m512 sixteen = _mm512_loadu_ps(x + i);
    const uint16_t mask = _mm512_cmp_ps_mask(sixteen, _mm512_setzero_ps(), _CMP_LT_OQ);
    memcpy(out + i / 8, &mask, 2);
  }
#elif defined(__AVX2__)
  for (; i + 8 <= count; i += 8) {
    const __m256 less = _mm256_cmp_ps(_mm256_loadu_ps(x + i), _mm256_setzero_ps(), _CMP_LT_OQ);
    out[i / 8] = (uint8_t)_mm256_movemask_ps(less);
  }
#endif
  for (; i < count; i += 8) {
    uint8_t byte = 0;
    for (uint64_t j = i; j < count && j < i + 8; j++) byte |= (uint8_t)((x[j] < 0) << (j - i));
    out[i / 8] = byte;
  }
}

void encode_signs(const kadre_blocks *shape, const float *x, uint32_t fraction_bits,
                  uint8_t *scales, uint8_t *values) {
  const uint64_t size = 1ull << shape->block_log2;
  const double unit = ldexp(1.0, (int)fraction_bits);
  for (uint64_t from = 0, block = 0; from < shape->count; from += size, block++) {
    const uint64_t count = shape->count - from < size ? shape->count - from : size;
    const double mean = sum_of_magnitudes(x + from, count) / (double)count;
    const uint32_t scale = fit_scale(mean * unit, 1);
    put_scale(scales, block, scale);
    if (scale == 0) {
      memset(values + from / 8, 0, (count + 7) / 8);
    } else {
      pack_signs(x + from, count, values + from / 8);
    }
  }
}

void encode_blocks(const kadre_blocks *shape, const float *x, uint32_t fraction_bits,
                   uint8_t *scales, uint8_t *values) {
  if (shape->bits == 1) {
    encode_signs(shape, x, fraction_bits, scales, values);
    return;
  }
  const uint64_t size = 1ull << shape->block_log2;
  const int level_max = (1 << (shape->bits - 1)) - 1;
  const double unit = ldexp(1.0, (int)fraction_bits);
  int8_t levels[1 << 16];
  for (uint64_t from = 0, block = 0; from < shape->count; from += size, block++) {
    const uint64_t count = shape->count - from < size ? shape->count - from : size;
    uint8_t *out = values + from * shape->bits / 8;
    int8_t *to = shape->bits == 8 ? reinterpret_cast<int8_t *>(out) : levels;
    put_scale(scales, block, encode_even(x + from, count, level_max, unit, to));
    if (shape->bits != 8) pack_levels(to, count, shape->bits, out);
  }
}

/* Why a block of even levels is not the one spelling of its integers; nullptr when it is. */
inline const char *even_problem(const int8_t *levels, uint64_t count, uint32_t scale,
                                int level_max) {
  int largest = 0;
  uint8_t refused = 0;
  for (uint64_t i = 0; i < count; i++) {
    const int magnitude = levels[i] < 0 ? -levels[i] : levels[i];
    largest = magnitude > largest ? magnitude : largest;
  }
  refused = largest > level_max;
  if (refused) return "code-refused";
  if (scale == 0) return largest == 0 ? nullptr : "scale-not-canonical";
  if (common_divisor(levels, count) != 1) return "scale-not-canonical";
  return largest * scale_value(scale) > ELEMENT_MAX ? "element-overflow" : nullptr;
}

/* Levels 1 and -1, eight at a time: bit j of a byte becomes byte j of a word. */
inline void unpack_signs(const uint8_t *__restrict in, uint64_t count, int8_t *__restrict levels) {
  const uint64_t ones = 0x0101010101010101u;
  for (uint64_t i = 0; i < count; i += 8) {
    const uint64_t picked = in[i / 8] * ones & 0x8040201008040201u;
    const uint64_t bits = (picked + 0x7f * ones) >> 7 & ones;
    const uint64_t word = ones | bits * 0xfe;
    memcpy(levels + i, &word, 8);
  }
}

/* Why a block of signs is not the one spelling of its integers; nullptr when it is. */
inline const char *sign_problem(const uint8_t *bytes, uint64_t count, uint32_t scale) {
  for (uint64_t i = 0; scale == 0 && i < (count + 7) / 8; i++) {
    if (bytes[i] != 0) return "scale-not-canonical";
  }
  return scale_value(scale) > ELEMENT_MAX ? "element-overflow" : nullptr;
}

/* One block as levels, which are those of the message itself where they are bytes. */
inline const int8_t *levels_of(const kadre_blocks *shape, const uint8_t *values, uint64_t from,
                               uint64_t count, int8_t *unpacked) {
  const uint8_t *in = values + from * shape->bits / 8;
  if (shape->bits == 8) return reinterpret_cast<const int8_t *>(in);
  if (shape->bits == 1) {
    unpack_signs(in, count, unpacked);
  } else {
    unpack_levels(in, count, shape->bits, unpacked);
  }
  return unpacked;
}

/*
 * Checks each block, then hands (from, count, levels, scale) to `take` as long as `take` wants to.
 */
template <typename Take>
const char *each_block(const kadre_blocks *shape, const uint8_t *scales, const uint8_t *values,
                       Take take) {
  const uint64_t size = 1ull << shape->block_log2;
  const int level_max = (1 << (shape->bits - 1)) - 1;
  int8_t unpacked[1 << 16];
  for (uint64_t from = 0, block = 0; from < shape->count; from += size, block++) {
    const uint64_t count = shape->count - from < size ? shape->count - from : size;
    const uint32_t scale = get_scale(scales, block);
    const int8_t *levels = levels_of(shape, values, from, count, unpacked);
    const char *problem = shape->bits == 1 ? sign_problem(values + from / 8, count, scale)
                                           : even_problem(levels, count, scale, level_max);
    if (problem != nullptr) return problem;
    take(from, count, levels, scale);
  }
  return nullptr;
}

/* What is wrong before any block is read. */
inline const char *sections_problem(const kadre_blocks *shape, const uint8_t *scales,
                                    const uint8_t *values) {
  const uint64_t left = shape->count * shape->bits % 8;
  if (left != 0 && values[shape->count * shape->bits / 8] >> left != 0) return "padding-not-zero";
  for (uint64_t block = 0; block << shape->block_log2 < shape->count; block++) {
    if (!is_normal(get_scale(scales, block))) return "scale-not-normal";
  }
  return nullptr;
}

const char *decode_blocks(const kadre_blocks *shape, const uint8_t *scales, const uint8_t *values,
                          int32_t *out) {
  const char *problem = sections_problem(shape, scales, values);
  if (problem != nullptr) return problem;
  const auto store = [out](uint64_t from, uint64_t count, const int8_t *levels, uint32_t scale) {
    /* A level that is not zero times it is an element: it fits. */
    const int32_t value = (int32_t)scale_value(scale);
    for (uint64_t i = 0; i < count; i++) out[from + i] = levels[i] * value;
  };
  return each_block(shape, scales, values, store);
}

const char *accumulate_blocks(const kadre_blocks *shape, double weight, const uint8_t *scales,
                              const uint8_t *values, double *sum) {
  const char *problem = sections_problem(shape, scales, values);
  if (problem != nullptr) return problem;
  /* All blocks first: a sum is never left with half of a refused message in it. */
  problem = each_block(shape, scales, values, [](uint64_t, uint64_t, const int8_t *, uint32_t) {});
  if (problem != nullptr) return problem;
  const auto add = [=](uint64_t from, uint64_t count, const int8_t *levels, uint32_t scale) {
    /* Level times scale times weight is an integer below 2^51: exact. */
    const double step = weight * scale_value(scale);
    for (uint64_t i = 0; i < count; i++) sum[from + i] += (double)levels[i] * step;
  };
  return each_block(shape, scales, values, add);
}

uint64_t first_not_finite(const float *x, uint64_t count) {
  for (uint64_t from = 0; from < count; from += PIECE) {
    const uint64_t to = count - from < PIECE ? count : from + PIECE;
    uint32_t largest = 0;
    for (uint64_t i = from; i < to; i++) {
      const uint32_t bits = kadre_bits(x[i]) & MAGNITUDE;
      largest = bits > largest ? bits : largest;
    }
    for (uint64_t i = from; largest >= 0x7f800000u && i < to; i++) {
      if ((kadre_bits(x[i]) & MAGNITUDE) >= 0x7f800000u) return i;
    }
  }
  return count;
}

}  // namespace

#endif
