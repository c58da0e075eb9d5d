/* The gradient codecs' loops for one instruction set: see codecs.h. */
#include "blocks.h"
#include "products.h"
#include "select.h"

extern "C" const kadre_codecs kadre_codecs_avx2 = {
    "avx2",
    first_not_finite,
    encode_blocks,
    decode_blocks,
    accumulate_blocks,
    select_largest,
    select_chunks,
    times_columns,
    transposed_times_columns,
};
