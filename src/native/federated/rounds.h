/*
 * The loops of a federated round that see whole vectors, bit-equal to src/federated/rule and
 * src/federated/optimiser (docs/protocol/federated-rules.md, sections 3, 6 and 8). A vector is a
 * list of integers, or blocks as they stand in a message, which are never unpacked as a whole.
 * Plain C: one table per instruction set; every coordinate range may be given to another thread.
 */
#ifndef KADRE_FEDERATED_ROUNDS_H
#define KADRE_FEDERATED_ROUNDS_H

#include "../portable/federated.h"
#include "codecs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Coordinates of one block of Gram sums, as the page says. */
#define KADRE_GRAM_BLOCK 65536u
/* Ranges that are handed out begin at multiples of this. */
#define KADRE_RANGE_STEP 4096u

struct kadre_vector {
  /* NULL: blocks, which `check_blocks` has accepted. */
  const int32_t *dense;
  struct kadre_blocks shape;
  const uint8_t *scales;
  const uint8_t *values;
};

/* The reference and the updates: index 0 of the page's basis, the zero vector, is left out. */
struct kadre_basis {
  uint64_t elements;
  uint32_t count;
  const struct kadre_vector *vectors;
};

struct kadre_range {
  uint64_t from, to;
};

enum kadre_pick { KADRE_PICK_MEDIAN = 0, KADRE_PICK_TRIM = 1, KADRE_PICK_CLOSEST = 2 };

/* Rows of shares over the vectors of a basis; all rows have one total, 1..2^30. */
struct kadre_rows {
  uint32_t count;
  const uint32_t *shares;
  uint32_t total;
  uint32_t pick;
  /* Liars for KADRE_PICK_TRIM, values kept for KADRE_PICK_CLOSEST. */
  uint32_t parameter;
};

struct kadre_rounds {
  const char *name;
  /* Why blocks are not elements in their one spelling; NULL when they are. */
  const char *(*check_blocks)(const struct kadre_vector *vector);
  /* Block `block` of the sums of products: per pair two words, low half first. */
  void (*gram_block)(const struct kadre_basis *basis, uint64_t block, uint64_t *out);
  /* out[from..to) of the first row. */
  void (*mix)(const struct kadre_basis *basis, const struct kadre_rows *rows,
              struct kadre_range range, int32_t *out);
  /* out[from..to) of the rows sorted coordinate by coordinate. */
  void (*sort)(const struct kadre_basis *basis, const struct kadre_rows *rows,
               struct kadre_range range, int32_t *out);
  /* Coordinates of a state of `elements` columns; rows as the optimiser has them. */
  void (*step)(const struct kadre_optimiser_settings *by, uint64_t elements, const int32_t *state,
               const int32_t *aggregate, struct kadre_range range, int32_t *out);
};

extern const struct kadre_rounds kadre_rounds_generic;
#ifdef KADRE_HAVE_AVX2
extern const struct kadre_rounds kadre_rounds_avx2;
#endif
#ifdef KADRE_HAVE_AVX512
extern const struct kadre_rounds kadre_rounds_avx512;
#endif

#ifdef __cplusplus
}
#endif

#endif
