/**
 * The runner process: hosts kernels for one node and ends with it. It owns nothing but memory, so
 * the node may kill it at any time. Descriptor 3 is the socket to the node; argument 1 is JSON
 * `RunnerOptions`.
 */
import { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { KadreError } from '../../base/errors.ts';
import { type AddonFailure, loadAddon } from '../addon.ts';
import { type BackendChoice, chooseBackends } from '../choose-backends.ts';
import { type FoundDevice, findDevice, NO_DEVICE } from '../find-device.ts';
import type { KernelBackend } from '../kernel-call.ts';
import { LocalExecutor, onlyBackend } from '../local-executor.ts';
import { nativeBackends } from '../native-backend.ts';
import { jsBackend } from '../reference/js-backend.ts';
import { FRAME, FrameReader, frameHeader } from './frames.ts';
import { RunnerHost, type SendFrame } from './host.ts';
import { jsonBody, type RunnerReady } from './messages.ts';
import type { RunnerOptions } from './process.ts';

/** Parts below this many bytes together are copied into one write. */
const JOINED_BYTES_MAX = 1024 * 1024;
/** Bytes taken from the socket at once. */
const READ_BYTES = 1024 * 1024;

const options = JSON.parse(process.argv[2] ?? '{}') as RunnerOptions;
// Nothing here outlives the node, and kernels on other threads must not delay the end.
const end = () => process.kill(process.pid, 'SIGKILL');
let reader: FrameReader | undefined;
const socket = new Socket({
  fd: 3,
  readable: true,
  writable: true,
  // One large buffer instead of a new small one per read: input bytes are copied out at once.
  onread: {
    buffer: new Uint8Array(READ_BYTES),
    callback: (length, buffer) => {
      if (reader?.push(buffer.subarray(0, length)) === false) end();
      return true;
    },
  },
});

// The node decides when to stop: a signal to the whole group must not break its drain.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
socket.on('end', end).on('close', end).on('error', end);

const send: SendFrame = (kind, job, parts) => {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const pieces = [frameHeader({ kind, job, bytes }), ...parts];
  if (bytes <= JOINED_BYTES_MAX) {
    socket.write(Buffer.concat(pieces));
    return;
  }
  socket.cork();
  for (const piece of pieces) socket.write(piece);
  socket.uncork();
};

try {
  // Kernels give way to the node's own event loop, whose heartbeats others wait for.
  setPriority(options.niceness);
} catch {
  // A system that forbids it only loses that courtesy.
}
const { choice, ready } = await prepare(options);
// The node reads the last words of a process that ended.
const fault = (message: string) => {
  process.stderr.write(`${message}\n`);
  end();
};
// The node says nothing before READY, so no frame has been missed.
reader = new FrameReader(new RunnerHost(new LocalExecutor(choice), send, fault));
send(FRAME.ready, 0, [jsonBody(ready)]);

async function prepare(
  init: RunnerOptions,
): Promise<{ choice: BackendChoice; ready: RunnerReady }> {
  const { natives, device, ...facts } = await loadNatives(init);
  const { backend: onDevice, failures, ...seen } = device;
  const candidates = onDevice === undefined ? natives : [onDevice, ...natives];
  const choice =
    init.backend === 'auto'
      ? await chooseBackends([...candidates, jsBackend])
      : { ...onlyBackend(natives[0] ?? jsBackend), failures: [] };
  const selftestFailures = [...failures, ...choice.failures];
  return { choice, ready: { backend: choice.backend, ...facts, ...seen, selftestFailures } };
}

/** Why there are none is kept, except where one was demanded. */
async function loadNatives(init: RunnerOptions): Promise<{
  natives: readonly KernelBackend[];
  device: FoundDevice;
  cpuFeatures: readonly string[];
  addonFailures: readonly AddonFailure[];
}> {
  const nothing = { natives: [], device: NO_DEVICE, cpuFeatures: [] };
  if (init.backend === 'js') return { ...nothing, addonFailures: [] };
  try {
    const addon = await loadAddon(init.addonFiles ? { files: init.addonFiles } : {});
    const natives = nativeBackends(addon, init);
    const device = await findDevice(addon, natives[0]!, init);
    return { natives, device, cpuFeatures: addon.cpuFeatures(), addonFailures: [] };
  } catch (cause) {
    if (!(cause instanceof KadreError) || init.backend === 'native') throw cause;
    return { ...nothing, addonFailures: (cause.data.tried ?? []) as AddonFailure[] };
  }
}
