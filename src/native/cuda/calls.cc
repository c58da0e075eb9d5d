/*
 * A matrix product goes through a device in bands of rows: while one band is computed the next is
 * copied there and the one before it comes back.
 */
#include "calls.h"

#include <algorithm>

#include "mandelbrot-call.h"

namespace kadre {
namespace cuda {
namespace {

/* Rows and columns of a block of the large variant, and of the small one. */
constexpr uint64_t LARGE = 128, SMALL = 64;
constexpr unsigned LARGE_THREADS = 256, SMALL_THREADS = 64;
/* Blocks per multiprocessor that a band has at least, so that its last wave weighs little. */
constexpr uint64_t BAND_WAVES = 8;
/* Device code counts rows, columns and k in 32 bits. */
constexpr uint64_t EXTENT_MAX = 0x7fffff00;
/* Multiply-adds of a part that make another device worth its copies of b. */
constexpr double PART_WORK_MIN = 3e10;

struct Matrix {
  DevicePointer at;
  /* Floats from one row to the next: a multiple of 4, so that rows begin at 16 bytes. */
  uint64_t pitch;
};

uint64_t blocks(uint64_t rows, uint64_t columns, uint64_t edge) {
  return (rows + edge - 1) / edge * ((columns + edge - 1) / edge);
}

class Product {
 public:
  Product(Gpu *gpu, Slot *slot, const kadre_task &task, uint64_t first, uint64_t end)
      : gpu_(*gpu),
        slot_(*slot),
        rows_(end - first),
        columns_(task.extents[1]),
        k_(task.extents[2]),
        host_a_(rows_of(task.inputs[0], rows_, k_, task.extents[3], first)),
        host_b_(rows_of(task.inputs[1], k_, columns_, task.extents[4], 0)),
        host_c_(rows_of(task.outputs[0], rows_, columns_, columns_, first)) {}

  Result run() {
    b_.pitch = padded(columns_);
    SharedInputs &shared = gpu_.shared_inputs();
    const Result joined = shared.join(&slot_, host_b_, b_.pitch * sizeof(float), &b_.at);
    if (joined != SUCCESS) return joined;
    const Result result = with_b();
    /* All kernels of this call have ended, or the process is about to. */
    shared.leave(&slot_, b_.at);
    return result;
  }

 private:
  Result with_b() {
    Result result = allocate(&a_, rows_, k_);
    if (result == SUCCESS) result = allocate(&c_, rows_, columns_);
    const uint64_t height = band_height();
    for (uint64_t row = 0; row < rows_ && result == SUCCESS; row += height) {
      result = band(row, std::min(height, rows_ - row));
    }
    return result == SUCCESS ? slot_.down().finish() : result;
  }

  static uint64_t padded(uint64_t columns) { return (columns + 3) / 4 * 4; }

  static HostRows rows_of(const void *data, uint64_t rows, uint64_t width, uint64_t stride,
                          uint64_t first) {
    /* A channel only reads what it uploads. */
    uint8_t *bytes = const_cast<uint8_t *>(static_cast<const uint8_t *>(data));
    const uint64_t size = sizeof(float);
    return {bytes + first * stride * size, rows, width * size, stride * size};
  }

  Result allocate(Matrix *matrix, uint64_t rows, uint64_t columns) {
    matrix->pitch = padded(columns);
    return slot_.allocate(rows * matrix->pitch * sizeof(float), &matrix->at);
  }

  /* The fewest rows that keep the whole device busy. */
  uint64_t band_height() const {
    const uint64_t across = (columns_ + LARGE - 1) / LARGE;
    const uint64_t wanted = gpu_.multiprocessors() * BAND_WAVES;
    return (wanted + across - 1) / across * LARGE;
  }

  Result band(uint64_t row, uint64_t height) {
    const DevicePointer a = a_.at + row * a_.pitch * sizeof(float);
    const DevicePointer c = c_.at + row * c_.pitch * sizeof(float);
    Result result = slot_.up().upload(slice(host_a_, row, height), a, a_.pitch * sizeof(float));
    if (result == SUCCESS) result = slot_.up().hold(slot_.stream());
    if (result == SUCCESS) {
      result = launch_gemm(&gpu_, slot_.stream(),
                           {a, b_.at, c, height, columns_, k_, a_.pitch, b_.pitch, c_.pitch});
    }
    if (result == SUCCESS) result = slot_.down().follow(slot_.stream());
    if (result != SUCCESS) return result;
    return slot_.down().download(c, c_.pitch * sizeof(float), slice(host_c_, row, height));
  }

