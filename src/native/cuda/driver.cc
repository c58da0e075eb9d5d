/* Opening libcuda.so.1 and saying why that did not work. Nothing here creates a context. */
#include "driver.h"

#include <dlfcn.h>

namespace kadre {
namespace cuda {
namespace {

/* The first function that is missing, or NULL. */
const char *find_all(void *library, Driver *driver) {
  const char *missing = nullptr;
#define KADRE_CUDA_FIND(member, symbol, parameters)                                  \
  driver->member = reinterpret_cast<Result(*) parameters>(dlsym(library, #symbol));  \
  if (driver->member == nullptr && missing == nullptr) missing = #symbol;
  KADRE_CUDA_OPTIONAL_FUNCTIONS(KADRE_CUDA_FIND)
  missing = nullptr;
  KADRE_CUDA_FUNCTIONS(KADRE_CUDA_FIND)
#undef KADRE_CUDA_FIND
  return missing;
}

}  // namespace

std::string explain(const Driver &driver, const char *reason, Result result) {
  if (result == OUT_OF_MEMORY) return "out-of-memory";
  const char *name = nullptr;
  const bool known = driver.error_name(result, &name) == SUCCESS && name != nullptr;
  return std::string(reason) + ": " + (known ? name : "unknown error") + " (" +
         std::to_string(result) + ")";
}

std::string open_driver(Driver *driver) {
  /* Open as long as the process: the driver has threads of its own. */
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return "no-driver";
  const char *missing = find_all(library, driver);
  if (missing != nullptr) return std::string("driver-too-old: has no ") + missing;
  const Result result = driver->init(0);
  if (result == NO_DEVICE) return "no-device";
  if (result != SUCCESS) return explain(*driver, "init-failed", result);
  const Result version = driver->driver_version(&driver->version);
  return version == SUCCESS ? "" : explain(*driver, "init-failed", version);
}

}  // namespace cuda
}  // namespace kadre
