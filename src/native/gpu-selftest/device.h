/* The first GPU that opens, and the driver functions that only the self-test needs. */
#ifndef KADRE_GPU_SELFTEST_DEVICE_H
#define KADRE_GPU_SELFTEST_DEVICE_H

#include "../cuda/gpu.h"

namespace selftest {

struct FirstGpu {
  kadre::cuda::Driver driver;
  kadre::cuda::Gpu gpu;
  /* Elapsed milliseconds between two events that keep time. */
  kadre::cuda::Result (*elapsed)(float *, kadre::cuda::Event, kadre::cuda::Event) = nullptr;

  /* Prints the reason when there is none. */
  bool open();
};

}  // namespace selftest

#endif
