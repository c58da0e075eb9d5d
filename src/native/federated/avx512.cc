/* The gradient codecs for one instruction set, chosen by the flags of this file: see codecs.h. */
#include "variant.h"

KADRE_CODECS(avx512);
