/*
 * What a test asks of the fake driver: KADRE_FAKE_CUDA="name=value,name=value". The names are the
 * members below; README of the injected faults is this file.
 */
#ifndef KADRE_FAKE_OPTIONS_H
#define KADRE_FAKE_OPTIONS_H

#include <stdint.h>

#include <string>
#include <vector>

namespace fake {

struct Options {
  /* Compute capabilities times ten, one per device: "90+75". */
  std::vector<int> devices = {90};
  /* Bytes of device memory on each. */
  uint64_t memory = 8ull << 30;
  /* Whether devices allocate in stream order. */
  bool pools = true;
  /* Of each device: what decides between blockings and how high a band is. */
  int multiprocessors = 4;
  /* Result of cuInit: 100 no device, 803 driver mismatch. */
  int init = 0;
  /* Result of loading a fatbin, and of loading PTX: 209 no image for this device. */
  int fatbin = 0, ptx = 0;
  /* The launch, counted from 1, that reports an illegal address or never ends. */
  uint64_t fault = 0, hang = 0;
  /* With a file's name: fault and hang only while it does not exist, and they create it. */
  std::string once;
  /* One bit of every result is wrong. */
  bool wrong = false;
  uint64_t seed = 0;
  /* Streams do nothing but what somebody waits for, and waiting threads come in random order. */
  bool lazy = false;
  /* One line per launch is appended to this file. */
  std::string log;
  /* And to this one the bytes of each copy to a device. */
  std::string copies;
};

/* Ends the process on a name it does not know: a test's typing error must not pass. */
const Options &options();

}  // namespace fake

#endif
