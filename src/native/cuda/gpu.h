/* One device: its facts, its context with our code in it, and the slots that calls run in. */
#ifndef KADRE_CUDA_GPU_H
#define KADRE_CUDA_GPU_H

#include <string>

#include "shared-inputs.h"
#include "slot.h"

namespace kadre {
namespace cuda {

/* Two calls at once: one computes while the other copies. */
constexpr int SLOTS = 2;
/* Oldest architecture that our device code is compiled for. */
constexpr int CAPABILITY_MIN = 75;

struct Functions {
  Function gemm_f32_128, gemm_f32_64, mandelbrot;
};

class Gpu {
 public:
  Gpu() = default;
  Gpu(const Gpu &) = delete;
  Gpu &operator=(const Gpu &) = delete;

  /* Reads what the device is; creates no context. Empty or a reason. */
  std::string identify(const Driver *driver, int ordinal);
  /* Context, code, slots; once, after `identify`. Empty or a reason. */
  std::string open();
  /* Makes the context this thread's own: before anything that a slot does. */
  Result enter() { return driver_->context_use(context_); }

  const std::string &model() const { return model_; }
  /* Compute capability times ten. */
  int capability() const { return capability_; }
  uint64_t memory() const { return memory_; }
  unsigned multiprocessors() const { return multiprocessors_; }
  const Functions &functions() const { return functions_; }
  const Driver &driver() const { return *driver_; }
  Slot &slot(int index) { return slots_[index]; }
  SharedInputs &shared_inputs() { return shared_inputs_; }

 private:
  std::string load_code();

  const Driver *driver_ = nullptr;
  Device device_ = 0;
  std::string model_;
  int capability_ = 0;
  uint64_t memory_ = 0;
  unsigned multiprocessors_ = 1;
  bool pools_ = false;
  Context context_ = nullptr;
  Functions functions_ = {};
  Slot slots_[SLOTS];
  SharedInputs shared_inputs_;
};

}  // namespace cuda
}  // namespace kadre

#endif
