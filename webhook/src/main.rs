//! `sluice-webhook`.

fn main() -> std::process::ExitCode {
    sluice_webhook::command::main()
}
