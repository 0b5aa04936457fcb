//! JavaScript: QuickJS inside this process, which can open nothing any more.

use std::io::{self, Read, Write};

use anyhow::{Context as _, Result};
use rquickjs::context::EvalOptions;
use rquickjs::{CaughtError, Context, Ctx, Function, Runtime, Value};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::lock::Files;
use super::{ChildArgs, filter, lock, say_ready};

/// Of the 8 MB that the process has.
const STACK: usize = 4 << 20;
/// What this program needs beside the heap of the code: the request and the reply.
const OVERHEAD: u64 = 64 << 20;
/// Longest message that goes back.
const MESSAGE: usize = 8000;

/// What scripts expect beside the language. Nobody reads what they print.
const PRELUDE: &str = "globalThis.console = Object.fromEntries(\
    ['log', 'info', 'warn', 'error', 'debug', 'trace', 'table', 'assert', 'time', 'timeEnd'].map((name) => [name, () => {}]));";

#[derive(Deserialize)]
struct Request {
    code: String,
    inputs: Box<RawValue>,
}

/// Why there is no result.
enum Failure {
    Error(String),
    OutOfMemory,
}

pub fn run(args: &ChildArgs) -> Result<()> {
    let memory = args.memory_mb << 20;
    let runtime = Runtime::new().context("starting QuickJS")?;
    runtime.set_memory_limit(memory.try_into().unwrap_or(usize::MAX));
    runtime.set_max_stack_size(STACK);
    let context = Context::full(&runtime).context("starting QuickJS")?;
    context.with(|ctx| ctx.eval::<(), _>(PRELUDE)).context("starting QuickJS")?;

    // read from a file, which is not possible later
    let address_space = own_size()? + memory + OVERHEAD;
    lock::detach(args.parent)?;
    lock::restrict(&Files::default())?;
    lock::limit(address_space, args.seconds)?;
    filter::lock_javascript()?;
    say_ready()?;

    let mut request = Vec::new();
    io::stdin().read_to_end(&mut request)?;
    let request: Request = serde_json::from_slice(&request)?;
    context.with(|ctx| {
        let mut reply = io::stdout().lock();
        match call(&ctx, &request, &mut reply) {
            Ok(()) => {}
            Err(Failure::OutOfMemory) => reply.write_all(json!({"out_of_memory": null}).to_string().as_bytes())?,
            Err(Failure::Error(message)) => reply.write_all(json!({"error": message}).to_string().as_bytes())?,
        }
        reply.flush()
    })?;
    // The server need not wait until the heap is gone, which goes with the process.
    nix::unistd::close(1)?;
    std::process::exit(0)
}

/// The address space in use, in bytes.
fn own_size() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading /proc/self/status: is /proc mounted?")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).context("/proc/self/status has no VmSize")?;
    let kb: u64 = line.trim().trim_end_matches(" kB").parse().context("reading VmSize")?;
    Ok(kb << 10)
}

/// Writes the reply when there is a result, straight from the code's heap: it may be large.
fn call(ctx: &Ctx<'_>, request: &Request, reply: &mut impl Write) -> Result<(), Failure> {
    let caught = |error| failure(CaughtError::from_error(ctx, error));
    let mut script = EvalOptions::default();
    script.strict = false;
    script.filename = Some("main.js".to_owned());
    ctx.eval_with_options::<(), _>(request.code.as_str(), script).map_err(caught)?;
    let main: Option<Function> = ctx.eval("typeof main === 'function' ? main : null").map_err(caught)?;
    let main = main.ok_or_else(|| Failure::Error("The code defines no function main.".to_owned()))?;
    let inputs = ctx.json_parse(request.inputs.get()).map_err(caught)?;
    let mut result: Value = main.call((inputs,)).map_err(caught)?;
    if let Some(promise) = result.as_promise().cloned() {
        result = match promise.finish() {
            Err(rquickjs::Error::WouldBlock) => return Err(Failure::Error("The promise of main is never settled.".to_owned())),
            settled => settled.map_err(caught)?,
        };
    }
    if !result.is_object() || result.is_array() || result.is_function() {
        return Err(Failure::Error(format!("main must return an object, not {}.", result.type_name())));
    }
    let text = ctx.json_stringify(result).map_err(caught)?;
    let text = text.ok_or_else(|| Failure::Error("main must return an object that JSON can hold.".to_owned()))?;
    let text = text.to_cstring().map_err(caught)?;
    let mut write = |bytes: &[u8]| reply.write_all(bytes).map_err(|error| Failure::Error(error.to_string()));
    write(b"{\"result\":")?;
    write(text.as_str().as_bytes())?;
    write(b"}")
}

/// What the code threw, as people know it from other engines: message, then stack.
fn failure(error: CaughtError<'_>) -> Failure {
    let message = match error {
        CaughtError::Exception(exception) => {
            let name: String = exception.get("name").unwrap_or_default();
            let message = exception.message().unwrap_or_default();
            if name == "InternalError" && message == "out of memory" {
                return Failure::OutOfMemory;
            }
            let stack = exception.stack().unwrap_or_default();
            format!("{name}: {message}\n{stack}")
        }
        // thrown by QuickJS itself when there is no memory left for an exception
        CaughtError::Value(value) if value.is_null() => return Failure::OutOfMemory,
        CaughtError::Value(value) => match value.get::<rquickjs::Coerced<String>>() {
            Ok(text) => format!("Uncaught {}", text.0),
            Err(_) => format!("Uncaught {}", value.type_name()),
        },
        CaughtError::Error(error) => error.to_string(),
    };
    let message = message.trim_end();
    let end = message.floor_char_boundary(MESSAGE);
    Failure::Error(message[..end].to_owned())
}
