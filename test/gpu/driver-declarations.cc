/*
 * Compiled, never run: our own declarations of the CUDA driver against NVIDIA's header, where a
 * toolkit has it. Every function must have as many parameters, each of the same size and kind.
 */
#include <cuda.h>

#include <type_traits>

#include "../../src/native/cuda/driver.h"

template <class Ours, class Theirs>
constexpr bool is_alike() {
  return sizeof(Ours) == sizeof(Theirs) &&
         std::is_pointer<Ours>::value == std::is_pointer<Theirs>::value;
}

template <class R, class... Ours, class... Theirs>
constexpr bool are_alike(R (*)(Ours...), CUresult (*)(Theirs...)) {
  if constexpr (sizeof...(Ours) == sizeof...(Theirs)) {
    return (is_alike<Ours, Theirs>() && ...);
  } else {
    return false;
  }
}

#define CHECK_FUNCTION(member, symbol, parameters)                                          \
  static_assert(are_alike(decltype(kadre::cuda::Driver::member){}, decltype(&symbol){}),    \
                #symbol);
KADRE_CUDA_FUNCTIONS(CHECK_FUNCTION)
KADRE_CUDA_OPTIONAL_FUNCTIONS(CHECK_FUNCTION)

#define CHECK_NUMBER(ours, theirs) \
  static_assert(static_cast<int>(kadre::cuda::ours) == static_cast<int>(theirs), #ours)
CHECK_NUMBER(SUCCESS, CUDA_SUCCESS);
CHECK_NUMBER(OUT_OF_MEMORY, CUDA_ERROR_OUT_OF_MEMORY);
CHECK_NUMBER(NO_DEVICE, CUDA_ERROR_NO_DEVICE);
CHECK_NUMBER(ATTRIBUTE_MULTIPROCESSORS, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
CHECK_NUMBER(ATTRIBUTE_CAPABILITY_MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
CHECK_NUMBER(ATTRIBUTE_CAPABILITY_MINOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
CHECK_NUMBER(ATTRIBUTE_MEMORY_POOLS, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
CHECK_NUMBER(POOL_RELEASE_THRESHOLD, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD);
CHECK_NUMBER(STREAM_NON_BLOCKING, CU_STREAM_NON_BLOCKING);
CHECK_NUMBER(EVENT_BLOCKING_UNTIMED, CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING);
