/* The gradient codecs' loops, compiled once for each instruction set: see codecs.h. */
#ifndef KADRE_FEDERATED_VARIANT_H
#define KADRE_FEDERATED_VARIANT_H

#include "blocks.h"
#include "products.h"
#include "select.h"

#define KADRE_CODECS(variant)                                 \
  extern "C" const kadre_codecs kadre_codecs_##variant = {    \
      #variant,          first_not_finite, encode_blocks,     \
      decode_blocks,     accumulate_blocks, select_largest,   \
      select_chunks,     times_columns,                       \
      transposed_times_columns,                               \
  }

#endif
