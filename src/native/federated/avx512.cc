#include "variant.h"

KADRE_CODECS(avx512);
