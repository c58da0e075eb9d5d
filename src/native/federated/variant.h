/* The loops of codecs and rounds, compiled once for each instruction set: codecs.h, rounds.h. */
#ifndef KADRE_FEDERATED_VARIANT_H
#define KADRE_FEDERATED_VARIANT_H

#include "apply.h"
#include "blocks.h"
#include "gram.h"
#include "products.h"
#include "select.h"

#define KADRE_FEDERATED(variant)                                 \
  extern "C" const kadre_codecs kadre_codecs_##variant = {    \
      #variant,          first_not_finite, encode_blocks,     \
      decode_blocks,     accumulate_blocks, select_largest,   \
      select_chunks,     times_columns,                       \
      transposed_times_columns,                               \
  };                                                          \
  extern "C" const kadre_rounds kadre_rounds_##variant = {    \
      #variant, check_blocks, gram_block, mix, sort, step,    \
  }

#endif
