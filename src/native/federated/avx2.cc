#include "variant.h"

KADRE_CODECS(avx2);
