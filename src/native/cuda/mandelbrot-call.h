/*
 * The host side of `mandelbrot@1` (docs/protocol/kernels/mandelbrot.md) on one device: which
 * pictures it takes, and their rows.
 */
#ifndef KADRE_CUDA_MANDELBROT_CALL_H
#define KADRE_CUDA_MANDELBROT_CALL_H

#include "../backend.h"
#include "gpu.h"

namespace kadre {
namespace cuda {

/* Whether an extent is more than device code counts to. */
bool is_picture_too_large(const kadre_task &task);

/* Rows `first` to `end` (exclusive) of the call; not too large. */
Result run_mandelbrot(Gpu *gpu, Slot *slot, const kadre_task &task, uint64_t first, uint64_t end);

}  // namespace cuda
}  // namespace kadre

#endif
