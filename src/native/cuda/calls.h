/* The host side of each kernel: what is copied, what is launched, what comes back. */
#ifndef KADRE_CUDA_CALLS_H
#define KADRE_CUDA_CALLS_H

#include <string>

#include "../backend.h"
#include "gpu.h"

namespace kadre {
namespace cuda {

/* Matrices on the device; extents below 2^31, rows padded to multiples of 4 floats. */
struct GemmOperands {
  DevicePointer a, b, c;
  uint64_t m, n, k, lda, ldb, ldc;
};

/* One launch, with the blocking that suits the device. */
Result launch_gemm(Gpu *gpu, Stream stream, const GemmOperands &operands);

/* Rows `first` to `end` (exclusive) of a call of this kernel. Empty or a reason. */
std::string run_call(Gpu *gpu, Slot *slot, const kadre_task &task, uint64_t first, uint64_t end);

/* Rows that a call may be cut into, in units of what one block computes; 1: not worth cutting. */
uint64_t row_blocks(const kadre_task &task);

/* Whether there is device code for a kernel of enum kadre_kernel. */
bool has_kernel(uint32_t kernel);

}  // namespace cuda
}  // namespace kadre

#endif
