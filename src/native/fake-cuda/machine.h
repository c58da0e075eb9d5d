/* Runs a grid of device code on this processor, in random order. */
#ifndef KADRE_FAKE_MACHINE_H
#define KADRE_FAKE_MACHINE_H

#include <stdint.h>

#include <functional>

namespace fake {

/* xorshift64*; seeded by KADRE_FAKE_CUDA's `seed`. */
uint64_t draw();
void seed(uint64_t value);

/* `thread` is the kernel with its arguments. False: a barrier that not all threads reach. */
bool run_grid(unsigned blocks, unsigned threads, const std::function<void()> &thread);

}  // namespace fake

#endif
