/*
 * `mandelbrot@1` for a device: one point per thread, which stops when its point has escaped. The
 * arithmetic is that of portable/mandelbrot.h.
 */
#ifndef KADRE_CUDA_MANDELBROT_H
#define KADRE_CUDA_MANDELBROT_H

#include "../portable/mandelbrot.h"

namespace mandelbrot {

constexpr unsigned THREADS = 128;

/* Point `at` of those that begin in row `first` of the picture. */
__device__ __forceinline__ unsigned steps_of(const kadre_view &view, unsigned first, unsigned at,
                                             unsigned limit) {
  const unsigned width = static_cast<unsigned>(view.width);
  const double cx = kadre_view_x(&view, at % width);
  const double cy = kadre_view_y(&view, first + at / width);
  double x = 0, y = 0;
  unsigned count = 0;
#pragma unroll 1
  while (count < limit && kadre_mandelbrot_step(&x, &y, cx, cy) <= 4.0) count++;
  return count;
}

}  // namespace mandelbrot

#endif
