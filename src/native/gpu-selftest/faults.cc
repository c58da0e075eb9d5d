/* Kernels that misbehave, as PTX: what the driver and the next process make of them. */
#include <stdio.h>

#include "device.h"
#include "steps.h"

namespace selftest {
namespace {

using kadre::cuda::Result;
using kadre::cuda::SUCCESS;

constexpr Result ILLEGAL_ADDRESS = 700;

const char MISBEHAVING[] =
    ".version 6.4\n.target sm_75\n.address_size 64\n"
    ".visible .entry outside()\n{\n.reg .b64 %rd<2>;\n.reg .b32 %r<2>;\n"
    "mov.u64 %rd1, 64;\nmov.u32 %r1, 1;\nst.global.u32 [%rd1], %r1;\nret;\n}\n"
    ".visible .entry endless()\n{\nL:\nbra L;\n}\n";

/* Launches one of them and waits for its end. */
Result run(FirstGpu *first, const char *name) {
  const kadre::cuda::Driver &driver = first->driver;
  kadre::cuda::Module module;
  kadre::cuda::Function function;
  kadre::cuda::Event event;
  const kadre::cuda::Stream stream = first->gpu.slot(0).stream();
  Result result = driver.module_load(&module, MISBEHAVING);
  if (result == SUCCESS) result = driver.module_function(&function, module, name);
  if (result == SUCCESS) result = driver.event_create(&event, 3);
  if (result != SUCCESS) {
    printf("{\"problem\":\"cannot load: %d\"}\n", result);
    return -1;
  }
  result = driver.launch(function, 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr);
  if (result == SUCCESS) result = driver.event_record(event, stream);
  printf("{\"launched\":\"%s\",\"result\":%d}\n", name, result);
  return result == SUCCESS ? driver.event_wait(event) : result;
}

}  // namespace

int fault() {
  FirstGpu first;
  if (!first.open()) return NOT_HERE;
  const Result result = run(&first, "outside");
  kadre::cuda::DevicePointer at;
  const Result after = first.driver.memory_allocate(&at, 1024);
  printf("{\"fault\":%d,\"after\":%d}\n", result, after);
  return result == ILLEGAL_ADDRESS && after == ILLEGAL_ADDRESS ? GOOD : WRONG;
}

int hang() {
  FirstGpu first;
  if (!first.open()) return NOT_HERE;
  printf("{\"ended\":%d}\n", run(&first, "endless"));
  return WRONG;
}

}  // namespace selftest
