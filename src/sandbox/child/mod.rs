//! The process that runs one call: `ashlar sandbox`.
//!
//! It boots an interpreter, locks itself down, says that it is ready, reads the code and its inputs to the end of its standard
//! input, calls `main` and writes what came out to its standard output. Where any part of the locking fails it says so and runs
//! nothing. It has one thread, since Landlock and seccomp bind the thread that applies them.

mod filter;
mod javascript;
mod lock;
mod python;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::call::{READY, REFUSED};

#[derive(Debug, Args)]
pub struct ChildArgs {
    /// Process that this one must not outlive
    #[arg(long)]
    parent: i32,

    #[arg(long)]
    memory_mb: u64,

    /// Processor time
    #[arg(long)]
    seconds: u64,

    /// Interpreter to run; without it the call is JavaScript
    #[arg(long, requires = "loader")]
    python: Option<PathBuf>,

    /// The interpreter's dynamic linker
    #[arg(long)]
    loader: Option<PathBuf>,

    /// Folder of packages that the interpreter finds; also to be named as readable
    #[arg(long, requires = "python")]
    packages: Option<PathBuf>,

    /// File or folder that the interpreter reads (repeatable)
    #[arg(long)]
    readable: Vec<PathBuf>,
}

/// Runs the call. Call it before any other thread exists.
pub fn run(args: &ChildArgs) -> ExitCode {
    let result = match (&args.python, &args.loader) {
        (Some(program), Some(loader)) => python::run(program, loader, args),
        _ => javascript::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = vec![REFUSED];
            message.extend(format!("{error:#}").into_bytes());
            io::stdout().write_all(&message).ok();
            ExitCode::FAILURE
        }
    }
}

/// Tells the parent that everything is locked.
fn say_ready() -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(&[READY])?;
    stdout.flush()
}
