import type { ConnectRouter, Transport } from '@connectrpc/connect';

/** gRPC over unix sockets, as the device manager needs it. */
export interface Sockets {
  /**
   * Waits until somebody answers at `path`.
   * @throws CodedError `deadline-exceeded` when nobody has within so many milliseconds
   */
  dial(path: string, milliseconds: number, signal: AbortSignal): Promise<PluginConnection>;
  /** Serves on a new socket in place of what was at `path`. */
  serve(path: string, routes: (router: ConnectRouter) => void): Promise<{ close(): Promise<void> }>;
}

export interface PluginConnection {
  transport: Transport;
  close(): void;
}
