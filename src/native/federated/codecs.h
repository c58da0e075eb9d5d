/*
 * The hot loops of gradient codecs, bit-equal to the TypeScript reference in src/federated/codec
 * (docs/protocol/federated-codec.md). Plain C: one table per instruction set. Inputs are finite;
 * lengths and buffers were checked by the caller. Nothing throws, nothing is kept.
 */
#ifndef KADRE_FEDERATED_CODECS_H
#define KADRE_FEDERATED_CODECS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Blocks of 2^block_log2 >= 16 values: even levels of 2, 3, 4 or 8 bits, or 1: sign and mean. */
struct kadre_blocks {
  uint64_t count;
  uint32_t block_log2;
  uint32_t bits;
};

struct kadre_codecs {
  /* "generic", "avx2", "avx512". */
  const char *name;
  /* Index of the first value that is not finite; `count` when there is none. */
  uint64_t (*first_not_finite)(const float *x, uint64_t count);
  /* Floats to little-endian u16 scales and packed codes; `values` is all written. */
  void (*encode_blocks)(const struct kadre_blocks *shape, const float *x, uint32_t fraction_bits,
                        uint8_t *scales, uint8_t *values);
  /* The integers, or the reason of the page's section 2.3 why there are none. */
  const char *(*decode_blocks)(const struct kadre_blocks *shape, const uint8_t *scales,
                               const uint8_t *values, int32_t *out);
  /* sum += weight * the integers, in exact doubles; sum is as it was when there is a reason. */
  const char *(*accumulate_blocks)(const struct kadre_blocks *shape, double weight,
                                   const uint8_t *scales, const uint8_t *values, double *sum);
  /* The k largest magnitudes, ties to the lower index, no zeros; ascending. Returns how many. */
  uint64_t (*select_largest)(const float *x, uint64_t count, uint64_t k, uint32_t *out);
  /* The same for every chunk of 2^chunk_log2. */
  uint64_t (*select_chunks)(const float *x, uint64_t count, uint32_t chunk_log2, uint64_t keep,
                            uint32_t *out);
  /* PowerSGD: P = M Q and Q = M^T P; factors are stored column after column. */
  void (*times_columns)(const float *m, uint64_t rows, uint64_t columns, uint64_t rank,
                        const float *right, float *left);
  void (*transposed_times_columns)(const float *m, uint64_t rows, uint64_t columns, uint64_t rank,
                                   const float *left, float *right);
};

extern const struct kadre_codecs kadre_codecs_generic;
#ifdef KADRE_HAVE_AVX2
extern const struct kadre_codecs kadre_codecs_avx2;
#endif
#ifdef KADRE_HAVE_AVX512
extern const struct kadre_codecs kadre_codecs_avx512;
#endif

#ifdef __cplusplus
}
#endif

#endif
