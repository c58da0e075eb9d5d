/* What device code is written in: nvcc knows it by itself; clang and the host need to be told. */
#ifndef KADRE_CUDA_LANGUAGE_H
#define KADRE_CUDA_LANGUAGE_H

#if defined(KADRE_FAKE_DEVICE)
#include "../fake-cuda/device-language.h"
#elif !defined(__NVCC__)
#include "clang-language.h"
#endif

#endif
