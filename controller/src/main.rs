//! `sluice-controller`.

fn main() -> std::process::ExitCode {
    sluice_controller::command::main()
}
