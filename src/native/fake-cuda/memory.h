/*
 * Device and pinned memory that notices what a real device would not tell: each allocation ends at
 * an unmapped page, begins as garbage, and must be all zero when it is freed.
 */
#ifndef KADRE_FAKE_MEMORY_H
#define KADRE_FAKE_MEMORY_H

#include <stdint.h>

namespace fake {

/* NULL when it does not fit beside what is allocated on this device. */
void *allocate_device(int device, uint64_t bytes);
/* Ends the process, with a line, when it was never allocated or is not zero. */
void free_device(void *at);
void *allocate_pinned(uint64_t bytes);
/* Whether all of it lies in one allocation. */
bool is_device(const void *at, uint64_t bytes);
bool is_pinned(const void *at, uint64_t bytes);

/* Ends the process with a line: the program under test has broken a rule of the driver. */
[[noreturn]] void broken(const char *rule);

}  // namespace fake

#endif
