/* All kernels but the matrix product, for the vectors of VECTOR_BYTES of one variant. */
#include "fixed-tree.h"
#include "mandelbrot.h"
#include "map.h"
#include "montecarlo.h"
#include "reduce.h"
#include "sha256-search.h"
#include "variant.h"
