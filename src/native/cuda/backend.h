/* The CUDA backends of this machine: one per architecture, each with all devices of that kind. */
#ifndef KADRE_CUDA_BACKEND_H
#define KADRE_CUDA_BACKEND_H

#include <stdint.h>

#include <string>
#include <vector>

#include "../backend.h"

namespace kadre {
namespace cuda {

struct GpuFacts {
  /* Name of the backend that runs on it: `cuda/sm_90`. */
  std::string backend;
  std::string model;
  /* Compute capability times ten. */
  int capability;
  uint64_t memory;
  /* Newest CUDA that the driver supports: 12040 is 12.4. */
  int driver;
};

struct Candidate {
  /* NULL when there is none to name: the reason says why. */
  const kadre_backend *backend;
  std::string name;
  /* Empty for one that works. */
  std::string problem;
};

struct Machine {
  /* Newest architecture first; one named `cuda` with a reason where there is no device. */
  std::vector<Candidate> candidates;
  /* Of the backends that work. */
  std::vector<GpuFacts> gpus;
};

/*
 * Opens the driver and a context on every device, the first time; the same answer afterwards. Never
 * undone: only processes that may be killed at any time call it.
 */
const Machine &machine();

}  // namespace cuda
}  // namespace kadre

#endif