  static HostRows slice(const HostRows &box, uint64_t row, uint64_t rows) {
    return {box.data + row * box.stride, rows, box.width, box.stride};
  }

  Gpu &gpu_;
  Slot &slot_;
  const uint64_t rows_, columns_, k_;
  const HostRows host_a_, host_b_, host_c_;
  Matrix a_ = {}, b_ = {}, c_ = {};
};

Result run_noop(Slot *slot, const kadre_task &task) {
  const uint64_t bytes = task.extents[0];
  DevicePointer at = 0;
  Result result = slot->allocate(bytes, &at);
  if (result == SUCCESS) result = slot->driver().memory_set(at, 0, bytes, slot->stream());
  if (result == SUCCESS) result = slot->down().follow(slot->stream());
  const HostRows out = {static_cast<uint8_t *>(task.outputs[0]), 1, bytes, bytes};
  if (result == SUCCESS) result = slot->down().download(at, bytes, out);
  return result == SUCCESS ? slot->down().finish() : result;
}

bool is_too_large(const kadre_task &task) {
  if (task.kernel == KADRE_MANDELBROT) return is_picture_too_large(task);
  if (task.kernel != KADRE_GEMM_F32) return false;
  return std::any_of(task.extents, task.extents + 3, [](uint64_t e) { return e > EXTENT_MAX; });
}

/* At least one row; one without columns asks for nothing. */
Result run_rows(Gpu *gpu, Slot *slot, const kadre_task &task, uint64_t first, uint64_t end) {
  if (task.kernel == KADRE_NOOP) return run_noop(slot, task);
  if (task.extents[1] == 0) return SUCCESS;
  if (task.kernel == KADRE_MANDELBROT) return run_mandelbrot(gpu, slot, task, first, end);
  return Product(gpu, slot, task, first, end).run();
}

}  // namespace

Result launch_gemm(Gpu *gpu, Stream stream, const GemmOperands &x) {
  const bool large = blocks(x.m, x.n, LARGE) >= gpu->multiprocessors();
  const Function function = large ? gpu->functions().gemm_f32_128 : gpu->functions().gemm_f32_64;
  const unsigned grid = static_cast<unsigned>(blocks(x.m, x.n, large ? LARGE : SMALL));
  const unsigned threads = large ? LARGE_THREADS : SMALL_THREADS;
  DevicePointer a = x.a, b = x.b, c = x.c;
  unsigned m = static_cast<unsigned>(x.m), n = static_cast<unsigned>(x.n);
  unsigned k = static_cast<unsigned>(x.k), lda = static_cast<unsigned>(x.lda);
  unsigned ldb = static_cast<unsigned>(x.ldb), ldc = static_cast<unsigned>(x.ldc);
  void *arguments[] = {&a, &b, &c, &m, &n, &k, &lda, &ldb, &ldc};
  return gpu->driver().launch(function, grid, 1, 1, threads, 1, 1, 0, stream, arguments, nullptr);
}

bool has_kernel(uint32_t kernel) {
  return kernel == KADRE_NOOP || kernel == KADRE_GEMM_F32 || kernel == KADRE_MANDELBROT;
}

uint64_t row_blocks(const kadre_task &task) {
  if (task.kernel != KADRE_GEMM_F32) return 1;
  const double work = (double)task.extents[0] * (double)task.extents[1] * (double)task.extents[2];
  const double worth = work / PART_WORK_MIN;
  const uint64_t blocks = (task.extents[0] + LARGE - 1) / LARGE;
  if (worth < 1.0 || blocks == 0) return 1;
  return worth < (double)blocks ? (uint64_t)worth : blocks;
}

std::string run_call(Gpu *gpu, Slot *slot, const kadre_task &task, uint64_t first, uint64_t end) {
  if (is_too_large(task)) return "too-large";
  Result result = gpu->enter();
  if (result == SUCCESS && end > first) result = run_rows(gpu, slot, task, first, end);
  if (result != SUCCESS) slot->down().abandon();
  /* Also after a failure: what was allocated goes back, as zeros if the device still can. */
  const Result released = slot->release();
  if (result == SUCCESS) result = released;
  return result == SUCCESS ? "" : explain(gpu->driver(), "device-fault", result);
}

}  // namespace cuda
}  // namespace kadre
