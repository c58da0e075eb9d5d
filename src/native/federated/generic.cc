#include "variant.h"

KADRE_CODECS(generic);
