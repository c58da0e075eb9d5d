/*
 * Which code a device gets: machine code for its own architecture from the fatbin, else PTX that
 * the driver compiles, else the PTX whose header asks for an old driver (docs/adr/0161).
 */
#include "gpu.h"

#include <vector>

/* Made by scripts/native/device-code.ts and embedded by embed.S; each is there or not. */
#ifdef KADRE_FATBIN
extern "C" const unsigned char kadre_fatbin[];
#endif
#ifdef KADRE_PTX
extern "C" const unsigned char kadre_ptx[];
#endif

namespace kadre {
namespace cuda {
namespace {

/* Of freed memory, what the next call may take without asking the system; the rest goes back. */
constexpr uint64_t POOL_BYTES_KEPT = 1ull << 30;

std::vector<const void *> images() {
  return {
#ifdef KADRE_FATBIN
      kadre_fatbin,
#endif
#ifdef KADRE_PTX
      kadre_ptx,
#endif
  };
}

}  // namespace

std::string Gpu::identify(const Driver *driver, int ordinal) {
  driver_ = driver;
  char name[256] = "";
  int major = 0, minor = 0, multiprocessors = 0, pools = 0;
  size_t memory = 0;
  Result result = driver->device_get(&device_, ordinal);
  if (result == SUCCESS) result = driver->device_name(name, sizeof name, device_);
  if (result == SUCCESS) result = driver->device_memory(&memory, device_);
  const auto ask = [&](int which, int *value) {
    if (result == SUCCESS) result = driver->device_attribute(value, which, device_);
  };
  ask(ATTRIBUTE_CAPABILITY_MAJOR, &major);
  ask(ATTRIBUTE_CAPABILITY_MINOR, &minor);
  ask(ATTRIBUTE_MULTIPROCESSORS, &multiprocessors);
  if (result != SUCCESS) return explain(*driver, "init-failed", result);
  /* Old drivers do not know the question, which is an answer. */
  if (driver->device_attribute(&pools, ATTRIBUTE_MEMORY_POOLS, device_) != SUCCESS) pools = 0;
  model_ = name;
  capability_ = major * 10 + minor;
  memory_ = memory;
  multiprocessors_ = multiprocessors < 1 ? 1 : multiprocessors;
  pools_ = pools != 0 && driver->has_pools();
  return "";
}

std::string Gpu::open() {
  if (capability_ < CAPABILITY_MIN) return "device-too-old";
  if (images().empty()) return "no-device-code";
  Result result = driver_->context_retain(&context_, device_);
  if (result == SUCCESS) result = enter();
  if (result != SUCCESS) return explain(*driver_, "init-failed", result);
  const std::string problem = load_code();
  if (!problem.empty()) return problem;
  if (pools_) {
    uint64_t kept = POOL_BYTES_KEPT;
    Pool pool = nullptr;
    result = driver_->pool_of(&pool, device_);
    if (result == SUCCESS) result = driver_->pool_set(pool, POOL_RELEASE_THRESHOLD, &kept);
    if (result != SUCCESS) return explain(*driver_, "init-failed", result);
  }
  for (Slot &slot : slots_) {
    result = slot.open(driver_, pools_);
    if (result != SUCCESS) return explain(*driver_, "init-failed", result);
  }
  return "";
}

std::string Gpu::load_code() {
  Module module = nullptr;
  Result result = SUCCESS;
  for (const void *image : images()) {
    result = driver_->module_load(&module, image);
    if (result == SUCCESS || result == OUT_OF_MEMORY) break;
  }
  const auto find = [&](const char *name, Function *function) {
    if (result == SUCCESS) result = driver_->module_function(function, module, name);
  };
  find("kadre_gemm_f32_128", &functions_.gemm_f32_128);
  find("kadre_gemm_f32_64", &functions_.gemm_f32_64);
  find("kadre_mandelbrot", &functions_.mandelbrot);
  return result == SUCCESS ? "" : explain(*driver_, "module-load-failed", result);
}

}  // namespace cuda
}  // namespace kadre
