/*
 * Philox4x32-10: four random words from a counter of four words and a key of two (Salmon, Moraes,
 * Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011). No state: element i of any
 * stream can be made by anyone.
 */
#ifndef KADRE_PORTABLE_PHILOX_H
#define KADRE_PORTABLE_PHILOX_H

#include "math.h"

struct kadre_philox_words {
  uint32_t w0, w1, w2, w3;
};

KADRE_HD struct kadre_philox_words kadre_philox(struct kadre_philox_words counter, uint32_t key0,
                                                uint32_t key1) {
  uint32_t c0 = counter.w0, c1 = counter.w1, c2 = counter.w2, c3 = counter.w3;
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
    const uint64_t product0 = (uint64_t)c0 * 0xd2511f53u;
    const uint64_t product1 = (uint64_t)c2 * 0xcd9e8d57u;
    c0 = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
    c2 = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
    c1 = (uint32_t)product1;
    c3 = (uint32_t)product0;
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
  struct kadre_philox_words words = {c0, c1, c2, c3};
  return words;
}

#endif
