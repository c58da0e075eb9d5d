/* From JavaScript arguments to a checked kernel call, and nothing else. */
#ifndef KADRE_NAPI_TASK_H
#define KADRE_NAPI_TASK_H

#include <napi.h>

#include "../backend.h"

namespace kadre {

/*
 * Reads (kernel, extents, inputs, outputs) from info[first] on into `task`. Every buffer is checked
 * against the extents, so that no kernel can run past one. Returns NULL, or what is wrong.
 */
const char *read_task(const Napi::CallbackInfo &info, size_t first, kadre_task *task);

}  // namespace kadre

#endif
