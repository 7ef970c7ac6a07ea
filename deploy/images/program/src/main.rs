//! Both programs of the image in one file, which does what it is called: most of each is the other's, too, and is pulled,
//! stored and kept in the page cache once.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use sluice_runtime::exit;

fn main() -> ExitCode {
    let called = env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default();
    match name.to_str() {
        Some("sluice-webhook") => sluice_webhook::command::main(),
        Some("sluice-controller") => sluice_controller::command::main(),
        _ => {
            let reason = "start this program as sluice-webhook or as sluice-controller, by a link of that name";
            exit::failed(&name.to_string_lossy(), exit::USAGE, &reason)
        }
    }
}
