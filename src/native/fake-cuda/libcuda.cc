/*
 * A test double of libcuda.so.1: the functions that src/native/cuda/driver.h looks for, over
 * kernels compiled from the same source, with faults on demand (options.h). Never shipped.
 * Signatures are those of NVIDIA's public driver API reference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fstream>
#include <mutex>
#include <tuple>

#include "../cuda/kernels.cu"
#include "machine.h"
#include "memory.h"
#include "options.h"
#include "streams.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using fake::FakeEvent;
using fake::FakeStream;
using fake::options;

typedef int Result;
constexpr Result INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101;
constexpr Result INVALID_CONTEXT = 201, INVALID_IMAGE = 200, NOT_FOUND = 500, ILLEGAL = 700;
constexpr uint32_t FATBIN_MAGIC = 0xba55ed50;

/* One call at a time: a driver is thread-safe, and this is the simplest way to be. */
std::mutex driver_lock;
/* After a fault every call answers with it. */
Result sticky = 0;
uint64_t launches = 0;
thread_local int current_device = -1;

/* Anything but a whole driver and a thread with a context ends the call. */
#define ENTER(needs_context)                                        \
  const std::lock_guard<std::mutex> entered_(driver_lock);          \
  if (sticky != 0) return sticky;                                   \
  if (needs_context && current_device < 0) return INVALID_CONTEXT

template <class... A, size_t... I>
std::function<void()> bound_at(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
  const auto values = std::make_tuple(*static_cast<A *>(arguments[I])...);
  return [kernel, values] { std::apply(kernel, values); };
}

template <class... A>
std::function<void()> bound(void (*kernel)(A...), void **arguments) {
  return bound_at(kernel, arguments, std::index_sequence_for<A...>());
}

struct Kernel {
  const char *name;
  unsigned threads;
  /* Arguments: where the output stands, then unsigned numbers up to the ninth and last. */
  int output;
  std::function<void()> (*bind)(void **arguments);
};

#define KERNEL(name, threads, output) \
  {#name, threads, output, [](void **arguments) { return bound(name, arguments); }}

Kernel kernels[] = {KERNEL(kadre_gemm_f32_128, kadre_gemm_f32_128_blocking::THREADS, 2),
                    KERNEL(kadre_gemm_f32_64, kadre_gemm_f32_64_blocking::THREADS, 2),
                    KERNEL(kadre_mandelbrot, mandelbrot::THREADS, 3)};

/*
 * Whether an injected fault is still to come; it leaves a file so that the next process is spared.
 */
bool is_due(uint64_t launch) {
  if (launch == 0 || launches != launch) return false;
  const std::string &once = options().once;
  if (once.empty()) return true;
  if (access(once.c_str(), F_OK) == 0) return false;
  std::ofstream(once) << "done\n";
  return true;
}

void log_launch(const Kernel &kernel, unsigned grid, void **arguments) {
  if (options().log.empty()) return;
  std::ofstream log(options().log, std::ios::app);
  log << current_device << ' ' << kernel.name << ' ' << grid;
  for (int i = kernel.output + 1; i < 9; i++) log << ' ' << *static_cast<unsigned *>(arguments[i]);
  log << '\n';
}

void run_kernel(const Kernel &kernel, unsigned grid, const std::function<void()> &thread) {
  if (fake::run_grid(grid, kernel.threads, thread)) return;
  fake::broken("not all threads reach a barrier");
}

}  // namespace

EXPORT Result cuInit(unsigned) {
  fake::seed(options().seed);
  return options().init;
}

EXPORT Result cuDriverGetVersion(int *version) {
  *version = 12040;
  return 0;
}

EXPORT Result cuDeviceGetCount(int *count) {
  *count = static_cast<int>(options().devices.size());
  return 0;
}

EXPORT Result cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal < static_cast<int>(options().devices.size()) ? 0 : INVALID_DEVICE;
}

