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
  let room: usize = CHUNK;
  let input = heap.alloc(room); // not zeroed: what is not read into is not touched
  let length: usize = 0;
  const call = new StaticArray<usize>(3); // address, length, bytes read
  const at = changetype<usize>(call);
  while (true) {
    call[0] = input + length;
    call[1] = room - length;
    if (fd_read(0, at, 1, at + 2 * sizeof<usize>()) != 0) exit(1);
    if (call[2] == 0) return String.UTF8.decodeUnsafe(input, length);
    length += call[2];
    if (length == room) {
      room *= 2;
      input = heap.realloc(input, room);
    }
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
