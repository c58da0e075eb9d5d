/*
 * The product on data that is already on the device, beside cuBLAS SGEMM in the same run, and with
 * the copies that a shard pays. Medians of nine; cuBLAS is opened at run time and left in its
 * default mode, which keeps binary32 (TF32 has to be asked for).
 */
#include <dlfcn.h>
#include <stdio.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "../cuda/backend.h"
#include "../cuda/calls.h"
#include "device.h"
#include "steps.h"

namespace selftest {

using namespace kadre::cuda;

namespace {

constexpr int ROUNDS = 9;
/* An event that keeps time. */
constexpr unsigned EVENT_BLOCKING = 1;

struct Cublas {
  void *handle = nullptr;
  int (*sgemm)(void *, int, int, int, int, int, const float *, const void *, int, const void *, int,
               const float *, void *, int) = nullptr;

  bool open(Stream stream) {
    void *library = nullptr;
    for (const char *name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"}) {
      if (library == nullptr) library = dlopen(name, RTLD_NOW);
    }
    if (library == nullptr) return false;
    const auto create = reinterpret_cast<int (*)(void **)>(dlsym(library, "cublasCreate_v2"));
    const auto attach =
        reinterpret_cast<int (*)(void *, Stream)>(dlsym(library, "cublasSetStream_v2"));
    sgemm = reinterpret_cast<decltype(sgemm)>(dlsym(library, "cublasSgemm_v2"));
    return create != nullptr && attach != nullptr && sgemm != nullptr && create(&handle) == 0 &&
           attach(handle, stream) == 0;
  }
};

/* Median milliseconds of `work` on the stream; negative: it failed. */
double time_of(const FirstGpu &first, Stream stream, const std::function<Result()> &work) {
  Event start, end;
  if (first.driver.event_create(&start, EVENT_BLOCKING) != SUCCESS) return -1;
  if (first.driver.event_create(&end, EVENT_BLOCKING) != SUCCESS) return -1;
  std::vector<float> times;
  /* The first one pays for what is loaded late. */
  for (int i = 0; i <= ROUNDS; i++) {
    Result result = first.driver.event_record(start, stream);
    if (result == SUCCESS) result = work();
    if (result == SUCCESS) result = first.driver.event_record(end, stream);
    if (result == SUCCESS) result = first.driver.event_wait(end);
    float ms = 0;
    if (result == SUCCESS) result = first.elapsed(&ms, start, end);
    if (result != SUCCESS) return -1;
    if (i > 0) times.push_back(ms);
  }
  std::sort(times.begin(), times.end());
  return times[ROUNDS / 2];
}

/* Median milliseconds of a whole call from and to host memory, as the runner makes it. */
double call_time(const kadre_backend *backend, unsigned extent, const std::vector<uint32_t> &a,
                 const std::vector<uint32_t> &b) {
  std::vector<uint32_t> c(a.size());
  kadre_task task = {};
  task.kernel = KADRE_GEMM_F32;
  for (int i = 0; i < 5; i++) task.extents[i] = extent;
  task.inputs[0] = a.data();
  task.inputs[1] = b.data();
  task.outputs[0] = c.data();
  std::vector<double> times;
  for (int i = 0; i <= ROUNDS; i++) {
    const auto start = std::chrono::steady_clock::now();
    if (backend->run(backend, &task, 0, 1) != nullptr) return -1;
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - start;
    if (i > 0) times.push_back(took.count());
  }
  std::sort(times.begin(), times.end());
  return times[ROUNDS / 2];
}

bool measure(FirstGpu *first, Cublas *cublas, unsigned extent) {
  Slot &slot = first->gpu.slot(0);
  const std::vector<uint32_t> a = sample(0, (uint64_t)extent * extent, 5);
  const std::vector<uint32_t> b = sample(0, (uint64_t)extent * extent, 6);
  const uint64_t row = extent * sizeof(float);
  DevicePointer at[3] = {};
  Result result = SUCCESS;
  for (DevicePointer &pointer : at) {
    if (result == SUCCESS) result = slot.allocate(row * extent, &pointer);
  }
  const auto upload = [&](const std::vector<uint32_t> &words, DevicePointer to) {
    uint8_t *data = reinterpret_cast<uint8_t *>(const_cast<uint32_t *>(words.data()));
    if (result == SUCCESS) result = slot.up().upload({data, extent, row, row}, to, row);
  };
  upload(a, at[0]);
  upload(b, at[1]);
  if (result == SUCCESS) result = slot.up().hold(slot.stream());
  if (result != SUCCESS) return false;
  const uint64_t n = extent;
  const GemmOperands operands = {at[0], at[1], at[2], n, n, n, n, n, n};
  const double ours = time_of(*first, slot.stream(), [&] {
    return launch_gemm(&first->gpu, slot.stream(), operands);
  });
  double theirs = -1;
  if (cublas->handle != nullptr) {
    const int e = static_cast<int>(extent);
    const float one = 1, zero = 0;
    /* Column order: the transposed product of the transposed matrices. */
    theirs = time_of(*first, slot.stream(), [&] {
      return cublas->sgemm(cublas->handle, 0, 0, e, e, e, &one, (void *)at[1], e, (void *)at[0], e,
                           &zero, (void *)at[2], e);
    });
  }
  slot.release();
  const Candidate &candidate = machine().candidates.front();
  const double whole = call_time(candidate.backend, extent, a, b);
  const double flops = 2.0 * extent * extent * extent / 1e9;
  printf("{\"extent\":%u,\"ms\":%.4f,\"tflops\":%.2f,\"cublasMs\":%.4f,\"cublasTflops\":%.2f,"
         "\"ratio\":%.3f,\"callMs\":%.3f}\n",
         extent, ours, flops / ours, theirs, theirs > 0 ? flops / theirs : 0.0,
         theirs > 0 ? theirs / ours : 0.0, whole);
  return ours > 0 && whole > 0;
}

}  // namespace

bool FirstGpu::open() {
  std::string problem = open_driver(&driver);
  if (problem.empty()) problem = gpu.identify(&driver, 0);
  if (problem.empty()) problem = gpu.open();
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  if (problem.empty()) {
    elapsed = reinterpret_cast<decltype(elapsed)>(dlsym(library, "cuEventElapsedTime"));
    if (elapsed == nullptr) problem = "driver-too-old: has no cuEventElapsedTime";
  }
  if (!problem.empty()) printf("{\"problem\":\"%s\"}\n", problem.c_str());
  return problem.empty();
}

int speed(unsigned extent_max) {
  FirstGpu first;
  if (!first.open()) return NOT_HERE;
  Cublas cublas;
  if (!cublas.open(first.gpu.slot(0).stream())) printf("{\"cublas\":\"not found\"}\n");
  for (unsigned extent = std::min(1024u, extent_max); extent <= extent_max; extent *= 2) {
    if (!measure(&first, &cublas, extent)) return WRONG;
  }
  return GOOD;
}

}  // namespace selftest
