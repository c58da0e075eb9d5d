/* Cutting rows, or other units, among threads in whole blocks; none gets less than one block. */
#ifndef KADRE_CPU_SPLIT_H
#define KADRE_CPU_SPLIT_H

#include <stdint.h>

/* Multiply-adds that are worth waking another thread for. */
static const double KADRE_PART_WORK_MIN = 4e6;

static inline uint32_t kadre_work_parts(uint64_t rows, double work, uint64_t block,
                                        uint32_t threads) {
  uint64_t blocks = (rows + block - 1) / block;
  double worth = work / KADRE_PART_WORK_MIN;
  uint64_t parts = threads;
  if (parts > blocks) parts = blocks;
  if ((double)parts > worth) parts = (uint64_t)worth;
  return parts < 1 ? 1 : (uint32_t)parts;
}

/* First row of a part; the end of the last part is `rows`. */
static inline uint64_t kadre_part_start(uint64_t rows, uint64_t block, uint32_t part,
                                        uint32_t parts) {
  uint64_t blocks = (rows + block - 1) / block;
  uint64_t start = blocks * part / parts * block;
  return start < rows ? start : rows;
}

#endif
