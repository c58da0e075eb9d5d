/*
 * A picture goes through a device in bands of rows: one comes back while the next is computed.
 * Nothing is copied there, for the region is three numbers.
 */
#include "mandelbrot-call.h"

#include <string.h>

#include <algorithm>

namespace kadre {
namespace cuda {
namespace {

/* Points of a block: THREADS in cuda/mandelbrot.h. */
constexpr uint64_t THREADS = 128;
/* Of a band: enough to fill any device, few enough that copies overlap. */
constexpr uint64_t BAND_POINTS = 1 << 20;
/* Rows, columns and steps; the points of one band then fit into 32 bits. */
constexpr uint64_t EXTENT_MAX = 0x7fffffff;

struct Band {
  DevicePointer counts;
  uint64_t first, rows;
};

Result launch(Gpu *gpu, Stream stream, const kadre_task &task, const Band &band) {
  double region[3];
  memcpy(region, task.inputs[0], sizeof region);
  const auto number = [](uint64_t value) { return static_cast<unsigned>(value); };
  DevicePointer counts = band.counts;
  unsigned width = number(task.extents[1]), height = number(task.extents[3]);
  unsigned first = number(task.extents[2] + band.first), points = number(band.rows * width);
  unsigned limit = number(task.extents[4]);
  void *arguments[] = {&region[0], &region[1], &region[2], &counts, &width,
                       &height,    &first,     &points,    &limit};
  const unsigned grid = number((points + THREADS - 1) / THREADS);
  return gpu->driver().launch(gpu->functions().mandelbrot, grid, 1, 1, THREADS, 1, 1, 0, stream,
                              arguments, nullptr);
}

}  // namespace

bool is_picture_too_large(const kadre_task &task) {
  return std::any_of(task.extents, task.extents + 5, [](uint64_t e) { return e > EXTENT_MAX; });
}

Result run_mandelbrot(Gpu *gpu, Slot *slot, const kadre_task &task, uint64_t first, uint64_t end) {
  const uint64_t row_bytes = task.extents[1] * sizeof(uint32_t);
  const uint64_t height = std::max<uint64_t>(BAND_POINTS / task.extents[1], 1);
  uint8_t *out = static_cast<uint8_t *>(task.outputs[0]);
  DevicePointer counts = 0;
  Result result = slot->allocate((end - first) * row_bytes, &counts);
  for (uint64_t row = first; row < end && result == SUCCESS; row += height) {
    const uint64_t rows = std::min(height, end - row);
    const DevicePointer at = counts + (row - first) * row_bytes;
    result = launch(gpu, slot->stream(), task, {at, row, rows});
    if (result == SUCCESS) result = slot->down().follow(slot->stream());
    const HostRows home = {out + row * row_bytes, rows, row_bytes, row_bytes};
    if (result == SUCCESS) result = slot->down().download(at, row_bytes, home);
  }
  return result == SUCCESS ? slot->down().finish() : result;
}

}  // namespace cuda
}  // namespace kadre
