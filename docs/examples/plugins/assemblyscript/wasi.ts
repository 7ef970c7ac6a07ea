// The four functions of WASI that a plugin needs: standard input, output, error, and an exit code.

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: u32, buffers: usize, count: u32, done: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: u32, buffers: usize, count: u32, done: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: u32): void;

const CHUNK = 64 * 1024;

/** All of standard input. */
export function readInput(): string {
  let input = new Uint8Array(0);
  const chunk = new Uint8Array(CHUNK);
  const call = new StaticArray<usize>(3); // address, length, bytes read
  const at = changetype<usize>(call);
  while (true) {
    call[0] = chunk.dataStart;
    call[1] = CHUNK;
    if (fd_read(0, at, 1, at + 2 * sizeof<usize>()) != 0) exit(1);
    const length = call[2] as i32;
    if (length == 0) return String.UTF8.decode(input.buffer);
    const longer = new Uint8Array(input.length + length);
    longer.set(input);
    longer.set(chunk.subarray(0, length), input.length);
    input = longer;
  }
}

/** Writes to standard output (1) or standard error (2). */
export function write(stream: u32, text: string): void {
  const bytes = String.UTF8.encode(text);
  const call = new StaticArray<usize>(3);
  const at = changetype<usize>(call);
  let from: usize = 0;
  while (from < (bytes.byteLength as usize)) {
    call[0] = changetype<usize>(bytes) + from;
    call[1] = (bytes.byteLength as usize) - from;
    if (fd_write(stream, at, 1, at + 2 * sizeof<usize>()) != 0) exit(1);
    from += call[2];
  }
}

export function exit(code: u32): void {
  proc_exit(code);
}