EXPORT Result cuDeviceGetName(char *name, int bytes, int device) {
  snprintf(name, static_cast<size_t>(bytes), "Fake GPU %d", device);
  return 0;
}

EXPORT Result cuDeviceTotalMem_v2(size_t *bytes, int) {
  *bytes = options().memory;
  return 0;
}

EXPORT Result cuDeviceGetAttribute(int *value, int which, int device) {
  const int capability = options().devices[static_cast<size_t>(device)];
  if (which == 16) *value = options().multiprocessors;
  else if (which == 75) *value = capability / 10;
  else if (which == 76) *value = capability % 10;
  else if (which == 115) *value = options().pools ? 1 : 0;
  else return INVALID_VALUE;
  return 0;
}

EXPORT Result cuDevicePrimaryCtxRetain(uintptr_t *context, int device) {
  ENTER(false);
  *context = static_cast<uintptr_t>(device) + 1;
  return 0;
}

EXPORT Result cuCtxSetCurrent(uintptr_t context) {
  ENTER(false);
  current_device = static_cast<int>(context) - 1;
  return 0;
}

EXPORT Result cuModuleLoadData(uintptr_t *module, const void *image) {
  ENTER(true);
  uint32_t magic;
  memcpy(&magic, image, sizeof magic);
  const bool is_fatbin = magic == FATBIN_MAGIC;
  if (!is_fatbin && strstr(static_cast<const char *>(image), ".version") == nullptr) {
    return INVALID_IMAGE;
  }
  *module = 1;
  return is_fatbin ? options().fatbin : options().ptx;
}

EXPORT Result cuModuleGetFunction(Kernel **function, uintptr_t, const char *name) {
  ENTER(true);
  for (Kernel &kernel : kernels) {
    if (strcmp(kernel.name, name) != 0) continue;
    *function = &kernel;
    return 0;
  }
  return NOT_FOUND;
}

EXPORT Result cuMemAlloc_v2(uint64_t *at, size_t bytes) {
  ENTER(true);
  *at = reinterpret_cast<uint64_t>(fake::allocate_device(current_device, bytes));
  return *at == 0 ? OUT_OF_MEMORY : 0;
}

EXPORT Result cuMemFree_v2(uint64_t at) {
  ENTER(true);
  fake::free_device(reinterpret_cast<void *>(at));
  return 0;
}

EXPORT Result cuMemAllocAsync(uint64_t *at, size_t bytes, FakeStream *stream) {
  ENTER(true);
  *at = reinterpret_cast<uint64_t>(fake::allocate_device(current_device, bytes));
  if (*at == 0) return OUT_OF_MEMORY;
  /* Only what follows in stream order may use it; until then it is somebody else's. */
  const uint64_t address = *at;
  fake::give(stream, {nullptr, [address, bytes] {
                        memset(reinterpret_cast<void *>(address), 0x5a, bytes);
                      }});
  return 0;
}

EXPORT Result cuMemFreeAsync(uint64_t at, FakeStream *stream) {
  ENTER(true);
  fake::give(stream, {nullptr, [at] { fake::free_device(reinterpret_cast<void *>(at)); }});
  return 0;
}

EXPORT Result cuDeviceGetDefaultMemPool(uintptr_t *pool, int) {
  *pool = 1;
  return 0;
}

EXPORT Result cuMemPoolSetAttribute(uintptr_t, int which, void *) {
  return which == 4 ? 0 : INVALID_VALUE;
}

EXPORT Result cuMemsetD8Async(uint64_t at, unsigned char value, size_t bytes, FakeStream *stream) {
  ENTER(true);
  if (!fake::is_device(reinterpret_cast<void *>(at), bytes)) return INVALID_VALUE;
  fake::give(stream, {nullptr, [at, value, bytes] {
                        memset(reinterpret_cast<void *>(at), value, bytes);
                      }});
  return 0;
}

EXPORT Result cuMemHostAlloc(void **at, size_t bytes, unsigned) {
  ENTER(true);
  *at = fake::allocate_pinned(bytes);
  return *at == nullptr ? OUT_OF_MEMORY : 0;
}

