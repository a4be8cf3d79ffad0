// SPDX-License-Identifier: Apache-2.0
//! Shows everything that a program can do in a Keep: arguments, environment, standard input, clocks, randomness, standard output and error, exit code.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufRead, Write};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// 2020-01-01: a clock that shows an earlier time is not set.
const EARLIEST: u64 = 1_577_836_800;

fn main() {
    let begun = Instant::now();
    let code = run().unwrap_or_else(|error| {
        eprintln!("hello: {error}");
        1
    });
    eprintln!("hello: done, clock moved on: {}", begun.elapsed().as_nanos() > 0);
    std::process::exit(code);
}

/// Ends with the exit code that the argument `--exit=N` gives, 0 without one.
fn run() -> io::Result<i32> {
    let mut out = io::stdout().lock();
    let mut code = 0;

    for (index, argument) in std::env::args().enumerate() {
        writeln!(out, "argument {index}: {argument}")?;
        if let Some(number) = argument.strip_prefix("--exit=") {
            code = number
                .parse()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("--exit={number}: {error}")))?;
        }
    }
    for (name, value) in std::env::vars() {
        writeln!(out, "environment {name}: {value}")?;
    }

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    writeln!(out, "clock is set: {}", now > EARLIEST)?;
    writeln!(out, "random number: {:016x}", random())?;

    let mut lines = 0;
    for line in io::stdin().lock().lines() {
        lines += 1;
        writeln!(out, "line {lines}: {}", line?)?;
    }
    writeln!(out, "lines read: {lines}")?;
    Ok(code)
}

/// The standard library seeds its hash maps from the host's random numbers: the way to them without a crate.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
