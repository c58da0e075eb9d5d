/*
 * The CUDA driver, opened at run time: one binary serves machines with and without a GPU, and no
 * toolkit header is needed to build it. Types, numbers and names are those of NVIDIA's public
 * driver API reference; docs/adr/0160-cuda-through-the-driver-api.md says why not the runtime
 * library.
 */
#ifndef KADRE_CUDA_DRIVER_H
#define KADRE_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include <string>

namespace kadre {
namespace cuda {

typedef int Result;
typedef int Device;
typedef uint64_t DevicePointer;
typedef struct ContextTag *Context;
typedef struct ModuleTag *Module;
typedef struct FunctionTag *Function;
typedef struct StreamTag *Stream;
typedef struct EventTag *Event;
typedef struct PoolTag *Pool;

/* Results that something hangs on; all others are only reported. */
constexpr Result SUCCESS = 0;
constexpr Result OUT_OF_MEMORY = 2;
constexpr Result NO_DEVICE = 100;

constexpr int ATTRIBUTE_MULTIPROCESSORS = 16;
constexpr int ATTRIBUTE_CAPABILITY_MAJOR = 75;
constexpr int ATTRIBUTE_CAPABILITY_MINOR = 76;
constexpr int ATTRIBUTE_MEMORY_POOLS = 115;

constexpr int POOL_RELEASE_THRESHOLD = 4;

constexpr unsigned STREAM_NON_BLOCKING = 1;
/* A waiting thread sleeps instead of spinning; no time stamps. */
constexpr unsigned EVENT_BLOCKING_UNTIMED = 1 | 2;

/*
 * X(member, symbol, parameters). `_v2` is the 64-bit interface. Contexts, streams and pinned memory
 * are never given back: they belong to a runner process and end with it.
 */
#define KADRE_CUDA_FUNCTIONS(X)                                                                   \
  X(init, cuInit, (unsigned flags))                                                               \
  X(driver_version, cuDriverGetVersion, (int *version))                                           \
  X(device_count, cuDeviceGetCount, (int *count))                                                 \
  X(device_get, cuDeviceGet, (Device *device, int ordinal))                                       \
  X(device_name, cuDeviceGetName, (char *name, int bytes, Device device))                         \
  X(device_memory, cuDeviceTotalMem_v2, (size_t *bytes, Device device))                           \
  X(device_attribute, cuDeviceGetAttribute, (int *value, int which, Device device))               \
  X(context_retain, cuDevicePrimaryCtxRetain, (Context *context, Device device))                  \
  X(context_use, cuCtxSetCurrent, (Context context))                                              \
  X(module_load, cuModuleLoadData, (Module *module, const void *image))                           \
  X(module_function, cuModuleGetFunction,                                                         \
    (Function *function, Module module, const char *name))                                        \
  X(memory_allocate, cuMemAlloc_v2, (DevicePointer *at, size_t bytes))                            \
  X(memory_free, cuMemFree_v2, (DevicePointer at))                                                \
  X(memory_set, cuMemsetD8Async,                                                                  \
    (DevicePointer at, unsigned char value, size_t bytes, Stream stream))                         \
  X(host_allocate, cuMemHostAlloc, (void **at, size_t bytes, unsigned flags))                     \
  X(copy_up, cuMemcpyHtoDAsync_v2,                                                                \
    (DevicePointer to, const void *from, size_t bytes, Stream stream))                            \
  X(copy_down, cuMemcpyDtoHAsync_v2,                                                              \
    (void *to, DevicePointer from, size_t bytes, Stream stream))                                  \
  X(launch, cuLaunchKernel,                                                                       \
    (Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,      \
     unsigned block_y, unsigned block_z, unsigned shared_bytes, Stream stream, void **arguments,  \
     void **extra))                                                                               \
  X(stream_create, cuStreamCreate, (Stream *stream, unsigned flags))                              \
  X(stream_wait, cuStreamWaitEvent, (Stream stream, Event event, unsigned flags))                 \
  X(event_create, cuEventCreate, (Event *event, unsigned flags))                                  \
  X(event_record, cuEventRecord, (Event event, Stream stream))                                    \
  X(event_wait, cuEventSynchronize, (Event event))                                                \
  X(error_name, cuGetErrorName, (Result result, const char **name))

/* Stream-ordered allocation, since CUDA 11.2; used where the device says so. */
#define KADRE_CUDA_OPTIONAL_FUNCTIONS(X)                                                          \
  X(pool_allocate, cuMemAllocAsync, (DevicePointer *at, size_t bytes, Stream stream))             \
  X(pool_free, cuMemFreeAsync, (DevicePointer at, Stream stream))                                 \
  X(pool_of, cuDeviceGetDefaultMemPool, (Pool *pool, Device device))                              \
  X(pool_set, cuMemPoolSetAttribute, (Pool pool, int which, void *value))

struct Driver {
#define KADRE_CUDA_MEMBER(member, symbol, parameters) Result(*member) parameters = nullptr;
  KADRE_CUDA_FUNCTIONS(KADRE_CUDA_MEMBER)
  KADRE_CUDA_OPTIONAL_FUNCTIONS(KADRE_CUDA_MEMBER)
#undef KADRE_CUDA_MEMBER
  /* 12040 for CUDA 12.4: the newest CUDA that the driver supports. */
  int version = 0;

  bool has_pools() const {
    return pool_allocate != nullptr && pool_free != nullptr && pool_of != nullptr &&
           pool_set != nullptr;
  }
};

/*
 * Opens libcuda.so.1, finds every function and initialises it. Empty when that went well, else
 * `no-driver`, `driver-too-old`, `no-device` or `init-failed`, with details after a colon.
 */
std::string open_driver(Driver *driver);

/* `out-of-memory`, `no-device`, or `reason: CUDA_ERROR_... (number)`. */
std::string explain(const Driver &driver, const char *reason, Result result);

}  // namespace cuda
}  // namespace kadre

#endif