/* Copies read and write when they run, not when they are asked for. */
EXPORT Result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes,
                                   FakeStream *stream) {
  ENTER(true);
  void *target = reinterpret_cast<void *>(to);
  if (!fake::is_device(target, bytes)) return INVALID_VALUE;
  if (!fake::is_pinned(from, bytes)) fake::broken("an asynchronous copy from pageable memory");
  if (!options().copies.empty()) std::ofstream(options().copies, std::ios::app) << bytes << '\n';
  fake::give(stream, {nullptr, [target, from, bytes] { memcpy(target, from, bytes); }});
  return 0;
}

EXPORT Result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, FakeStream *stream) {
  ENTER(true);
  const void *source = reinterpret_cast<const void *>(from);
  if (!fake::is_device(source, bytes)) return INVALID_VALUE;
  if (!fake::is_pinned(to, bytes)) fake::broken("an asynchronous copy to pageable memory");
  fake::give(stream, {nullptr, [to, source, bytes] { memcpy(to, source, bytes); }});
  return 0;
}

EXPORT Result cuLaunchKernel(Kernel *kernel, unsigned grid, unsigned grid_y, unsigned grid_z,
                             unsigned threads, unsigned threads_y, unsigned threads_z, unsigned,
                             FakeStream *stream, void **arguments, void **) {
  ENTER(true);
  if (grid == 0 || grid > 0x7fffffffu || grid_y * grid_z * threads_y * threads_z != 1 ||
      threads != kernel->threads) {
    return INVALID_VALUE;
  }
  launches++;
  log_launch(*kernel, grid, arguments);
  if (is_due(options().fault)) {
    /* The launch succeeds; what comes after it learns of the fault. */
    sticky = ILLEGAL;
    return 0;
  }
  if (is_due(options().hang)) {
    fake::give(stream, {nullptr, [] {
                          for (;;) pause();
                        }});
  }
  const std::function<void()> thread = kernel->bind(arguments);
  void *result = *static_cast<void **>(arguments[kernel->output]);
  fake::give(stream, {nullptr, [kernel, grid, thread, result] {
                        run_kernel(*kernel, grid, thread);
                        if (options().wrong) *static_cast<uint32_t *>(result) ^= 1;
                      }});
  return 0;
}

EXPORT Result cuStreamCreate(FakeStream **stream, unsigned flags) {
  ENTER(true);
  *stream = fake::create_stream();
  return flags == 1 ? 0 : INVALID_VALUE;
}

EXPORT Result cuStreamWaitEvent(FakeStream *stream, FakeEvent *event, unsigned) {
  ENTER(true);
  fake::wait_for(stream, *event);
  return 0;
}

EXPORT Result cuEventCreate(FakeEvent **event, unsigned) {
  ENTER(true);
  *event = new FakeEvent();
  return 0;
}

EXPORT Result cuEventRecord(FakeEvent *event, FakeStream *stream) {
  ENTER(true);
  fake::record(event, stream);
  return 0;
}

EXPORT Result cuEventSynchronize(FakeEvent *event) {
  if (options().lazy) usleep(static_cast<unsigned>(rand()) % 3000);
  ENTER(true);
  fake::complete(*event);
  return 0;
}

/* Only asked for by the self-test program; nothing here takes time. */
EXPORT Result cuEventElapsedTime(float *ms, FakeEvent *, FakeEvent *) {
  *ms = 1.0f;
  return 0;
}

/* What an old driver has not got: tests build a second library without it. */
#ifndef KADRE_FAKE_OLD_DRIVER
EXPORT Result cuGetErrorName(Result result, const char **name) {
  static const struct {
    Result result;
    const char *name;
  } names[] = {
      {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
      {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {ILLEGAL, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"},
      {NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
  };
  for (const auto &entry : names) {
    if (entry.result == result) {
      *name = entry.name;
      return 0;
    }
  }
  return INVALID_VALUE;
}
#endif
