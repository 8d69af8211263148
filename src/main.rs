//! The `tollgate` binary: hands the process's arguments and environment down.

use std::process::ExitCode;

// A call allocates some two hundred times, half of it in other crates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    tollgate::cli::main(std::env::args_os().collect(), env.collect())
}
