/* Codecs and rounds for one instruction set, chosen by the flags of this file. */
#include "variant.h"

KADRE_FEDERATED(avx2);
