/*
 * The steps of the GPU self-test: a program without Node, for machines that have a GPU and little
 * else. Each prints lines of JSON and returns an exit code: 0 good, 1 wrong, 3 not possible here.
 */
#ifndef KADRE_GPU_SELFTEST_STEPS_H
#define KADRE_GPU_SELFTEST_STEPS_H

#include <stdint.h>

#include <vector>

namespace selftest {

constexpr int GOOD = 0, WRONG = 1, NOT_HERE = 3;

/* What is there, and how long opening it took. */
int probe();
/*
 * Products of many shapes and pictures, up to `work_max` multiply-adds or steps, each `repeats`
 * times, against the CPU.
 */
int bits(int repeats, double work_max);
/* Products resident on the device beside cuBLAS, up to this extent; and with copies. */
int speed(unsigned extent_max);
/* A kernel that writes where nothing is: the fault must be 700, and everything after it fails. */
int fault();
/* A kernel that never ends. Returns only if it could not be started. */
int hang();

/* binary32 patterns: 0 moderate, 1 any bits, 2 tiny (src/compute/sample-input.ts). */
std::vector<uint32_t> sample(int kind, uint64_t count, uint32_t seed);

}  // namespace selftest

#endif
