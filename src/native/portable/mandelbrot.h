/*
 * One step of `mandelbrot@1` (docs/protocol/kernels/mandelbrot.md), for one point or a vector of
 * them: binary64, no fma.
 */
#ifndef KADRE_PORTABLE_MANDELBROT_H
#define KADRE_PORTABLE_MANDELBROT_H

#include "math.h"

/* Centre and width of the region; extents of the picture. */
struct kadre_view {
  double x, y, span;
  uint64_t width, height;
};

KADRE_HD double kadre_view_x(const struct kadre_view *view, uint64_t column) {
  const double step = view->span / (double)view->width;
  return view->x + ((double)column + 0.5 - (double)view->width * 0.5) * step;
}

KADRE_HD double kadre_view_y(const struct kadre_view *view, uint64_t row) {
  const double step = view->span / (double)view->width;
  return view->y + ((double)view->height * 0.5 - (double)row - 0.5) * step;
}

/* |z|^2 of z = (x, y), then z := z^2 + c. */
template <class Real>
KADRE_HD Real kadre_mandelbrot_step(Real *x, Real *y, Real cx, Real cy) {
  const Real xx = *x * *x, yy = *y * *y, xy = *x * *y;
  *y = (xy + xy) + cy;
  *x = (xx - yy) + cx;
  return xx + yy;
}

#endif
