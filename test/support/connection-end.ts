/** The end of a process that is no child of ours: its end of a connection goes with it. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** Resolves when the process behind a node's API closes its connection, at the latest by dying. */
export async function connectionEnd(api: string): Promise<void> {
  const { hostname, port } = new URL(api);
  const socket = connect(Number(port), hostname);
  // Being reset is an end like any other.
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'close');
}
